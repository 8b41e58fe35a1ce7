import { counterDigest, shardOf, storedName } from "../../src/limits/counter-name.ts";
import type { Grant, Taken } from "../../src/limits/limiter.ts";
import type { LimitsUp, RemoteAsk } from "../../src/snapshot/rpc.ts";

/** What is called of an object. */
interface LimiterRpc {
  take(asks: readonly RemoteAsk[]): Promise<Taken>;
  refund(asks: readonly RemoteAsk[], taken: Taken): Promise<void>;
  charge(asks: readonly RemoteAsk[]): Promise<void>;
}

/**
 * Asks the objects that count a request's keys, one after the other, always in the same order. Where one refuses, or fails,
 * the others get back what they charged.
 *
 * @param limiter by its name
 */
export async function takeLimits(
  up: LimitsUp,
  limiter: (name: string) => Pick<LimiterRpc, "take" | "refund">,
): Promise<Taken> {
  const { asks } = up;
  const groups = await groupsOf(up);
  const take = async (name: string, of: readonly RemoteAsk[]) => limiter(name).take(of);
  const grants: Grant[] = [];
  const done: { readonly name: string; readonly asks: RemoteAsk[]; readonly taken: Taken }[] = [];
  const giveBack = async () => Promise.allSettled(done.map((one) => limiter(one.name).refund(one.asks, one.taken)));
  for (const [name, group] of groups) {
    const taken = await take(name, group.asks).catch(async (error: unknown) => {
      await giveBack();
      throw error;
    });
    group.indexes.forEach((index, at) => {
      const grant = taken.grants[at];
      if (grant) grants[index] = grant;
    });
    if (taken.ok) done.push({ name, asks: group.asks, taken });
    else {
      await giveBack();
      return { ok: false, at: taken.at, grants: asks.map((_, index) => grants[index] ?? NOT_ASKED) };
    }
  }
  return { ok: true, at: done[0]?.taken.at ?? 0, grants };
}

/** Charges what answers cost. All objects are asked at once: what one charges is nothing to the others. */
export async function chargeLimits(up: LimitsUp, limiter: (name: string) => Pick<LimiterRpc, "charge">): Promise<void> {
  await Promise.all((await groupsOf(up)).map(async ([name, { asks }]) => limiter(name).charge(asks)));
}

interface Group {
  readonly indexes: number[];
  readonly asks: RemoteAsk[];
}

/** By the object that counts them, always in the same order. */
async function groupsOf({ location, asks }: LimitsUp): Promise<readonly (readonly [name: string, group: Group])[]> {
  const groups = new Map<string, Group>();
  for (const [index, ask] of asks.entries()) {
    const digest = await counterDigest(ask.counter);
    const name = objectOf(ask, location ?? "unknown", digest);
    const group = groups.get(name) ?? { indexes: [], asks: [] };
    groups.set(name, group);
    group.indexes.push(index);
    // Keys are of people, or secrets: none is written down.
    group.asks.push({ ...ask, counter: storedName(ask.shared.slice(0, -1), digest) });
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Of one behind another that refused: it may have room. */
const NOT_ASKED: Grant = { amount: 1, left: 0, resetMs: 0, retryAfterMs: 0, skipped: true };

function objectOf({ scope }: RemoteAsk, location: string, digest: string): string {
  const shard = shardOf(digest);
  return scope === "GLOBAL" ? `global/${shard}` : `location/${location}/${shard}`;
}
