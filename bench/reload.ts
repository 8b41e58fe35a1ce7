import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { COMPATIBILITY_DATE } from "../edge/miniflare-workers.ts";

const PROJECT = join(import.meta.dirname, "..");
const PORTS = ["--port-base", "30600", "--loopback", "127.0.73.0/24"];
const SAVES = 50;
const POLL_MS = 5;
const UP_MS = 60_000;
const SAVE_MS = 30_000;

const PUBLIC = `export default { fetch: (request, env) => env.OWN.fetch(request) };\n`;

/** Its answer is its version. */
function saved(version: number): string {
  return `export default { fetch: () => new Response("${version}") };\n`;
}

/**
 * Milliseconds from the save of a Worker's code to the first answer of the new version that its caller gets through the mesh of
 * `tulle dev`, for each of 50 saves.
 */
export async function reloadTimes(): Promise<readonly number[]> {
  const folder = mkdtempSync(join(tmpdir(), "tulle-reload-"));
  write(folder, {
    "tulle.jsonc": {
      mesh: "reload",
      namespaces: {
        bench: {
          services: {
            front: { versions: { v1: { config: "front/wrangler.json" } }, public: ["*"] },
            own: { versions: { v1: { config: "own/wrangler.json" } } },
          },
        },
      },
    },
    "front/wrangler.json": { ...worker("front"), services: [{ binding: "OWN", service: "own" }] },
    "front/index.js": PUBLIC,
    "own/wrangler.json": worker("own"),
    "own/index.js": saved(0),
  });
  const child = spawn(process.execPath, [join(PROJECT, "cli/tulle/main.ts"), "dev", folder, "-o", "json", ...PORTS], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  try {
    const url = await gatewayOf(child);
    await untilAnswer(url, 0, UP_MS);
    const times: number[] = [];
    for (let version = 1; version <= SAVES; version += 1) {
      const began = performance.now();
      write(folder, { "own/index.js": saved(version) });
      await untilAnswer(url, version, SAVE_MS);
      times.push(performance.now() - began);
    }
    return times;
  } finally {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

function worker(name: string): object {
  return { name, main: "index.js", compatibility_date: COMPATIBILITY_DATE };
}

function write(folder: string, files: Readonly<Record<string, unknown>>): void {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(folder, file, ".."), { recursive: true });
    writeFileSync(join(folder, file), typeof content === "string" ? content : JSON.stringify(content));
  }
}

async function gatewayOf(child: ChildProcess): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new Error("tulle dev has no output");
  const line = await new Promise<string>((up, failed) => {
    child.on("exit", (code) => failed(new Error(`tulle dev ended with ${code}`)));
    createInterface({ input: stdout }).once("line", up);
  });
  return (JSON.parse(line) as { gateway: string }).gateway;
}

async function untilAnswer(url: string, version: number, patienceMs: number): Promise<void> {
  const until = performance.now() + patienceMs;
  while (performance.now() < until) {
    const text = await fetch(url).then(
      async (response) => response.text(),
      () => "",
    );
    if (text === String(version)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`version ${version} did not answer within ${patienceMs} ms`);
}
