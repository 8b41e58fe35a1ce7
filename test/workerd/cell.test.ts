import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { shardOf } from "../../src/exchange/shards.ts";
import type { SignedRoot, Slice } from "../../src/snapshot/model.ts";
import type { ExchangeDown, ExchangeUp, MetricDelta, OutcomeReport } from "../../src/snapshot/rpc.ts";
import { control, publish } from "./support/control.ts";
import { env, exports } from "./support/env.ts";
import { sliceOf } from "./support/slices.ts";

const REVIEWS = "reviews.default.svc.cluster.local";
const RATINGS = "ratings.default.svc.cluster.local";
const BOTH = { [REVIEWS]: sliceOf(REVIEWS), [RATINGS]: sliceOf(RATINGS) };

/** A bound on what hangs; nothing takes so long. */
const PATIENCE_MS = 60_000;

/** Each test has a gateway and a location, and so a cell, of its own. */
let gateway = "";
let location = "";
let sequence = 0;

beforeEach(() => {
  gateway = `gateway-${crypto.randomUUID()}`;
  location = `L-${crypto.randomUUID()}`;
  sequence = 0;
});

afterEach(() => {
  control.frozen = false;
  control.away = false;
  control.sliceless = false;
});

/** What an isolate without a root that wants one host says, or else as told. */
async function exchange(up: Partial<ExchangeUp> = {}, as = gateway): Promise<ExchangeDown> {
  sequence += 1;
  return exports.State({ props: { gateway: as } }).exchange({
    isolate: "one",
    sequence,
    location,
    have: null,
    slices: [],
    hosts: [{ scope: "mesh/*", host: REVIEWS }],
    outcomes: [],
    metrics: [],
    dropped: {},
    ...up,
  });
}

async function published(
  generation: number,
  hosts: Readonly<Record<string, Slice>> = BOTH,
  as = gateway,
): Promise<SignedRoot> {
  return publish({ gateway: as, generation, slices: { "mesh/*": hosts } }, env.SNAPSHOT_PRIVATE_KEY);
}

function hostsOf({ slices }: ExchangeDown): string[] {
  return Object.values(slices).map((text) => (JSON.parse(text) as Slice).host);
}

/** An isolate that has this root, with the slices that came with it. */
function having(root: SignedRoot, { slices }: ExchangeDown): Partial<ExchangeUp> {
  const { generation, issuedAt } = JSON.parse(root.payload) as { generation: number; issuedAt: number };
  return { have: { generation, issuedAt }, slices: Object.keys(slices) };
}

/** A second passed since the cell last looked at control: it looks again with the next exchange. */
async function looksAgain(): Promise<void> {
  const looks = () => control.looks.get(gateway)?.length ?? 0;
  const before = looks();
  await vi.waitUntil(async () => {
    await exchange({ isolate: "another" });
    return looks() > before;
  }, PATIENCE_MS);
}

describe("what the cell of a location gives", () => {
  it("is the newest root with the slices of the hosts in use, and no others", async () => {
    const root = await published(7);
    const down = await exchange();
    expect(down.root).toEqual(root);
    expect(hostsOf(down)).toEqual([REVIEWS]);
  });

  it("is nothing to who has the newest, and the slice of a host that is new to it", async () => {
    const root = await published(7);
    const down = await exchange();
    const both = [REVIEWS, RATINGS].map((host) => ({ scope: "mesh/*", host }));
    const next = await exchange({ ...having(root, down), hosts: both });
    expect(next.root).toBeNull();
    expect(hostsOf(next)).toEqual([RATINGS]);
  });

  it("is no root that the isolate could not verify, until another comes", async () => {
    const bad = await published(7);
    expect((await exchange({ refusedRoot: bad.signature })).root).toBeNull();
    expect((await exchange({ isolate: "two" })).root).toEqual(bad);
    const next = await published(8);
    await looksAgain();
    expect((await exchange({ refusedRoot: bad.signature })).root).toEqual(next);
  });

  it("is each gateway's own root, by the props of its binding", async () => {
    const roots = [await published(7), await published(9, { [RATINGS]: sliceOf(RATINGS) }, `${gateway}-b`)];
    expect([(await exchange()).root, (await exchange({}, `${gateway}-b`)).root]).toEqual(roots);
  });

  it("is refused to a binding that names no gateway", async () => {
    await expect(exchange({}, "")).rejects.toThrow("this binding names no gateway");
  });

  it("says that neither it nor control knows a gateway, until it does", async () => {
    expect(await exchange()).toMatchObject({ root: null, unknown: true });
    const root = await published(1);
    expect(await exchange()).toMatchObject({ root, unknown: false });
  });

  it("is the last root as long as control does not give the slices of a newer one", async () => {
    const root = await published(7);
    const down = await exchange();
    await published(8, { [REVIEWS]: sliceOf(REVIEWS, { ports: [81] }) });
    control.gateways.get(gateway)?.slices.clear();
    await looksAgain();
    expect(await exchange(having(root, down))).toMatchObject({ root: null, slices: {} });
    expect(await exchange({ isolate: "cold" })).toMatchObject({ root });
  });

  /** An isolate that has nothing, and is asked for a host that the others no longer use. */
  const cold: Partial<ExchangeUp> = { isolate: "cold", hosts: [{ scope: "mesh/*", host: RATINGS }] };
  const portsIn = ({ slices }: ExchangeDown): unknown[] =>
    Object.values(slices).map((text) => (JSON.parse(text) as Slice).ports);
  /** Root 7 is served with both hosts; then one of them rests, which root 8 changes. */
  const resting = async (): Promise<readonly [SignedRoot, SignedRoot]> => {
    const seven = await published(7);
    await exchange({ isolate: "two", hosts: [REVIEWS, RATINGS].map((host) => ({ scope: "mesh/*", host })) });
    await exchange();
    return [seven, await published(8, { ...BOTH, [RATINGS]: sliceOf(RATINGS, { ports: [81] }) })];
  };

  it.each(["away", "frozen"] as const)(
    "has the newest slice of a host that nobody uses just then, also while control is %s",
    async (how) => {
      const [, eight] = await resting();
      await looksAgain();
      await vi.waitUntil(
        async () => (await exchange({ isolate: "three" })).root?.payload === eight.payload,
        PATIENCE_MS,
      );
      control[how] = true;
      const down = await exchange(cold);
      expect(down.root).toEqual(eight);
      expect(portsIn(down)).toEqual([[81]]);
    },
  );

  it("is the last root for a host that nobody uses just then, where control fails behind a newer one", async () => {
    const [seven] = await resting();
    control.sliceless = true;
    await looksAgain();
    control.away = true;
    const down = await exchange(cold);
    expect(down.root).toEqual(seven);
    expect(hostsOf(down)).toEqual([RATINGS]);
  });

  it.each([
    ["trusts an authority no more", { [REVIEWS]: sliceOf(REVIEWS) }, []],
    ["hides a host", { [REVIEWS]: null }, ["QQ=="]],
    ["changes a host in use", { [REVIEWS]: sliceOf(REVIEWS, { ports: [82] }) }, ["QQ=="]],
  ])("is at once a newer root that %s, though control then fails", async (_, changed, authorities) => {
    const of = async (generation: number, hosts: Record<string, Slice | null>, trusted: string[]) =>
      publish({ gateway, generation, slices: { "mesh/*": hosts }, authorities: trusted }, env.SNAPSHOT_PRIVATE_KEY);
    await of(7, BOTH, ["QQ=="]);
    await exchange({ isolate: "two", hosts: [REVIEWS, RATINGS].map((host) => ({ scope: "mesh/*", host })) });
    await exchange();
    const eight = await of(8, { ...changed, [RATINGS]: sliceOf(RATINGS, { ports: [81] }) }, authorities);
    control.sliceless = RATINGS;
    await looksAgain();
    control.away = true;
    expect((await exchange({ isolate: "cold" })).root).toEqual(eight);
  });

  it("is a newer root at the second look, where control has no slices of hosts that nobody uses", async () => {
    const [, eight] = await resting();
    control.sliceless = true;
    await looksAgain();
    await looksAgain();
    expect((await exchange({ isolate: "three" })).root).toEqual(eight);
  });

  it("is the newest root at the second look also where each look finds another", async () => {
    await resting();
    control.sliceless = true;
    await looksAgain();
    const nine = await published(9, { ...BOTH, [RATINGS]: sliceOf(RATINGS, { ports: [82] }) });
    await looksAgain();
    expect((await exchange({ isolate: "three" })).root).toEqual(nine);
  });

  it("is a newer root whose slices control gives, though for another gateway, where they rest, it has none", async () => {
    await resting();
    const other = `${gateway}-b`;
    const uses: Partial<ExchangeUp> = { isolate: "b", hosts: [{ scope: "mesh/*", host: RATINGS }] };
    await published(7, BOTH, other);
    await exchange(uses, other);
    const changed = { [REVIEWS]: sliceOf(REVIEWS, { ports: [81] }), [RATINGS]: sliceOf(RATINGS, { ports: [82] }) };
    await published(9, changed);
    control.gateways.get(gateway)?.slices.clear();
    const nine = await published(9, changed, other);
    await looksAgain();
    expect((await exchange(uses, other)).root).toEqual(nine);
  });

  it("is the newest slices of 200 hosts that nobody uses just then, in however many scopes, beside those in use", async () => {
    const hosts = Array.from({ length: 260 }, (_, at) => `h${at}.default.svc.cluster.local`);
    const world = async (generation: number, ports: number[]): Promise<SignedRoot> => {
      const all = Object.fromEntries([REVIEWS, ...hosts].map((host) => [host, sliceOf(host, { ports })]));
      return publish({ gateway, generation, slices: { "mesh/*": all, "mesh/a": all } }, env.SNAPSHOT_PRIVATE_KEY);
    };
    const of = (some: readonly string[]) => some.map((host) => ({ scope: "mesh/*", host }));
    const inUse = of([REVIEWS, ...hosts.slice(200)]);
    await world(7, [80]);
    await exchange({ hosts: of([REVIEWS, ...hosts]) });
    await exchange({ hosts: inUse });
    const eight = await world(8, [81]);
    await vi.waitUntil(async () => (await exchange({ hosts: inUse })).root?.payload === eight.payload, PATIENCE_MS);
    control.away = true;
    const down = await exchange({ isolate: "cold", hosts: of(hosts) });
    expect(portsIn(down)).toEqual(hosts.map(() => [81]));
  });

  it.each(["away", "frozen"] as const)(
    "is the last good configuration after a restart while control is %s",
    async (how) => {
      const root = await published(7);
      await exchange();
      await evictDurableObject(env.CELL.getByName(location));
      control[how] = true;
      const down = await exchange();
      expect(down.root).toEqual(root);
      expect(hostsOf(down)).toEqual([REVIEWS]);
    },
  );

  it("is given also where the cell is reset in the middle of an exchange", async () => {
    const root = await published(7);
    control.frozen = true;
    const down = exchange();
    await vi.waitUntil(() => control.looks.has(gateway), PATIENCE_MS);
    await runInDurableObject(env.CELL.getByName(location), (_, state) => state.abort("reset")).catch(() => undefined);
    control.frozen = false;
    expect((await down).root).toEqual(root);
  });

  it("holds on disk what the roots in use list, and no more", async () => {
    await published(7);
    await exchange();
    await published(8, { [REVIEWS]: sliceOf(REVIEWS, { ports: [81] }) });
    await looksAgain();
    const stored = await runInDurableObject(env.CELL.getByName(location), (_, { storage }) =>
      storage.sql.exec<{ text: string }>("SELECT text FROM texts WHERE kind = 'slice'").toArray(),
    );
    expect(stored.map(({ text }) => (JSON.parse(text) as Slice).ports)).toEqual([[81]]);
  });

  it("lets each isolate exchange once a second, and 301 of them every two", async () => {
    expect((await exchange()).nextMs).toBe(1_000);
    // All at once: on a busy machine the first could count as gone before the last one came.
    await Promise.all(Array.from({ length: 299 }, async (_, at) => exchange({ isolate: String(at) })));
    expect((await exchange({ isolate: "the last" })).nextMs).toBe(2_000);
  });

  it("asks control once for all gateways whose isolates take requests", async () => {
    const others = ["-b", "-c", "-d"].map((end) => gateway + end);
    const roots = [];
    for (const name of [gateway, ...others]) roots.push(await published(7, BOTH, name));
    for (const name of others) await exchange({ isolate: name }, name);
    await looksAgain();
    const last = control.calls.findLast((names) => names.includes(gateway));
    expect(last?.toSorted()).toEqual([gateway, ...others]);
    const next = await published(8, BOTH, others[0]);
    await looksAgain();
    expect((await exchange({ isolate: "x" }, others[0])).root).toEqual(next);
  });

  it("asks again for what had no room in control's answer", async () => {
    const other = `${gateway}-b`;
    await published(7);
    await published(7, BOTH, other);
    await exchange();
    await exchange({ isolate: "two" }, other);
    const eight = [await published(8), await published(8, BOTH, other)];
    control.largest = 1;
    await looksAgain();
    control.largest = Number.POSITIVE_INFINITY;
    expect([(await exchange()).root, (await exchange({}, other)).root]).toEqual(eight);
  });

  it("goes quiet with its isolates: no alarm is set, and no timer runs", async () => {
    const standing = new Set<unknown>();
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    const wait = scheduler.wait.bind(scheduler);
    vi.stubGlobal("setTimeout", (callback: () => void, ms: number) => {
      const timer = set(() => {
        standing.delete(timer);
        callback();
      }, ms);
      standing.add(timer);
      return timer;
    });
    vi.stubGlobal("clearTimeout", (timer: ReturnType<typeof setTimeout>) => {
      standing.delete(timer);
      clear(timer);
    });
    vi.stubGlobal("scheduler", {
      async wait(ms: number) {
        const waiting = {};
        standing.add(waiting);
        await wait(ms).finally(() => standing.delete(waiting));
      },
    });
    try {
      await published(7);
      await exchange({ metrics: [], counts: { [gateway]: 1 } });
      await exchange({ isolate: "two" });
      expect(standing.size).toBeGreaterThan(0);
      // Where none stands, nothing is there that could start another.
      await vi.waitUntil(() => standing.size === 0, PATIENCE_MS);
      const alarm = await runInDurableObject(env.CELL.getByName(location), async (_, { storage }) =>
        storage.getAlarm(),
      );
      expect(alarm).toBeNull();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe("what the cell of a location tells control", () => {
  const told = () => control.looks.get(gateway)?.at(-1);

  it("is the oldest generation that an isolate serves, at once where that turns", async () => {
    const seven = await published(7);
    const down = await exchange();
    await exchange(having(seven, down));
    expect(told()).toMatchObject({ location, serving: 7, refused: null });
    const eight = await published(8);
    await looksAgain();
    await exchange(having(seven, down));
    await exchange({ isolate: "two", ...having(eight, down) });
    expect(told()).toMatchObject({ serving: 7 });
    await exchange(having(eight, down));
    expect(told()).toMatchObject({ serving: 8 });
  });

  it("is what isolates refuse", async () => {
    const root = await published(7);
    const down = await exchange();
    const refused = { code: "snapshot_key_unknown", count: 2 };
    await exchange({ ...having(root, down), refused });
    await exchange({ ...having(root, down), isolate: "two", refused: { ...refused, count: 3 } });
    expect(told()).toMatchObject({ serving: 7, refused });
  });

  const metric = (labels: string): MetricDelta => ({
    labels,
    requests: 1,
    durationMsSum: 5,
    durationBuckets: [0, 0, 1],
  });
  const reported = (labels: string) =>
    control.reports
      .flatMap(({ metrics }) => metrics)
      .filter((one) => one.labels === labels)
      .reduce((sum, one) => sum + one.requests, 0);

  it("is each count once, also of an exchange that was repeated", async () => {
    const [labels, last] = [`["${gateway}"]`, `["${gateway}", "last"]`];
    await exchange({ sequence: 1, metrics: [metric(labels)] });
    await exchange({ sequence: 1, metrics: [metric(labels)] });
    await exchange({ sequence: 2, metrics: [metric(labels), metric(last)] });
    await vi.waitUntil(() => reported(last) === 1, PATIENCE_MS);
    expect(reported(labels)).toBe(2);
  });

  it("is each count by route once, with the lengths of bodies of Istio's series", async () => {
    const [labels, route] = [`["${gateway}", "body"]`, `["${gateway}", "route"]`];
    const bytes = { requestBytes: { sum: 7, buckets: [0, 0, 0, 1] } };
    const up = { sequence: 1, metrics: [{ ...metric(labels), ...bytes }], routes: [metric(route)] };
    await exchange(up);
    await exchange(up);
    await vi.waitUntil(() => reported(labels) === 1, PATIENCE_MS);
    const all = control.reports.flatMap(({ metrics, routes = [] }) => [...metrics, ...routes]);
    expect(all.filter((one) => one.labels === labels)).toMatchObject([bytes]);
    expect(all.filter((one) => one.labels === route)).toMatchObject([{ requests: 1, durationMsSum: 5 }]);
  });

  it("is what was counted while control was away, and was lost on the way", async () => {
    const labels = `["${gateway}"]`;
    control.away = true;
    await exchange({ metrics: [metric(labels)], dropped: { [gateway]: 4 }, counts: { [gateway]: 2 } });
    await exchange({ metrics: [metric(labels)] });
    control.away = false;
    await exchange();
    await vi.waitUntil(() => reported(labels) === 2, PATIENCE_MS);
    expect(control.reports.filter(({ dropped }) => dropped[gateway] === 4)).toHaveLength(1);
    expect(control.reports.filter(({ counts }) => counts?.[gateway] === 2)).toHaveLength(1);
  });
});

describe("what the cell of a location tells isolates of each other", () => {
  const cluster = `outbound|80||${REVIEWS}`;
  const failed = (more: Partial<OutcomeReport> = {}): OutcomeReport => ({
    caller: "order",
    cluster,
    endpoint: "e",
    settings: {
      consecutive5xx: 5,
      consecutiveGatewayErrors: 0,
      intervalMs: 300_000,
      baseEjectionMs: 300_000,
      maxEjectionPercent: 100,
      minHealthPercent: 0,
      alwaysEjectOne: true,
    },
    hosts: 1,
    errors5xx: { first: 3, success: false, last: 3 },
    gatewayErrors: { first: 0, success: false, last: 0 },
    lastErrorAt: Date.now(),
    ...more,
  });

  it("is an endpoint that failed for one caller at two isolates, to a gateway that uses the cluster", async () => {
    await published(7);
    await exchange({ isolate: "one", outcomes: [failed()] });
    expect(await exchange({ isolate: "two", outcomes: [failed({ caller: "other" })] })).toMatchObject({
      ejections: [],
    });
    const down = await exchange({ isolate: "two", outcomes: [failed()] });
    expect(down.ejections).toMatchObject([{ caller: "order", cluster, endpoint: "e" }]);
    const elsewhere = [{ scope: "mesh/*", host: RATINGS }];
    expect(await exchange({ isolate: "three", hosts: elsewhere })).toMatchObject({ ejections: [], suspects: [] });
  });

  it("is told to control and to the log as well, once an ejection", async () => {
    await published(7);
    const log = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const caller = gateway;
    for (const isolate of ["one", "two", "three"]) await exchange({ isolate, outcomes: [failed({ caller })] });
    const lines = log.mock.calls
      .map(([line]: unknown[]): unknown => JSON.parse(String(line)))
      .filter((line) => isOf(line, caller));
    log.mockRestore();
    expect(lines).toEqual([
      {
        event: "endpoint_ejected",
        location,
        gateway,
        caller,
        cluster,
        endpoint: "e",
        cause: "consecutive_5xx",
        duration_ms: 300_000,
      },
    ]);
    const key = JSON.stringify(["tulle_ejections_total", caller, cluster, "e", "consecutive_5xx"]);
    const counted = () => control.reports.flatMap(({ counts }) => counts?.[key] ?? []);
    await vi.waitUntil(() => counted().length > 0, PATIENCE_MS);
    expect(counted()).toEqual([1]);
  });

  it("passes on how much an isolate's counters grew, once", async () => {
    await published(8);
    const key = JSON.stringify(["tulle_retries_total", "order", cluster, "retried"]);
    const up = { isolate: "counting", sequence: 1, counts: { [key]: 3 } };
    await exchange(up);
    await exchange(up);
    const counted = () => control.reports.flatMap(({ counts }) => counts?.[key] ?? []);
    await vi.waitUntil(() => counted().length > 0, PATIENCE_MS);
    expect(counted()).toEqual([3]);
  });

  it("outlives the cell's memory", async () => {
    await published(7);
    const { ejections } = await exchange({ outcomes: [failed({ errors5xx: { first: 5, success: false, last: 5 } })] });
    expect(ejections).toHaveLength(1);
    await evictDurableObject(env.CELL.getByName(location));
    expect((await exchange({ isolate: "two" })).ejections).toEqual(ejections);
  });

  it("is the same at each cell of a divided location", async () => {
    await published(7);
    const isolates = [0, 1].map((shard) => ["a", "b", "c", "d", "e", "f"].find((one) => shardOf(one, 2) === shard));
    const [first = "", second = ""] = isolates;
    await exchange({ isolate: second, shards: 2 });
    const five = { first: 5, success: false, last: 5 };
    const { ejections } = await exchange({ isolate: first, shards: 2, outcomes: [failed({ errors5xx: five })] });
    expect(ejections).toHaveLength(1);
    const at = async () => (await exchange({ isolate: second, shards: 2 })).ejections;
    await vi.waitUntil(async () => (await at()).length > 0, PATIENCE_MS);
    expect(await at()).toEqual(ejections);
    expect(control.looks.get(gateway)?.map((seen) => seen?.location)).toContain(`${location}/1`);
  });

  it("is which endpoints to watch for a success, and none once there was one", async () => {
    await published(7);
    expect(await exchange({ outcomes: [failed()] })).toMatchObject({
      suspects: [{ caller: "order", cluster, endpoint: "e" }],
    });
    const success = { first: 0, success: true, last: 0 };
    const healed = failed({ errors5xx: success, gatewayErrors: success });
    expect(await exchange({ isolate: "two", sequence: 1, outcomes: [healed] })).toMatchObject({
      suspects: [],
      ejections: [],
    });
  });
});

function isOf(line: unknown, caller: string): boolean {
  return (line as { readonly caller?: unknown }).caller === caller;
}
