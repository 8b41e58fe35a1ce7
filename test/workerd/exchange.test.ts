import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { FORMAT } from "../../src/snapshot/model.ts";
import type { ExchangeDown } from "../../src/snapshot/rpc.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { VERSION } from "../../src/version.ts";
import { control } from "./support/control.ts";
import { env } from "./support/env.ts";
import { until } from "./support/gateway.ts";
import { newIsolate, newServing } from "./support/isolate.ts";
import { inEndedRequest } from "./support/requests.ts";
import { sliceOf } from "./support/slices.ts";
import { measured } from "../support/measured.ts";

const REVIEWS = "reviews.default.svc.cluster.local";
const RATINGS = "ratings.default.svc.cluster.local";
const BOTH = { [REVIEWS]: sliceOf(REVIEWS), [RATINGS]: sliceOf(RATINGS) };

const serving = () => newServing(BOTH, REVIEWS);

// They wait for the timer of a second: together.
describe.concurrent("a cold isolate", () => {
  it("gets root and slice in one exchange that names the host, and shares it among all who wait", async ({
    expect,
  }) => {
    const isolate = newIsolate();
    await isolate.publish(7, BOTH);
    const found = await Promise.all([1, 2, 3].map(() => isolate.resolve(REVIEWS)));
    expect(found).toMatchObject(Array.from({ length: 3 }, () => ({ kind: "slice", root: { generation: 7 } })));
    expect(isolate.tap.ups).toHaveLength(1);
    expect(isolate.tap.ups[0]).toMatchObject({ have: null, hosts: [{ scope: "mesh/*", host: REVIEWS }] });
  });

  it("gets also the host that was first asked for while an exchange was under way", async ({ expect }) => {
    const isolate = newIsolate();
    await isolate.publish(7, BOTH);
    const found = await Promise.all([isolate.resolve(REVIEWS), isolate.resolve(RATINGS)]);
    expect(found).toMatchObject([{ kind: "slice" }, { kind: "slice" }]);
  });

  it("says that nobody serves a host only once the root says so", async ({ expect }) => {
    const isolate = newIsolate();
    await isolate.publish(7, BOTH);
    expect(await isolate.resolve("nobody.example")).toMatchObject({ kind: "no_host", root: { generation: 7 } });
  });

  it("waits for whom to trust, and gets the slices that are likely needed next with it", async ({ expect }) => {
    const isolate = newIsolate();
    await isolate.publish(7, BOTH);
    const ctx = createExecutionContext();
    const trust = await isolate.exchange.awaitTrust([{ scope: "mesh/*", host: REVIEWS }], ctx);
    await waitOnExecutionContext(ctx);
    expect(trust).toMatchObject({ domain: "cluster.local" });
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toMatchObject({ kind: "slice" });
    expect(isolate.tap.ups).toHaveLength(1);
  });

  it.for(["cut", "frozen"] as const)(
    "has neither host nor trust where the way to its cell is %s",
    async (way, { expect }) => {
      const isolate = newIsolate();
      isolate.clock.runs = true;
      await isolate.publish(7, BOTH);
      isolate.tap.way = way;
      const ctx = createExecutionContext();
      expect(await isolate.exchange.resolve("mesh/*", REVIEWS, ctx)).toEqual({ kind: "unavailable" });
      expect(await isolate.exchange.awaitTrust([], ctx)).toBeNull();
      isolate.tap.way = "open";
    },
  );

  it("asks seldom for what does not come: each question is one to control", async ({ expect }) => {
    const isolate = newIsolate();
    isolate.clock.runs = true;
    await isolate.publish(7, BOTH);
    isolate.tap.tamper = (down) => ({ ...down, root: null, slices: {} });
    expect(await isolate.resolve(REVIEWS)).toEqual({ kind: "unavailable" });
    expect(isolate.tap.ups.length).toBeLessThan(25);
  });

  it("registers where control does not know its gateway, and asks again", async ({ expect }) => {
    const isolate = newIsolate();
    isolate.clock.runs = true;
    expect(await isolate.resolve(REVIEWS)).toEqual({ kind: "unavailable" });
    expect(control.registrations).toContainEqual({
      bindings: [`EP_${isolate.gateway}`],
      hasPrivate: false,
      format: FORMAT,
    });
    expect(isolate.tap.ups.length).toBeGreaterThan(1);
  });
});

describe.concurrent("an isolate that took the place of one of before programs", () => {
  const matches = [{ uri: { kind: "regex", value: "/a+" } as const }];
  const older = sliceOf(REVIEWS, {
    format: 3,
    routes: sliceOf(REVIEWS).routes.map((route) => ({ ...route, matches })),
  });
  const newer = {
    ...older,
    format: FORMAT,
    programs: { code: { "/a+": { code: [5, 1, 47, 5, 2, 97, 1, 1, 3, 4, 0, 0], groups: 0 } } },
  };

  it("tells control what it reads, and serves its first request", async ({ expect }) => {
    const isolate = newIsolate();
    await isolate.publish(7, { [REVIEWS]: older });
    control.onRegistration.set(`EP_${isolate.gateway}`, async () => isolate.publish(7, { [REVIEWS]: newer }));
    expect(await isolate.resolve(REVIEWS)).toMatchObject({ kind: "slice", slice: { model: { format: FORMAT } } });
    expect(isolate.exchange.refused).toBeNull();
  });

  it("serves what it has where control knows no programs, and says why it takes nothing newer", async ({ expect }) => {
    const isolate = await newServing({ [REVIEWS]: newer }, REVIEWS);
    await isolate.publish(8, { [REVIEWS]: older });
    await isolate.exchanged();
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 7 } });
    expect(control.looks.get(isolate.gateway)?.at(-1)).toMatchObject({ refused: { code: "snapshot_programs" } });
    expect(isolate.exchange.refused?.count).toBeGreaterThan(1);
  });
});

describe.concurrent("an isolate that serves", () => {
  it("looks up what it has without waiting, and not what it was never asked for", async ({ expect }) => {
    const { exchange } = await serving();
    expect(exchange.lookup("mesh/*", REVIEWS)).toMatchObject({ kind: "slice" });
    expect(exchange.lookup("mesh/*", RATINGS)).toBeNull();
    expect(exchange.lookup("mesh/*", "nobody.example")).toMatchObject({ kind: "no_host" });
  });

  it("takes a new root with the slices of the hosts in use, whole, and says so though no further request comes", async ({
    expect,
  }) => {
    const isolate = await serving();
    await isolate.publish(8, { ...BOTH, [REVIEWS]: sliceOf(REVIEWS, { ports: [81] }) });
    await isolate.exchanged();
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toMatchObject({
      slice: { model: { ports: [81] } },
      root: { generation: 8 },
    });
    expect(isolate.tap.ups.map(({ have }) => have?.generation)).toEqual([7, 8]);
    expect(control.looks.get(isolate.gateway)?.at(-1)).toMatchObject({ serving: 8, state: VERSION });
  });

  it("says so again where the cell did not hear it", async ({ expect }) => {
    const isolate = await serving();
    await isolate.publish(8, BOTH);
    isolate.tap.tamper = (down) => {
      isolate.tap.way = "cut_once";
      isolate.tap.tamper = null;
      return down;
    };
    await isolate.exchanged();
    expect(isolate.tap.ups.map(({ have }) => have?.generation)).toEqual([7, 8, 8]);
    expect(control.looks.get(isolate.gateway)?.at(-1)).toMatchObject({ serving: 8 });
  });

  it("goes on with the root it has while its cell is away, and no request waits", async ({ expect }) => {
    const isolate = await serving();
    isolate.tap.way = "cut";
    await isolate.exchanged();
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 7 } });
  });

  const altered = (change: (payload: string) => string) => (down: ExchangeDown) =>
    down.root ? { ...down, root: { ...down.root, payload: change(down.root.payload) } } : down;

  it("keeps its root where one comes that nobody signed, and says so though no further request comes", async ({
    expect,
  }) => {
    const isolate = await serving();
    await isolate.publish(8, BOTH);
    isolate.tap.tamper = altered((payload) => payload.replace('"generation":8', '"generation":9'));
    await isolate.exchanged();
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 7 } });
    expect(isolate.tap.ups.at(-1)).toMatchObject({
      have: { generation: 7 },
      refused: { code: "snapshot_unsigned", count: 1 },
    });
    expect(control.looks.get(isolate.gateway)?.at(-1)).toMatchObject({
      serving: 7,
      refused: { code: "snapshot_unsigned" },
    });
  });

  it("gets a root that it cannot verify once", async ({ expect }) => {
    const isolate = await serving();
    const { payload, keyId } = await isolate.publish(8, BOTH);
    control.gateways.get(isolate.gateway)!.root = { payload, keyId, signature: "AAAA" };
    for (let i = 0; i < 3; i += 1) await isolate.exchanged();
    expect(isolate.exchange.refused).toEqual({ code: "snapshot_unsigned", count: 1 });
    await isolate.publish(8, BOTH);
    await isolate.exchanged();
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 8 } });
  });

  it("says nothing of refused roots any more once it took one", async ({ expect }) => {
    const isolate = await serving();
    await isolate.publish(8, BOTH);
    isolate.tap.tamper = altered(() => "{");
    await isolate.exchanged();
    isolate.tap.tamper = null;
    await isolate.publish(9, BOTH);
    await isolate.exchanged();
    expect(isolate.exchange.refused).toBeNull();
    expect(control.looks.get(isolate.gateway)?.at(-1)).toMatchObject({ serving: 9, refused: null });
  });

  it("looks up nothing under a root past its age", async ({ expect }) => {
    const isolate = await serving();
    await isolate.publish(8, BOTH, { maxAgeMs: 60_000 });
    await isolate.exchanged();
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 8 } });
    isolate.tap.way = "cut";
    isolate.clock.aheadMs += 61_000;
    isolate.clock.runs = true;
    expect(isolate.exchange.lookup("mesh/*", REVIEWS)).toBeNull();
    expect(await isolate.resolve(REVIEWS)).toEqual({ kind: "unavailable" });
  });

  it("makes one exchange for any number of requests, held by the first", async ({ expect }) => {
    const isolate = await serving();
    const ctx = createExecutionContext();
    expect(Array.from({ length: 100 }, () => isolate.exchange.arm(ctx)).filter(Boolean)).toHaveLength(1);
    await waitOnExecutionContext(ctx);
    expect(isolate.tap.ups).toHaveLength(1);
  });

  it("starts another timer where the platform ended the request that held the last", async ({ expect }) => {
    const isolate = await serving();
    await inEndedRequest(env.REQUESTS, (ctx) => isolate.exchange.arm(ctx));
    await isolate.exchanged();
    expect(isolate.tap.ups).toHaveLength(0);
    isolate.clock.aheadMs += 3_001;
    await isolate.exchanged();
    expect(isolate.tap.ups).toHaveLength(1);
  });

  it("starts another exchange where the platform ended the request that made the last", async ({ expect }) => {
    const isolate = await serving();
    isolate.tap.way = "frozen";
    await inEndedRequest(env.REQUESTS, (ctx) => {
      isolate.exchange.resolve("mesh/*", RATINGS, ctx).catch(() => undefined);
    });
    isolate.tap.way = "open";
    isolate.clock.aheadMs += 3_001;
    expect(await isolate.resolve(RATINGS)).toMatchObject({ kind: "slice" });
  });

  it("does not exchange by a timer that was counted as dead and comes late", async ({ expect }) => {
    const isolate = await serving();
    const late = createExecutionContext();
    isolate.exchange.arm(late);
    isolate.clock.aheadMs += 3_001;
    const next = createExecutionContext();
    expect(isolate.exchange.arm(next)).toBe(true);
    await Promise.all([waitOnExecutionContext(late), waitOnExecutionContext(next)]);
    expect(isolate.tap.ups).toHaveLength(1);
  });

  it("tells each count once, also where the answer to it was lost", async ({ expect }) => {
    const isolate = await serving();
    isolate.exchange.metrics.series('["source"]').add(measured(12));
    isolate.exchange.drop("test");
    isolate.tap.way = "answer_lost";
    await isolate.exchanged();
    isolate.exchange.metrics.series('["source"]').add(measured(12));
    isolate.tap.way = "open";
    await isolate.exchanged();
    await isolate.exchanged();
    const [lost, again, next] = isolate.tap.ups;
    expect(lost).toMatchObject({ metrics: [{ requests: 1 }], dropped: { test: 1 } });
    expect(again).toMatchObject({ sequence: lost?.sequence, metrics: lost?.metrics, dropped: lost?.dropped });
    expect(next).toMatchObject({ sequence: Number(lost?.sequence) + 1, metrics: [{ requests: 1 }], dropped: {} });
  });

  it("is told what other isolates of its location saw fail", async ({ expect }) => {
    const isolate = await serving();
    const beside = newIsolate(isolate);
    await beside.resolve(REVIEWS);
    const [endpoint] = BOTH[REVIEWS].clusters[`outbound|80||${REVIEWS}`]!.endpoints;
    const key = { caller: "-", cluster: `outbound|80||${REVIEWS}`, endpoint: endpoint!.id };
    for (let i = 0; i < 5; i += 1) beside.exchange.outcomes.record(key, OUTLIER, 1, 500, Date.now());
    await beside.exchanged();
    await isolate.exchanged();
    expect(isolate.exchange.isEjected(key.caller, key.cluster, key.endpoint, Date.now())).toBe(true);
    expect(isolate.exchange.isEjected("another", key.cluster, key.endpoint, Date.now())).toBe(false);
  });
});

describe("an isolate whose cell is away", () => {
  it("writes one line when its cell is first away, and no more until it was there again", async () => {
    const warn = vi.spyOn(console, "warn");
    const isolate = await serving();
    const lines = () => warn.mock.calls.filter(([line]) => isFailure(line, isolate.gateway)).length;
    isolate.tap.way = "cut";
    await isolate.exchanged();
    await isolate.exchanged();
    expect(lines()).toBe(1);
    isolate.tap.way = "open";
    await isolate.exchanged();
    isolate.tap.way = "cut";
    await isolate.exchanged();
    expect(lines()).toBe(2);
  });
});

function isFailure(line: unknown, gateway: string): boolean {
  const { event, gateway: of } = JSON.parse(String(line)) as { event?: unknown; gateway?: unknown };
  return event === "exchange_failed" && of === gateway;
}

const OUTLIER = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  intervalMs: 300_000,
  baseEjectionMs: 300_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};

describe.concurrent("a tail", () => {
  const T0 = Date.UTC(2026, 0, 1);
  const wish = (id: string) => ({ id, filter: {}, maxRps: 10, since: T0 });
  const ended = (requestId: string) =>
    Object.assign(new Journal(T0, requestId, "GET"), { endedAt: T0 + 1, status: 200, path: "/" });

  it("comes down with the first exchange of an idle isolate, and takes the request that began it", async ({
    expect,
  }) => {
    const isolate = await serving();
    control.tails = { revision: 5, wishes: [wish("a")] };
    isolate.exchange.tails.keep(ended("first"));
    await isolate.exchanged();
    control.tails = null;
    const lines = isolate.tap.ups.flatMap(({ tailed }) => tailed?.lines ?? []);
    expect(lines).toEqual([
      {
        text: JSON.stringify({ request_id: "first", path: "/" }),
        parties: { destination: null, sources: [] },
        tails: ["a"],
      },
    ]);
    // The cell passed it on, and knows who has the order.
    await until(() => control.tailed.some((each) => each.lines.some(({ text }) => text.includes("first"))));
    await until(() => control.looks.get(isolate.gateway)?.some((seen) => seen?.tails === 5) === true);
  });
});
