import { describe, expect, it, vi } from "vitest";
import { API_KEY_BYTES, apiKeyHash, apiKeyOf } from "../../src/identity/api-key.ts";
import type { ApiKeyFact } from "../../src/request/api-key-fact.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { ApiKeys } from "../../workers/gateway/api-keys.ts";

const KNOWN: ApiKeyFact = {
  state: "known",
  key: { id: "1", name: "acme", namespace: "shop", plan: null, labels: {}, expiresAt: null },
};
const UNKNOWN: ApiKeyFact = { state: "unknown" };
const UNAVAILABLE: ApiKeyFact = { state: "unavailable" };

const keyAt = (number: number): string => {
  const bytes = new Uint8Array(API_KEY_BYTES);
  new DataView(bytes.buffer).setUint32(0, number);
  return apiKeyOf(bytes);
};
const KEY = keyAt(0);

type Ask = (hashes: readonly string[]) => Promise<readonly ApiKeyFact[]>;

/** An isolate, with a clock of its own unless it is told another. */
function isolate(ask: Ask, clock?: () => number) {
  const time = { now: 1_000_000 };
  const calls: (readonly string[])[] = [];
  const counted: string[] = [];
  const keys = new ApiKeys({
    state: {
      keys: async (hashes) => {
        calls.push(hashes);
        return ask(hashes);
      },
    },
    count: (key) => void counted.push(key),
    now: clock ?? (() => time.now),
  });
  const ctx = { waitUntil: () => undefined };
  return { keys, time, calls, counted, find: async (key: string) => keys.find(key, ctx) };
}

const allKnown: Ask = async (hashes) => hashes.map(() => KNOWN);
const allUnknown: Ask = async (hashes) => hashes.map(() => UNKNOWN);

describe("an isolate that is shown API keys", () => {
  it("asks once for one that many requests bring, by its hash, and knows it for a minute", async () => {
    const { keys, time, calls, find } = isolate(allKnown);
    const facts = await Promise.all(Array.from({ length: 50 }, async () => find(KEY)));
    expect(new Set(facts)).toEqual(new Set([KNOWN]));
    expect(calls).toEqual([[await apiKeyHash(KEY)]]);
    time.now += 59_999;
    expect(keys.cached(KEY)).toEqual(KNOWN);
    time.now += 1;
    expect(keys.cached(KEY)).toBeUndefined();
  });

  it("remembers for ten seconds that nobody knows one, or that it was revoked", async () => {
    for (const fact of [UNKNOWN, { state: "revoked", namespace: "shop" } as const]) {
      const { keys, time, find } = isolate(async () => [fact]);
      expect(await find(KEY)).toEqual(fact);
      time.now += 9_999;
      expect(keys.cached(KEY)).toEqual(fact);
      time.now += 1;
      expect(keys.cached(KEY)).toBeUndefined();
    }
  });

  it("counts the minute from when it asked: what was revoked since is not known longer", async () => {
    const held = Promise.withResolvers<readonly ApiKeyFact[]>();
    const { keys, time, find } = isolate(async () => held.promise);
    const found = find(KEY);
    time.now += 1_500;
    held.resolve([KNOWN]);
    expect(await found).toEqual(KNOWN);
    time.now += 58_499;
    expect(keys.cached(KEY)).toEqual(KNOWN);
    time.now += 1;
    expect(keys.cached(KEY)).toBeUndefined();
  });

  it("asks for all that came meanwhile at once, 64 of them at most, and never by two calls at a time", async () => {
    const held = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const { calls, find } = isolate(async (hashes) => {
      running += 1;
      most = Math.max(most, running);
      await held.promise;
      running -= 1;
      return allKnown(hashes);
    });
    const all = Array.from({ length: 101 }, async (_, at) => find(keyAt(at)));
    held.resolve();
    expect(await Promise.all(all)).toEqual(all.map(() => KNOWN));
    expect(calls.map(({ length }) => length)).toEqual([1, 64, 36]);
    expect(most).toBe(1);
  });

  it("spends few calls and bounded room on a flood of keys that nobody knows, and forgets no good one for it", async () => {
    const good = await apiKeyHash(KEY);
    const { keys, calls, find } = isolate(
      async (hashes) => hashes.map((hash) => (hash === good ? KNOWN : UNKNOWN)),
      () => Date.now(),
    );
    expect(await find(KEY)).toEqual(KNOWN);
    const flood = await Promise.all(Array.from({ length: 3_000 }, async (_, at) => find(keyAt(at + 1))));
    const unknown = flood.filter(({ state }) => state === "unknown").length;
    // All others had no room to wait, and were told so at once.
    expect(flood.filter(({ state }) => state === "unavailable").length).toBe(3_000 - unknown);
    expect(unknown).toBeLessThanOrEqual(512 + 64);
    expect(calls.length).toBeLessThanOrEqual(12);
    expect(keys.cached(KEY)).toEqual(KNOWN);
  });

  it("makes calls far apart once many in a second were for nothing", async () => {
    const { time, calls, find } = isolate(allUnknown);
    for (let number = 0; number < 21; number += 1) await find(keyAt(number));
    expect(calls.length).toBe(21);
    const found = find(keyAt(21));
    // A call would have hashed its key, and be made by then.
    for (let turn = 0; turn < 5; turn += 1) await apiKeyHash(KEY);
    expect(calls.length).toBe(21);
    time.now += 50;
    expect(await found).toEqual(UNKNOWN);
    expect(calls.length).toBe(22);
  });

  it("says that nobody can tell where the call fails, asks nobody for a second, and then again", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    let isAway = true;
    const { time, calls, counted, find } = isolate(async (hashes) => {
      if (isAway) throw new Error("control is away");
      return allKnown(hashes);
    });
    expect([await find(KEY), await find(KEY)]).toEqual([UNAVAILABLE, UNAVAILABLE]);
    expect([calls.length, warn.mock.calls.length]).toEqual([1, 1]);
    expect(counted).toEqual([counterKey("tulle_api_key_lookups_total", { result: "failed" })]);
    expect(JSON.stringify(warn.mock.calls)).not.toContain(KEY);
    isAway = false;
    time.now += 1_000;
    expect(await find(KEY)).toEqual(KNOWN);
    warn.mockRestore();
  });

  it("keeps no fact past its end where it cannot ask: an expired memory is closed", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    let isAway = false;
    const { time, find } = isolate(async (hashes) => {
      if (isAway) throw new Error("control is away");
      return allKnown(hashes);
    });
    expect(await find(KEY)).toEqual(KNOWN);
    isAway = true;
    time.now += 59_000;
    expect(await find(KEY)).toEqual(KNOWN);
    time.now += 1_000;
    expect(await find(KEY)).toEqual(UNAVAILABLE);
    warn.mockRestore();
  });

  it("asks anew where a call died with the request that began it", async () => {
    const held = Promise.withResolvers<readonly ApiKeyFact[]>();
    let dead = true;
    const { time, calls, find } = isolate(async (hashes) => (dead ? held.promise : allKnown(hashes)));
    const first = find(KEY);
    await vi.waitUntil(() => calls.length === 1, { timeout: 60_000, interval: 5 });
    dead = false;
    time.now += 2_001;
    expect(await find(KEY)).toEqual(KNOWN);
    held.resolve([UNKNOWN]);
    // Its patience is over, and what the other learned is there.
    expect(await first).toBeDefined();
    expect(calls.length).toBe(2);
  });
});
