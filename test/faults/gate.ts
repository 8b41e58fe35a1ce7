import type { SignedRoot } from "../../src/snapshot/model.ts";
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
  /** These come back in turn, whatever was asked; after the last of them the way is whole. Spaces of a root's `pad` are added there. */
  | { readonly kind: "answersInTurn"; readonly values: readonly unknown[] }
) & {
  /** These alone. Absent: all of the way. */
  readonly methods?: readonly string[];
};

/** What a gate tells. */
export interface Seen {
  /** How often each was called so far: `cell.exchange`; of roots also by the cell that asked: `control.roots LOC`. */
  readonly calls: Readonly<Record<string, number>>;
  /** Of all calls but exchanges, by their names. */
  readonly tookMs: Readonly<Record<string, readonly number[]>>;
  /** By way: answers of `answersInTurn` that nobody got yet. */
  readonly left: Readonly<Record<string, number>>;
  /** Ids of the isolates that exchanged. */
  readonly isolates: readonly string[];
  /** The last root that went to one of them, and all slices. */
  readonly news: { readonly root?: SignedRoot; readonly slices?: Readonly<Record<string, string>> };
}

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
const news = {};
const isolates = new Set();
const tookMs = {};
async function timed(name, call) {
  const since = Date.now();
  try { return await call(); } finally { (tookMs[name] ??= []).push(Date.now() - since); }
}
async function passed(way, method, given, call) {
  const name = way + "." + method;
  calls[name] = (calls[name] ?? 0) + 1;
  // Cells look for all of their gateways at once.
  if (name === "control.roots") {
    const key = name + " " + given[0][0]?.seen.location;
    calls[key] = (calls[key] ?? 0) + 1;
  }
  if (name !== "cell.exchange") return timed(name, () => broken(way, method, call));
  const [up] = given;
  isolates.add(up.isolate);
  const down = await broken(way, method, call);
  if (down?.root?.payload) news.root = down.root;
  Object.assign((news.slices ??= {}), down?.slices);
  return down;
}
async function broken(way, method, call) {
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
    case "answersInTurn": return fault.values.length > 0 ? padded(fault.values.shift()) : call();
  }
  throw new Error("no such fault: " + fault.kind);
}
function padded(value) {
  const { pad, ...root } = value?.root ?? {};
  return pad ? { ...value, root: { ...root, payload: root.payload + " ".repeat(pad) } } : value;
}
function entrypoint(way, methods) {
  const Entrypoint = class extends WorkerEntrypoint {};
  for (const method of methods) {
    Entrypoint.prototype[method] = function (...given) {
      return passed(way, method, given, () => this.env[way][method](...given));
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
    const left = Object.fromEntries(Object.entries(faults).map(([way, { values }]) => [way, values?.length ?? 0]));
    return Response.json({ calls, left, isolates: [...isolates], news, tookMs });
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
