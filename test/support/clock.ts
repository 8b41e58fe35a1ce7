/** A module of a Worker, as Miniflare takes it. */
interface CodeModule {
  readonly type: "ESModule";
  readonly path: string;
  readonly contents: string;
}

/**
 * A Worker's code as it is deployed, under a `Date.now` that can be put ahead by its entrypoint `Clock`.
 *
 * @param modules the first is all that there is
 */
export function clockedModules([module]: readonly { readonly contents: string }[]): CodeModule[] {
  return [
    { type: "ESModule", path: "index.js", contents: CLOCK_CODE },
    { type: "ESModule", path: "deployed.js", contents: module?.contents ?? "" },
  ];
}

const CLOCK_CODE = `
import { WorkerEntrypoint } from "cloudflare:workers";
import deployed from "./deployed.js";
export * from "./deployed.js";
export default deployed;
const real = Date.now.bind(Date);
let ahead = 0;
Date.now = () => real() + ahead;
export class Clock extends WorkerEntrypoint {
  fetch(request) {
    ahead = Number(new URL(request.url).searchParams.get("ahead"));
    return new Response(String(Date.now()));
  }
}`;
