import { type OwnWorker, sourceCode, workerCode } from "../project/built.ts";

const built = new Map<OwnWorker, Promise<string>>();

/** The code of a Worker of the mesh's own, as Miniflare takes it: a process builds each once. */
export async function moduleOf(name: OwnWorker) {
  let code = built.get(name);
  if (code === undefined) built.set(name, (code = workerCode(name)));
  return [esModule(await code)];
}

/** The same of another Worker of this checkout. */
export async function moduleFrom(entry: string) {
  return [esModule(await sourceCode(entry))];
}

function esModule(contents: string) {
  return { type: "ESModule" as const, path: "index.js", contents };
}
