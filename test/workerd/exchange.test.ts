import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "./support/env.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { control } from "./support/control.ts";
import { type Isolate, newIsolate } from "./support/isolate.ts";
import { inEndedRequest } from "./support/requests.ts";
import { sliceOf } from "./support/slices.ts";

const REVIEWS = "reviews.default.svc.cluster.local";
const RATINGS = "ratings.default.svc.cluster.local";
const BOTH = { [REVIEWS]: sliceOf(REVIEWS), [RATINGS]: sliceOf(RATINGS) };

let isolate: Isolate;

beforeEach(() => {
  isolate = newIsolate();
});

afterEach(() => {
  control.frozen = false;
  control.away = false;
  isolate.tap.way = "open";
});

/** One request that waits for a host. */
async function resolve(host: string) {
  const ctx = createExecutionContext();
  const found = await isolate.configuration.resolve("mesh/*", host, ctx);
  await waitOnExecutionContext(ctx);
  return found;
}

/** One request, and the exchange that its timer makes. */
async function exchanged(): Promise<void> {
  const ctx = createExecutionContext();
  isolate.configuration.arm(ctx);
  await waitOnExecutionContext(ctx);
}

describe("a cold isolate", () => {
  it("gets root and slice in one exchange that names the host, and shares it among all who wait", async () => {
    await isolate.publish(7, BOTH);
    const found = await Promise.all([resolve(REVIEWS), resolve(REVIEWS), resolve(REVIEWS)]);
    expect(found).toMatchObject(Array.from({ length: 3 }, () => ({ kind: "slice", root: { generation: 7 } })));
    expect(isolate.tap.ups).toHaveLength(1);
    expect(isolate.tap.ups[0]).toMatchObject({ have: null, hosts: [{ scope: "mesh/*", host: REVIEWS }] });
  });

  it("gets also the host that was first asked for while an exchange was under way", async () => {
    await isolate.publish(7, BOTH);
    const [first, second] = await Promise.all([resolve(REVIEWS), resolve(RATINGS)]);
    expect([first, second]).toMatchObject([{ kind: "slice" }, { kind: "slice" }]);
  });

  it("says that nobody serves a host only once the root says so", async () => {
    await isolate.publish(7, BOTH);
    expect(await resolve("nobody.example")).toMatchObject({ kind: "no_host", root: { generation: 7 } });
  });

  it.each(["cut", "frozen"] as const)("is without a configuration where the way to its cell is %s", async (way) => {
    await isolate.publish(7, BOTH);
    isolate.tap.way = way;
    expect(await resolve(REVIEWS)).toEqual({ kind: "unavailable" });
  });

  it("registers where control does not know its gateway, and asks again", async () => {
    const before = control.registrations.length;
    expect(await resolve(REVIEWS)).toEqual({ kind: "unavailable" });
    expect(control.registrations.length).toBeGreaterThan(before);
  });
});

describe("an isolate that serves", () => {
  beforeEach(async () => {
    await isolate.publish(7, BOTH);
    await resolve(REVIEWS);
    isolate.tap.ups.length = 0;
  });

  it("looks up what it has without waiting, and not what it was never asked for", () => {
    const { configuration } = isolate;
    expect(configuration.lookup("mesh/*", REVIEWS)).toMatchObject({ kind: "slice" });
    expect(configuration.lookup("mesh/*", RATINGS)).toBeNull();
    expect(configuration.lookup("mesh/*", "nobody.example")).toMatchObject({ kind: "no_host" });
  });

  it("takes a new root with the slices of the hosts in use, whole", async () => {
    await isolate.publish(8, { ...BOTH, [REVIEWS]: sliceOf(REVIEWS, { ports: [81] }) });
    await exchanged();
    expect(isolate.configuration.lookup("mesh/*", REVIEWS)).toMatchObject({
      slice: { model: { ports: [81] } },
      root: { generation: 8 },
    });
  });

  it("goes on with the root it has while its cell is away, and no request waits", async () => {
    isolate.tap.way = "cut";
    await exchanged();
    expect(isolate.configuration.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 7 } });
  });

  it.each([
    ["signed by nobody", (payload: string) => payload.replace('"generation":8', '"generation":9')],
    ["that isn't JSON", () => "{"],
  ])("keeps its root where one comes %s, and counts it", async (_, change) => {
    await isolate.publish(8, BOTH);
    isolate.tap.tamper = (down) =>
      (down.root && { ...down, root: { ...down.root, payload: change(down.root.payload) } }) || down;
    await exchanged();
    expect(isolate.configuration.status).toMatchObject({ generation: 7, rejected: 1 });
    expect(isolate.configuration.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 7 } });
  });

  it("keeps its root where an older one comes", async () => {
    await isolate.publish(8, BOTH);
    await exchanged();
    const older = await isolate.publish(6, BOTH);
    isolate.tap.tamper = (down) => ({ ...down, root: older });
    await exchanged();
    expect(isolate.configuration.status).toMatchObject({ generation: 8, rejected: 1 });
  });

  it("looks up nothing under a root past its age", async () => {
    await isolate.publish(8, BOTH, { maxAgeMs: 60_000 });
    await exchanged();
    expect(isolate.configuration.lookup("mesh/*", REVIEWS)).toMatchObject({ root: { generation: 8 } });
    isolate.tap.way = "cut";
    isolate.clock.aheadMs += 61_000;
    expect(isolate.configuration.lookup("mesh/*", REVIEWS)).toBeNull();
    expect(await resolve(REVIEWS)).toEqual({ kind: "unavailable" });
  });

  it("makes one exchange for any number of requests", async () => {
    const ctx = createExecutionContext();
    for (let i = 0; i < 100; i += 1) isolate.configuration.arm(ctx);
    await waitOnExecutionContext(ctx);
    expect(isolate.tap.ups).toHaveLength(1);
  });

  it("starts another timer where the platform ended the request that held the last", async () => {
    await inEndedRequest(env.REQUESTS, (ctx) => isolate.configuration.arm(ctx));
    await exchanged();
    expect(isolate.tap.ups).toHaveLength(0);
    isolate.clock.aheadMs += 3_001;
    await exchanged();
    expect(isolate.tap.ups).toHaveLength(1);
  });

  it("starts another exchange where the platform ended the request that made the last", async () => {
    isolate.tap.way = "frozen";
    await inEndedRequest(env.REQUESTS, async (ctx) => {
      void isolate.configuration.resolve("mesh/*", RATINGS, ctx);
    });
    isolate.tap.way = "open";
    isolate.clock.aheadMs += 3_001;
    expect(await resolve(RATINGS)).toMatchObject({ kind: "slice" });
  });

  it("tells each count once, also where the answer to it was lost", async () => {
    isolate.configuration.metrics.series('["source"]').add(12);
    isolate.configuration.drop("test");
    isolate.tap.way = "answer_lost";
    await exchanged();
    isolate.configuration.metrics.series('["source"]').add(12);
    isolate.tap.way = "open";
    await exchanged();
    await exchanged();
    const [lost, again, next] = isolate.tap.ups;
    expect(lost).toMatchObject({ metrics: [{ requests: 1 }], dropped: { test: 1 } });
    expect(again).toMatchObject({ sequence: lost?.sequence, metrics: lost?.metrics, dropped: lost?.dropped });
    expect(next).toMatchObject({ sequence: Number(lost?.sequence) + 1, metrics: [{ requests: 1 }], dropped: {} });
  });
});
