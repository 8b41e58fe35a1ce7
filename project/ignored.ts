import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Keeps keys, tokens and all else that is made here out of a repository, whatever its own `.gitignore` says. One that stands there is left.
 *
 * @param folder exists
 * @param kept entries that may be committed, as `.gitignore` names them: `deployed.json`, `deploy/`
 */
export function ignoreAllBut(folder: string, kept: readonly string[]): void {
  const path = join(folder, ".gitignore");
  if (existsSync(path)) return;
  const lines = ["# Made by tulle: what else is here is secret, or made again.", "/*", "!/.gitignore"];
  writeFileSync(path, `${[...lines, ...kept.map((entry) => `!/${entry}`)].join("\n")}\n`);
}
