import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Limits, LimitsReset } from "../../src/api/limit-operations.ts";
import { mayHold, storedNameOf } from "../../src/limits/counter-name.ts";
import type { CountOrders, SeenCount } from "../../src/limits/seen-counts.ts";
import { RunningControl } from "./running.ts";

const POLICY = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: tulle.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: api, namespace: shop }
spec:
  targetRefs:
    - { kind: Service, name: orders }
    - { kind: Service, name: carts }
  limits:
    - { name: per-client, key: [source.address], rates: [{ limit: 10, window: 24h }] }
    - { name: all, shared: true, rates: [{ limit: 10, window: 24h }] }
    - { name: here, scope: Local, rates: [{ limit: 10, window: 24h }] }`;
const CLIENT = "203.0.113.7";

let control: RunningControl;
const tokens = { viewer: "", editor: "", other: "" };

beforeAll(async () => {
  control = await RunningControl.start();
  expect(await control.apply(POLICY)).toMatchObject({ status: 200 });
  for (const [name, role, namespace] of [
    ["viewer", "viewer", "shop"],
    ["editor", "editor", "shop"],
    ["other", "editor", "other"],
  ] as const) {
    const { json } = await control.call("POST", "/api/v1/tokens", { name, role, namespace });
    tokens[name] = (json as unknown as { token: string }).token;
  }
});
afterAll(() => control.stop());

const countOf = (counter: string, left: number): SeenCount => ({
  counter,
  limit: 10,
  windowMs: 86_400_000,
  most: 10,
  left,
  resetMs: 3_600_000,
  at: Date.now(),
});

const tell = async (object: string, counts: readonly SeenCount[], obeyed = 0): Promise<CountOrders> =>
  (await control.rpc("STATE", "counted", { object, counts, obeyed })) as CountOrders;

async function seen(query: string, token?: string): Promise<readonly string[]> {
  const { status, json } = await control.call("GET", `/api/v1/limits${query}`, undefined, token ? { token } : {});
  expect(status).toBe(200);
  return Limits.parse(json).counts.map(
    (one) => `${one.namespace}/${one.policy}/${one.limit} ${one.location} ${one.used}`,
  );
}

const reset = async (body: unknown, token?: string) =>
  control.call("POST", "/api/v1/limits/reset", body, token ? { token } : {});

describe("how limits stand", () => {
  it("is told nearest first, to a namespace's token of its own policies alone", async () => {
    await tell("global/3", [countOf("shop/api/per-client|Service/orders|+", 4), countOf("other/api/l||+", 1)]);
    await tell("location/FRA/9", [countOf("shop/api/all||+", 0), countOf("no name of a count", 0)]);
    const [all, per, other] = ["shop/api/all FRA 1", "shop/api/per-client null 0.6", "other/api/l null 0.9"];
    expect(await seen("")).toEqual([all, other, per]);
    expect(await seen("", tokens.viewer)).toEqual([all, per]);
    await control.evict("Counts", "counts");
    expect(await seen("?limit=per-client")).toEqual([per]);
    expect(await seen("?policy=shop/api", tokens.other)).toEqual([]);
    expect((await control.call("GET", "/api/v1/limits?policy=api")).status).toBe(400);
  });

  it("is taken back by a key, at each target, by the objects that may hold it, once; the key is nowhere", async () => {
    const answered = await reset({ policy: "shop/api", limit: "per-client", key: [CLIENT] }, tokens.editor);
    expect(answered.status).toBe(202);
    const { counters } = LimitsReset.parse(answered.json);
    const names = ["Service/orders", "Service/carts"].map(async (target) =>
      storedNameOf("shop/api/per-client", target, [CLIENT]),
    );
    expect(counters).toEqual(await Promise.all(names));
    let last = 0;
    const objects = Array.from({ length: 64 }, (_, at) => `global/${at}`);
    const holding = objects.filter((object) => counters.some((counter) => mayHold(object, counter)));
    const others = objects.filter((object) => !holding.includes(object)).slice(0, 2);
    for (const object of [...holding, ...others]) {
      const { resets } = await tell(object, []);
      expect(resets.map(({ counter }) => counter)).toEqual(counters.filter((one) => mayHold(object, one)));
      last = Math.max(last, ...resets.map((one) => one.at));
      expect((await tell(object, [], last)).resets.filter((one) => one.at <= last)).toEqual([]);
    }
    await control.evict("Counts", "counts");
    const again = await Promise.all(holding.map(async (object) => tell(object, [])));
    expect(again.flatMap(({ resets }) => resets).length).toBe(counters.length);
    const audited = await control.call("GET", "/api/v1/audit?verb=reset-limit");
    expect(audited.json).toMatchObject({ entries: [{ actor: "editor", targets: counters }] });
    expect(await control.dump()).not.toContain(CLIENT);
  });

  it("is taken back for an empty part of a key, too", async () => {
    const answered = await reset({ policy: "shop/api", limit: "per-client", key: [""] }, tokens.editor);
    expect(answered.status).toBe(202);
    const one = await storedNameOf("shop/api/per-client", "Service/orders", [""]);
    expect(LimitsReset.parse(answered.json).counters).toContain(one);
  });

  it("waits to be taken back however many of another namespace do", async () => {
    const waiting = `shop/api/all||#${"0".repeat(32)}`;
    expect((await reset({ counter: waiting }, tokens.editor)).status).toBe(202);
    const targets = Array.from({ length: 16 }, (_, at) => `    - { kind: Service, name: s${at} }`).join("\n");
    const policy = POLICY.replaceAll("shop", "other").replace(/( {4}- \{ kind: Service.*\n)+/, `${targets}\n`);
    expect(await control.apply(policy)).toMatchObject({ status: 200 });
    const body = (at: number) => ({ policy: "other/api", limit: "per-client", key: [`${at}`] });
    for (let at = 0; at <= 1_000 / 16; at += 1) expect((await reset(body(at), tokens.other)).status).toBe(202);
    const { resets } = await tell("global/0", []);
    expect(resets.map(({ counter }) => counter)).toContain(waiting);
    expect(resets.map(({ at }) => at)).toEqual(resets.map(({ at }) => at).toSorted((a, b) => a - b));
  });

  it("is taken back by its name, and of a limit without a key by none", async () => {
    await tell("global/3", [countOf("shop/api/all||+", 0)]);
    expect((await reset({ counter: "shop/api/all||+" }, tokens.editor)).status).toBe(202);
    expect(await seen("?limit=all")).toEqual([]);
    expect((await reset({ policy: "shop/api", limit: "all", key: [] })).status).toBe(202);
  });

  it.each([
    ["a viewer", { policy: "shop/api", limit: "all", key: [] }, "viewer", 403],
    ["another namespace's editor", { policy: "shop/api", limit: "all", key: [] }, "other", 403],
    ["another namespace's editor, by its name", { counter: "shop/api/all||+" }, "other", 403],
    ["a policy that there is not", { policy: "shop/none", limit: "all", key: [] }, "editor", 404],
    ["a limit that there is not", { policy: "shop/api", limit: "none", key: [] }, "editor", 404],
    ["another number of parts", { policy: "shop/api", limit: "per-client", key: ["a", "b"] }, "editor", 400],
    ["what each isolate counts alone", { policy: "shop/api", limit: "here", key: [] }, "editor", 400],
    ["what is no count's name", { counter: "shop" }, "editor", 400],
    ["something else", { key: ["a"] }, "editor", 400],
  ] as const)("is not taken back: %s", async (_, body, who, status) => {
    expect((await reset(body, tokens[who])).status).toBe(status);
  });
});
