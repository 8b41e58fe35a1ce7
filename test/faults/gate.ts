import { COMPATIBILITY_DATE, CONTROL, STATE } from "../../edge/miniflare-workers.ts";

/** Between whom a gate stands: isolates and their cell and limiter, gateways and control, cells and control. */
export type Way = "cell" | "registration" | "control";

/** What happens to calls of a way. */
export type Fault = (
  | { readonly kind: "throws"; readonly message?: string; readonly overloaded?: boolean; readonly retryable?: boolean }
  | { readonly kind: "hangs" }
  | { readonly kind: "waits"; readonly ms: number }
  /** It is done, and the answer to it is lost. */
  | { readonly kind: "loses" }
  /** This comes back, whatever was asked. */
  | { readonly kind: "answers"; readonly value: unknown }
  /** What comes back has these fields in place of its own. */
  | { readonly kind: "changes"; readonly value: object }
) & {
  /** These alone. Absent: all of the way. */
  readonly methods?: readonly string[];
};

/** Methods of each way's entrypoint, as src/snapshot/rpc.ts has them. */
const METHODS = {
  cell: ["exchange", "take", "charge", "keys"],
  registration: ["register"],
  control: ["root", "roots", "slices", "report", "tailed", "counted", "keys"],
} as const satisfies Readonly<Record<Way, readonly string[]>>;

const CODE = `
import { WorkerEntrypoint } from "cloudflare:workers";
const faults = {};
const calls = {};
async function passed(way, method, call) {
  const name = way + "." + method;
  calls[name] = (calls[name] ?? 0) + 1;
  const fault = faults[way];
  if (fault === undefined || (fault.methods && !fault.methods.includes(method))) return call();
  switch (fault.kind) {
    case "throws": {
      const { message = "a fault of the trial", overloaded, retryable } = fault;
      throw Object.assign(new Error(message), overloaded && { overloaded }, retryable && { retryable });
    }
    case "hangs": return new Promise(() => setInterval(() => undefined, 60_000));
    case "waits": await scheduler.wait(fault.ms); return call();
    case "loses": await call(); throw Object.assign(new Error("Network connection lost."), { retryable: true });
    case "answers": return fault.value;
    case "changes": return { ...(await call()), ...fault.value };
  }
  throw new Error("no such fault: " + fault.kind);
}
function entrypoint(way, methods) {
  const Entrypoint = class extends WorkerEntrypoint {};
  for (const method of methods) {
    Entrypoint.prototype[method] = function (...given) {
      return passed(way, method, () => this.env[way][method](...given));
    };
  }
  return Entrypoint;
}
const METHODS = ${JSON.stringify(METHODS)};
export const cell = entrypoint("cell", METHODS.cell);
export const registration = entrypoint("registration", METHODS.registration);
export const control = entrypoint("control", METHODS.control);
export default {
  async fetch(request) {
    if (request.method === "POST") {
      const { way, fault } = await request.json();
      if (fault === null) delete faults[way];
      else faults[way] = fault;
    }
    if (request.method === "DELETE") for (const way of Object.keys(faults)) delete faults[way];
    return Response.json(calls);
  },
};`;

const module = { type: "ESModule" as const, path: "index.js", contents: CODE };

type Binding = { readonly name: string; readonly entrypoint: string; readonly props?: Record<string, unknown> };

function gate(name: string, serviceBindings: Readonly<Partial<Record<Way, Binding>>>) {
  return { name, modules: [module], compatibilityDate: COMPATIBILITY_DATE, serviceBindings };
}

/** Between the cells and control. */
export const CONTROL_GATE = "gate-control";

export function controlGate() {
  const props = { state: STATE };
  return gate(CONTROL_GATE, { control: { name: CONTROL, entrypoint: "StateApi", props } });
}

export const gateOf = (gateway: string): string => `gate-${gateway}`;

/** Between a gateway and the mesh. */
export function gatewayGate(gateway: string) {
  const props = { gateway, fronts: ["*"], gateways: ["*"] };
  return gate(gateOf(gateway), {
    cell: { name: STATE, entrypoint: "State", props: { gateway } },
    registration: { name: CONTROL, entrypoint: "ConfigApi", props },
  });
}

/** Where a Worker's way goes in place of its usual end. */
export function through(gateName: string, way: Way): Binding {
  return { name: gateName, entrypoint: way };
}
