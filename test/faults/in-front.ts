import type { MeshOptions } from "./mesh.ts";

type Worker = Parameters<NonNullable<MeshOptions["changed"]>>[0];

/**
 * A Worker with a module in front of its code, which that finds as `./NAME.js`. It may have others in front of it already.
 *
 * @param contents the module's code, which has all that the Worker exports
 */
export function inFront(worker: Worker, name: string, contents: string): Worker {
  if (!("modules" in worker) || !Array.isArray(worker.modules)) return worker;
  const [first, ...others] = worker.modules as readonly {
    readonly type: "ESModule";
    readonly path: string;
    readonly contents: string;
  }[];
  return {
    ...worker,
    modules: [
      { type: "ESModule", path: "index.js", contents },
      { type: "ESModule", path: `${name}.js`, contents: first?.contents ?? "" },
      ...others,
    ],
  };
}
