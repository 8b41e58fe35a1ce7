import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sidecar } from "../src/deployment/topology.ts";
import { fileOf } from "./built.ts";

/**
 * Writes the entry of a Worker that calls others by host name: its own module with all its exports, after `fetch` was made
 * to go through the mesh.
 *
 * @param folder for this Worker's files alone
 * @param main its module, absolute
 * @returns the entry's path
 */
export function writeEntry(folder: string, main: string, { hosts, rest }: Sidecar): string {
  mkdirSync(folder, { recursive: true });
  writeChanged(
    join(folder, "calls.js"),
    `import { interceptFetch } from ${text(fileOf("sidecar"))};\n\ninterceptFetch(${JSON.stringify(hosts, null, 2)}, ${text(rest)});\n`,
  );
  const entry = join(folder, "entry.js");
  // The calls come first: modules are evaluated in order, so that the Worker's code already sees the mesh's fetch.
  writeChanged(
    entry,
    `import "./calls.js";\nimport * as own from ${text(main)};\n\nexport * from ${text(main)};\n` +
      // The runtime takes a module without a default export, but not an undefined one.
      `export default Reflect.get(own, "default") ?? {};\n`,
  );
  return entry;
}

/** What watches a file takes each write for a save. */
export function writeChanged(path: string, text: string): void {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
}

function text(value: string | null): string {
  return JSON.stringify(value);
}
