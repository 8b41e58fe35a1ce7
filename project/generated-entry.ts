import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sidecar } from "../src/deployment/topology.ts";
import { SIDECAR } from "./built.ts";

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
  writeFileSync(
    join(folder, "calls.js"),
    `import { interceptFetch } from ${text(SIDECAR)};\n\ninterceptFetch(${JSON.stringify(hosts, null, 2)}, ${text(rest)});\n`,
  );
  const entry = join(folder, "entry.js");
  // The calls come first: modules are evaluated in order, so that the Worker's code already sees the mesh's fetch.
  writeFileSync(entry, `import "./calls.js";\nexport * from ${text(main)};\nexport { default } from ${text(main)};\n`);
  return entry;
}

function text(value: string | null): string {
  return JSON.stringify(value);
}
