import { readdirSync } from "node:fs";
import { join, posix } from "node:path";

/** Folders of which nobody wrote the content. */
const SKIPPED = new Set(["node_modules", "dist", ".wrangler", ".tulle", ".git"]);

/** As wrangler looks for them in a folder: the first that is there is the one that it takes. */
const USUAL = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];
const NAMED = /^wrangler\.([\w-]+)\.(?:jsonc?|toml)$/;

/** Words of a stage, as `wrangler.staging.toml` names it: such a file has the same Worker with other settings. */
const STAGES = new Set(
  "ci dev develop development e2e local preprod preview prod production qa sandbox stage staging test testing uat".split(
    " ",
  ),
);

export interface FoundConfig {
  /** Relative to the folder searched, with `/`. */
  readonly path: string;
  /** Of `wrangler.staging.toml`; null: a Worker of its own. */
  readonly stage: string | null;
  /** The one that wrangler takes where this one lies: `wrangler.json` goes before `wrangler.toml`. */
  readonly hiddenBy: string | null;
}

/**
 * Wrangler's configurations in a folder and those below it, in the order of their paths.
 *
 * @param ignored paths of files and folders, relative to the folder, that are left out
 */
export function findConfigs(folder: string, ignored: readonly string[] = []): readonly FoundConfig[] {
  const left = new Set(ignored.map((path) => posix.normalize(path).replace(/\/$/, "")));
  const search = (below: string): readonly FoundConfig[] => {
    const entries = readdirSync(join(folder, below), { withFileTypes: true }).toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    const inside = entries.filter(({ name }) => !left.has(posix.join(below, name)));
    const files = inside.filter((entry) => entry.isFile()).map(({ name }) => name);
    const folders = inside.filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name));
    return [
      ...configsAmong(files).map((found) => ({ ...found, path: posix.join(below, found.path) })),
      ...folders.flatMap(({ name }) => search(posix.join(below, name))),
    ];
  };
  return search("");
}

function configsAmong(files: readonly string[]): readonly FoundConfig[] {
  const [first, ...others] = USUAL.filter((name) => files.includes(name));
  const named = files.filter((name) => NAMED.test(name));
  const stages = named.filter((name) => STAGES.has(wordOf(name)));
  // Where there are files of stages alone one of them is the Worker: the one that people are served by.
  const main = first ?? stages.find((name) => wordOf(name).startsWith("prod")) ?? stages[0];
  return [
    ...(first === undefined ? [] : [{ path: first, stage: null, hiddenBy: null }]),
    ...others.map((path) => ({ path, stage: null, hiddenBy: first ?? null })),
    ...named.map((path) => ({
      path,
      stage: path !== main && stages.includes(path) ? wordOf(path) : null,
      hiddenBy: null,
    })),
  ];
}

function wordOf(name: string): string {
  return NAMED.exec(name)?.[1]?.toLowerCase() ?? "";
}
