import { type OwnWorker, sourceCode, workerCode } from "../project/built.ts";

/** The code of a Worker of the mesh's own, as Miniflare takes it. */
export async function moduleOf(name: OwnWorker) {
  return [esModule(await workerCode(name))];
}

/** The same of another Worker of this checkout. */
export async function moduleFrom(entry: string) {
  return [esModule(await sourceCode(entry))];
}

function esModule(contents: string) {
  return { type: "ESModule" as const, path: "index.js", contents };
}
