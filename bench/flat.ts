import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * The contestant `flat`: the whole job in a page of straight code, which tells what the job has to cost. It is unsafe by
 * design and no part of the project: it is loaded in place from the project's shared papers where they are.
 */
const FILES: Readonly<Record<string, string>> = {
  "flat.js": "d24b064222246e0251f68c0aa492e101c4defb6e4c3873a4d55dee7ef1140610",
  "jwt.js": "4c5223f7aafa483c28136cc7835daa3875fce549d2cf511bb8018024c72bcbba",
};

/** A checkout lies beside the papers; a worktree may lie one folder deeper. */
const PLACES = [process.env["TULLE_SHARED"], "../shared", "../../shared"]
  .filter((place) => place !== undefined)
  .map((place) => resolve(import.meta.dirname, "..", place, "request-path"));

export type Flat =
  | { readonly modules: readonly { readonly type: "ESModule"; readonly path: string; readonly contents: string }[] }
  | { readonly missing: string };

/** Its modules, the entry first, or why there are none. */
export function loadFlat(places: readonly string[] = PLACES): Flat {
  const folder = places.find((place) => existsSync(join(place, "flat.js")));
  if (folder === undefined) return { missing: "the shared papers are not here (TULLE_SHARED names their folder)" };
  const modules = [];
  for (const [path, sha256] of Object.entries(FILES)) {
    const contents = readFileSync(join(folder, path), "utf8");
    if (createHash("sha256").update(contents).digest("hex") !== sha256)
      return { missing: `${path} is another than expected` };
    modules.push({ type: "ESModule" as const, path, contents });
  }
  return { modules };
}
