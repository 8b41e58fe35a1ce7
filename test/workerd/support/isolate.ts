import { env, exports } from "./env.ts";
import { FORMAT, type SignedRoot, type Slice } from "../../../src/snapshot/model.ts";
import { Configuration } from "../../../workers/gateway/exchange.ts";
import { publish } from "./control.ts";
import { type Tap, tapOf } from "./wire.ts";

/** One isolate of a gateway, with a cell and a place at control that no other test sees. */
export interface Isolate {
  readonly gateway: string;
  readonly location: string;
  readonly configuration: Configuration;
  readonly tap: Tap;
  /** Its clock is real, plus this: what would take minutes is told, not slept. */
  readonly clock: { aheadMs: number };
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
  const clock = { aheadMs: 0 };
  const configuration = new Configuration({
    state: exports.Wire({ props: { gateway } }),
    control: env.CONTROL,
    gateway,
    keys: env.SNAPSHOT_KEYS,
    registration: { bindings: [], hasPrivate: false, format: FORMAT },
    location: () => location,
    now: () => Date.now() + clock.aheadMs,
  });
  return {
    gateway,
    location,
    configuration,
    tap: tapOf(gateway),
    clock,
    publish: (generation, hosts, more = {}) =>
      publish({ gateway, generation, slices: { "mesh/*": hosts }, ...more }, env.SNAPSHOT_PRIVATE_KEY),
  };
}
