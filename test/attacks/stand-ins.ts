import { COMPATIBILITY_DATE, type gatewayWorker, STATE } from "../../edge/miniflare-workers.ts";
import { clockedModules } from "../support/clock.ts";

/** The gateway whose clock a case may set: its code is the deployed one, under a `Date.now` that can be put ahead. */
export const CLOCKED = "clocked";
/** The gateway that gets its snapshots by way of the forger. */
export const FORGED = "forged";
export const FORGER = "forger";
/** Another Worker of the account. */
export const OUTSIDER = "outsider";

const code = (contents: string) => ({ type: "ESModule" as const, path: "index.js", contents });

/** Passes exchanges on; from when it is told a forgery, that comes down instead of the root. */
const FORGER_CODE = `
import { WorkerEntrypoint } from "cloudflare:workers";
let forgery = null;
const roots = [];
export class State extends WorkerEntrypoint {
  async exchange(up) {
    const down = await this.env.REAL.exchange(up);
    if (down.root !== null) roots.push(down.root);
    return forgery === null ? down : { ...down, ...forgery };
  }
}
export default {
  async fetch(request) {
    if (request.method === "POST") forgery = await request.json();
    return Response.json(roots);
  },
};`;

/** Calls the gateway by a service binding and says all that such a caller can. */
const OUTSIDER_CODE = `
export default {
  async fetch(request, { GATEWAY }) {
    const { url, ...init } = await request.json();
    return GATEWAY.fetch(url, { ...init, redirect: "manual" });
  },
};`;

const CLOCK_SETTER_CODE = `export default { fetch: (request, { CLOCK }) => CLOCK.fetch(request) };`;
export const CLOCK_SETTER = "clock-setter";

type Deployed = Awaited<ReturnType<typeof gatewayWorker>>;
type Gateway = Omit<Deployed, "serviceBindings"> & { readonly serviceBindings: object };

/** What the cases need beside a mesh as it is deployed. */
export function standIns(gateways: { readonly clocked: Gateway; readonly forged: Gateway }) {
  const { clocked, forged } = gateways;
  const plain = (name: string, contents: string, serviceBindings: object) => ({
    name,
    modules: [code(contents)],
    compatibilityDate: COMPATIBILITY_DATE,
    serviceBindings: serviceBindings as Deployed["serviceBindings"],
  });
  return [
    {
      ...clocked,
      serviceBindings: clocked.serviceBindings as Deployed["serviceBindings"],
      modules: clockedModules(clocked.modules),
    },
    {
      ...forged,
      serviceBindings: {
        ...(forged.serviceBindings as Deployed["serviceBindings"]),
        STATE: { name: FORGER, entrypoint: "State" },
      },
    },
    plain(FORGER, FORGER_CODE, { REAL: { name: STATE, entrypoint: "State", props: { gateway: FORGED } } }),
    plain(OUTSIDER, OUTSIDER_CODE, { GATEWAY: "gateway" }),
    plain(CLOCK_SETTER, CLOCK_SETTER_CODE, { CLOCK: { name: CLOCKED, entrypoint: "Clock" } }),
  ];
}
