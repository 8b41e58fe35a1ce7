import { describe, expect, it } from "vitest";
import { measured } from "../support/measured.ts";
import { Uplink } from "../../src/exchange/uplink.ts";

const T0 = 1_800_000_000_000;
const NO_LINES = { line: () => "", trustDomains: () => [] };

describe("what an isolate has to tell its cell", () => {
  it("is the same under the same number until it was delivered, and what came meanwhile after it", () => {
    const uplink = new Uplink(NO_LINES);
    uplink.metrics.series("a").add(measured(1));
    uplink.drop("record");
    const first = uplink.next(T0);
    expect(first).toMatchObject({ sequence: 1, metrics: [{ labels: "a", requests: 1 }], dropped: { record: 1 } });
    uplink.metrics.series("a").add(measured(1));
    uplink.drop("record");
    uplink.drop("record");
    expect(uplink.next(T0)).toBe(first);
    uplink.delivered();
    expect(uplink.next(T0)).toMatchObject({
      sequence: 2,
      metrics: [{ labels: "a", requests: 1 }],
      dropped: { record: 2 },
    });
  });

  it("is how much counters grew, at most 5,000 of them", () => {
    const uplink = new Uplink(NO_LINES);
    for (let i = 0; i < 5_001; i += 1) uplink.count(String(i));
    uplink.count("0");
    const { counts = {}, dropped } = uplink.next(T0);
    expect([counts["0"], counts["1"], Object.keys(counts).length]).toEqual([2, 1, 5_000]);
    expect(dropped).toEqual({ counter_limit: 1 });
    uplink.delivered();
    expect(uplink.next(T0).counts).toBeUndefined();
  });

  it("is nothing but its number where nothing happened", () => {
    expect(new Uplink(NO_LINES).next(T0)).toEqual({ sequence: 1, outcomes: [], metrics: [], dropped: {} });
  });

  it("is 5,000 series at most, and how many requests the others were", () => {
    const uplink = new Uplink(NO_LINES);
    for (let i = 0; i <= 5_000; i += 1) uplink.metrics.series(String(i)).add(measured(1));
    uplink.metrics.series("5000").add(measured(1));
    const { metrics, dropped } = uplink.next(T0);
    expect([metrics.length, dropped]).toEqual([5_000, { series_limit: 2 }]);
  });

  it("is what its series by route grew by, where they did, with a bound of their own", () => {
    const uplink = new Uplink(NO_LINES);
    for (let i = 0; i <= 5_000; i += 1) uplink.routes.series(String(i)).addTime(measured(1));
    const { metrics, routes, dropped } = uplink.next(T0);
    expect([metrics.length, routes?.length, dropped]).toEqual([0, 5_000, { series_limit: 1 }]);
    uplink.delivered();
    expect(uplink.next(T0).routes).toBeUndefined();
  });

  it("is what failed, once", () => {
    const uplink = new Uplink(NO_LINES);
    const settings = {
      consecutive5xx: 5,
      consecutiveGatewayErrors: 0,
      intervalMs: 30_000,
      baseEjectionMs: 30_000,
      maxEjectionPercent: 10,
      minHealthPercent: 0,
      alwaysEjectOne: true,
    };
    const key = { caller: "order", cluster: "c", endpoint: "e" };
    uplink.outcomes.record(key, settings, 1, 500, T0);
    uplink.outcomes.record({ ...key, endpoint: "well" }, settings, 1, 200, T0);
    expect(uplink.next(T0).outcomes).toMatchObject([{ ...key, errors5xx: { first: 1 } }]);
    uplink.delivered();
    expect(uplink.next(T0).outcomes).toEqual([]);
  });
});
