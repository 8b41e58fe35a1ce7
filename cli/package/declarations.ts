import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { LIBRARY, ROOT } from "../../project/built.ts";

/**
 * Writes `NAME.d.ts` for what users import, beside `NAME.js`.
 *
 * @param library name to source, which may be an absolute path
 * @throws where one needs the types of another file, which the package would not have
 */
export function declareInto(dist: string, library: Readonly<Record<string, string>> = LIBRARY): void {
  const folder = join(dist, "declarations");
  for (const [name, entry] of Object.entries(library)) {
    const args = ["--ignoreConfig", "--noCheck", "--isolatedDeclarations", "--declaration", "--emitDeclarationOnly"];
    const target = ["--target", "es2024", "--module", "esnext", "--moduleResolution", "bundler"];
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    execFileSync(tsc, [...args, ...target, "--allowImportingTsExtensions", "--outDir", folder, resolve(ROOT, entry)], {
      stdio: "inherit",
    });
    const made = join(folder, `${basename(entry, ".ts")}.d.ts`);
    if (/(from|import) ?\(?"\./.test(readFileSync(made, "utf8")))
      throw new Error(`the types of ${entry} name those of another file: write them out in it`);
    renameSync(made, join(dist, `${name}.d.ts`));
    rmSync(folder, { recursive: true });
  }
}
