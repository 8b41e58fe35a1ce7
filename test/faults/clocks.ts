import { inFront } from "./in-front.ts";
import type { FaultMesh, MeshOptions } from "./mesh.ts";

const PATH = "/set-the-clock";

type Worker = Parameters<NonNullable<MeshOptions["changed"]>>[0];

/** A Worker as it is deployed, whose clock can be set by `setClock`. */
export function withClock(worker: Worker): Worker {
  return inFront(worker, "clocked", CODE);
}

/** @param aheadMs of the world's; below 0: behind */
export async function setClock(mesh: FaultMesh, worker: string, aheadMs: number): Promise<void> {
  const now = Number(await mesh.ask(worker, `${PATH}?ahead=${aheadMs}`));
  if (Math.abs(now - Date.now() - aheadMs) > 5_000) throw new Error(`the clock of ${worker} is at ${now}`);
}

const CODE = `
import deployed from "./clocked.js";
export * from "./clocked.js";
const real = Date.now.bind(Date);
let ahead = 0;
Date.now = () => real() + ahead;
export default {
  ...deployed,
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname !== "${PATH}") return deployed.fetch(request, env, ctx);
    ahead = Number(url.searchParams.get("ahead"));
    return new Response(String(Date.now()));
  },
};`;
