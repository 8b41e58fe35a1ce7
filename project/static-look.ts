import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { FoundCode } from "../src/deployment/found-worker.ts";

const SOURCES = new Set([".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"]);
const SKIPPED = new Set(["node_modules", "dist", "build", "test", "tests", "__tests__", "coverage"]);
/** Enough for a Worker; what has more is looked at in part: this gives hints. */
const MOST_FILES = 500;
/** Bytes; longer ones are bundles. */
const LONGEST_FILE = 512 * 1024;

/**
 * Looks at the text of a Worker's files.
 *
 * @param main of the Worker, absolute
 * @param folder whose files are its own, absolute; null: only `main` is
 * @param bindings its service bindings
 */
export function lookAtCode(main: string, folder: string | null, bindings: readonly string[]): FoundCode {
  const entry = existsSync(main) ? readFileSync(main, "utf8") : "";
  const files = folder === null ? [] : sourcesIn(folder, []).filter((file) => file !== main);
  const texts = [entry, ...files.map((file) => readFileSync(file, "utf8"))].map(withoutComments);
  const all = texts.join("\n");
  return {
    connects: /["'`]cloudflare:sockets["'`]/.test(all),
    // As a method or a function, not as a call; an application object may be exported in its place.
    answersFetch:
      /^\s*(?:export\s+)?(?:async\s+)?(?:function\s+)?fetch\s*[(:,]/m.test(all) ||
      /export\s+default\s+\w+\s*;?\s*$/m.test(entry),
    hosts: [
      ...new Set([...all.matchAll(/(?<![.\w$])fetch\s*\(\s*["'`]http:\/\/([\w.-]+)/g)].map(([, host = ""]) => host)),
    ],
    rpc: bindings.filter((binding) =>
      new RegExp(String.raw`\b${binding}\s*\.\s*(?!fetch\b|connect\b)[A-Za-z_$][\w$]*\s*\(`).test(all),
    ),
  };
}

function sourcesIn(folder: string, found: string[]): readonly string[] {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (found.length >= MOST_FILES) break;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !SKIPPED.has(entry.name) && !entry.name.startsWith(".") && !holdsConfig(path))
      sourcesIn(path, found);
    if (entry.isFile() && isSource(entry.name) && statSync(path).size <= LONGEST_FILE) found.push(path);
  }
  return found;
}

function isSource(name: string): boolean {
  return SOURCES.has(extname(name)) && !/\.d\.[mc]?ts$|\.(?:test|spec)\.\w+$|\.config\.\w+$/.test(name);
}

/** What lies there is another Worker's. */
function holdsConfig(folder: string): boolean {
  return ["wrangler.json", "wrangler.jsonc", "wrangler.toml"].some((name) => existsSync(join(folder, name)));
}

/** Good enough for hints: a comment's words are no code. A `//` after a colon belongs to a URL. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|[^:"'`])\/\/.*$/gm, "$1");
}

/** The tool that makes a Worker's code in its folder, by what is installed there. */
export function frameworkOf(folder: string): string | null {
  const path = join(folder, "package.json");
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  return FRAMEWORKS.find(([dependency]) => text.includes(`"${dependency}"`))?.[1] ?? null;
}

/** Whether vite makes the Worker, with Cloudflare's plugin. */
export function isBuiltByVite(folder: string): boolean {
  return ["ts", "mts", "js", "mjs"]
    .map((ending) => join(folder, `vite.config.${ending}`))
    .some((path) => existsSync(path) && readFileSync(path, "utf8").includes("@cloudflare/vite-plugin"));
}

const FRAMEWORKS: readonly (readonly [dependency: string, name: string])[] = [
  ["@opennextjs/cloudflare", "OpenNext"],
  ["@cloudflare/next-on-pages", "next-on-pages"],
  ["@astrojs/cloudflare", "Astro"],
  ["@sveltejs/adapter-cloudflare", "SvelteKit"],
  ["nuxt", "Nuxt"],
  ["nitropack", "Nitro"],
  ["@tanstack/react-start", "TanStack Start"],
  ["@solidjs/start", "SolidStart"],
  ["@remix-run/cloudflare", "Remix"],
  ["@react-router/dev", "React Router"],
  ["@builder.io/qwik-city", "Qwik City"],
  ["@analogjs/platform", "Analog"],
  ["rwsdk", "RedwoodSDK"],
  ["waku", "Waku"],
  ["vike", "Vike"],
  ["@angular/ssr", "Angular"],
];
