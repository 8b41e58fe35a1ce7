import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LIBRARY, ROOT } from "../../project/built.ts";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Run as programs by what is built; no code imports them. */
const RUN: readonly string[] = ["wrangler"];

/** The oldest Node that wrangler and commander run on. */
const NODE = ">=22.12";

/**
 * @param imported the npm packages that the built code imports
 * @returns the package's own package.json
 * @throws where one of them is no dependency of the checkout
 */
export function manifestOf(imported: readonly string[]): object {
  const { name, version, description, license, dependencies } = JSON.parse(
    readFileSync(join(ROOT, "package.json"), "utf8"),
  ) as Manifest;
  const needed = [...new Set([...imported, ...RUN])].toSorted();
  const missing = needed.filter((each) => dependencies[each] === undefined);
  if (missing.length > 0) throw new Error(`not among \`dependencies\` of package.json: ${missing.join(", ")}`);
  return {
    name,
    version,
    description,
    license,
    type: "module",
    bin: { tulle: "dist/tulle.mjs" },
    exports: {
      ...Object.fromEntries(
        Object.keys(LIBRARY).map((each) => [
          `./${each}`,
          { types: `./dist/${each}.d.ts`, default: `./dist/${each}.js` },
        ]),
      ),
      "./package.json": "./package.json",
    },
    engines: { node: NODE },
    dependencies: Object.fromEntries(needed.map((each) => [each, dependencies[each]])),
  };
}
