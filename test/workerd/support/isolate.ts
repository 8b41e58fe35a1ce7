import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "./env.ts";
import { FORMAT, type SignedRoot, type Slice } from "../../../src/snapshot/model.ts";
import { Exchange } from "../../../workers/gateway/exchange.ts";
import { publish } from "./control.ts";
import { type Tap, tapOf } from "./wire.ts";

/** One isolate of a gateway, with a cell and a place at control that no other test sees. */
export interface Isolate {
  readonly gateway: string;
  readonly location: string;
  readonly exchange: Exchange;
  readonly tap: Tap;
  /** Its clock stands still but for what a test adds, so that a busy machine makes nothing stale; `runs`: a real one. */
  readonly clock: { aheadMs: number; runs: boolean };
  /** One request that waits for a host of the mesh, and the exchange that it starts. */
  resolve(host: string): ReturnType<Exchange["resolve"]>;
  /** One request, and the exchanges that its timer makes. */
  exchanged(): Promise<void>;
  /** Signs a generation that lists these hosts in `mesh/*`, and lets control give it out. */
  publish(
    generation: number,
    hosts: Readonly<Record<string, Slice>>,
    more?: { maxAgeMs?: number; issuedAt?: number },
  ): Promise<SignedRoot>;
}

/** @param beside an isolate of the same gateway and location, where two are needed */
export function newIsolate(beside?: Isolate): Isolate {
  const gateway = beside?.gateway ?? `gateway-${crypto.randomUUID()}`;
  const location = beside?.location ?? `L-${crypto.randomUUID()}`;
  const clock = { aheadMs: 0, runs: false };
  const began = Date.now();
  const exchange = new Exchange({
    state: exports.Wire({ props: { gateway } }),
    control: env.CONTROL,
    gateway,
    keys: env.SNAPSHOT_KEYS,
    registration: { bindings: [`EP_${gateway}`], hasPrivate: false, format: FORMAT },
    exporters: [],
    recorder: null,
    location: () => location,
    probe: async () => true,
    line: ({ requestId, path }) => JSON.stringify({ request_id: requestId, path }),
    now: () => (clock.runs ? Date.now() : began) + clock.aheadMs,
  });
  return {
    gateway,
    location,
    exchange,
    tap: tapOf(gateway),
    clock,
    resolve: async (host) => inContext((ctx) => exchange.resolve("mesh/*", host, ctx)),
    exchanged: async () => {
      await inContext(async (ctx) => exchange.arm(ctx));
    },
    publish: (generation, hosts, more = {}) =>
      publish({ gateway, generation, slices: { "mesh/*": hosts }, ...more }, env.SNAPSHOT_PRIVATE_KEY),
  };
}

/** An isolate that serves generation 7 of these hosts, and whose cell knows it. Nothing of that is in its `tap`. */
export async function newServing(hosts: Readonly<Record<string, Slice>>, inUse: string): Promise<Isolate> {
  const isolate = newIsolate();
  await isolate.publish(7, hosts);
  await isolate.resolve(inUse);
  await isolate.exchanged();
  isolate.tap.ups.length = 0;
  return isolate;
}

/** Does it as a request, and waits for all that it leaves in `waitUntil`. */
async function inContext<T>(does: (ctx: ExecutionContext) => Promise<T>): Promise<T> {
  const ctx = createExecutionContext();
  const value = await does(ctx);
  await waitOnExecutionContext(ctx);
  return value;
}
