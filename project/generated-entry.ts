import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Sidecar } from "../src/deployment/topology.ts";
import { fileOf } from "./built.ts";

/** Of a Worker that calls nobody by host name. */
export const NO_CALLS: Sidecar = { hosts: {}, rest: null };

/**
 * Writes the entry of a Worker that calls others: its own module with all its exports, after `fetch` was made to go through the
 * mesh, and calls by bindings to take the context along of the call for which they are made.
 *
 * @param folder for this Worker's files alone
 * @param main its module, absolute
 * @param bindings that lead into the mesh
 * @returns the entry's path
 */
export function writeEntry(
  folder: string,
  main: string,
  { hosts, rest }: Sidecar,
  bindings: readonly { readonly binding: string }[],
): string {
  mkdirSync(folder, { recursive: true });
  writeChanged(
    join(folder, "calls.js"),
    `import { carryOver, interceptFetch } from ${text(fileOf("sidecar"))};\n\n` +
      `carryOver(${JSON.stringify(bindings.map(({ binding }) => binding))});\n` +
      `interceptFetch(${JSON.stringify(hosts, null, 2)}, ${text(rest)});\n` +
      // Without an export esbuild takes it for CommonJS where a package.json says so, as that of `npm init` does, and its imports,
      // which wait for what the sidecar loads, end up in a function that cannot.
      `export {};\n`,
  );
  const entry = join(folder, "entry.js");
  // The calls come first: modules are evaluated in order, so that the Worker's code already sees the mesh's fetch.
  writeChanged(
    entry,
    `import "./calls.js";\nimport { carryContext } from ${text(fileOf("sidecar"))};\nimport * as own from ${text(main)};\n\n` +
      `carryContext(own);\n\nexport * from ${text(main)};\n` +
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
