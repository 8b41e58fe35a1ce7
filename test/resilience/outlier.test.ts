import { describe, expect, it } from "vitest";
import {
  appendStreaks,
  type EndpointHealth,
  healthy,
  isOut,
  mayEject,
  type Outcome,
  panics,
  recordOutcome,
  recordStreaks,
  streaksOf,
  sweep,
} from "../../src/resilience/outlier.ts";
import type { OutlierSettings } from "../../src/snapshot/model.ts";

const SETTINGS: OutlierSettings = {
  consecutive5xx: 5,
  consecutiveGatewayErrors: 0,
  intervalMs: 30_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 10,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};
/** A sweep stands here. */
const T0 = 1_800_000_000_000;

function after(outcomes: readonly Outcome[], settings = SETTINGS, at = T0 + 1_000, from = healthy(T0)): EndpointHealth {
  return outcomes.reduce(
    (health, outcome, index) => recordOutcome(sweep(health, settings, at + index), outcome, settings, at + index, true),
    from,
  );
}

const five: readonly Outcome[] = [500, 500, 500, 500, 500];

describe("an endpoint, on a model clock", () => {
  it("is ejected at the fifth error in a row, for 30 s and up to the next sweep", () => {
    expect(after(five.slice(1)).ejection).toBeNull();
    const out = after(five);
    expect(out.ejection).toEqual({ at: T0 + 1_004, durationMs: 30_000, cause: "consecutive_5xx" });
    // 30 s are over at 31.004 s; the sweep after that stands at 60 s.
    expect(sweep(out, SETTINGS, T0 + 30_000).ejection).not.toBeNull();
    expect(sweep(out, SETTINGS, T0 + 59_999).ejection).not.toBeNull();
    expect(sweep(out, SETTINGS, T0 + 60_000).ejection).toBeNull();
  });

  it("is ejected for 60 s by five more before another sweep, then for 90 s", () => {
    const first = sweep(after(five), SETTINGS, T0 + 60_000);
    const second = after(five, SETTINGS, T0 + 61_000, first);
    expect(second.ejection?.durationMs).toBe(60_000);
    expect(sweep(second, SETTINGS, T0 + 149_999).ejection).not.toBeNull();
    const back = sweep(second, SETTINGS, T0 + 150_000);
    expect(back.ejection).toBeNull();
    expect(after(five, SETTINGS, T0 + 151_000, back).ejection?.durationMs).toBe(90_000);
  });

  it("is ejected for 30 s again after a sweep at which it was healthy", () => {
    const back = sweep(after(five), SETTINGS, T0 + 60_000);
    expect(after(five, SETTINGS, T0 + 91_000, back).ejection?.durationMs).toBe(30_000);
  });

  it("is out for 300 s at most, or for its base where that is longer", () => {
    const worst: EndpointHealth = { ...healthy(T0), multiplier: 11 };
    expect(after(five, SETTINGS, T0 + 1, worst).ejection?.durationMs).toBe(300_000);
    const long = { ...SETTINGS, baseEjectionMs: 600_000 };
    expect(after(five, long, T0 + 1).ejection?.durationMs).toBe(600_000);
  });

  it("counts errors in a row: a success begins anew, and so does the end of an ejection", () => {
    expect(after([500, 500, 500, 500, 200, 500]).ejection).toBeNull();
    const back = sweep(after(five), SETTINGS, T0 + 60_000);
    expect(after(five.slice(1), SETTINGS, T0 + 61_000, back).ejection).toBeNull();
  });

  it("counts gateway errors apart: another 5xx begins those anew, and counts on", () => {
    const settings = { ...SETTINGS, consecutiveGatewayErrors: 2 };
    expect(after([503, 500, 503], settings).ejection).toBeNull();
    expect(after([503, 503], settings).ejection).not.toBeNull();
    expect(after([503, 500, 503, 500, 503], settings).ejection).not.toBeNull();
  });

  it("is never ejected by a counter that is off", () => {
    const off = { ...SETTINGS, consecutive5xx: 0 };
    expect(after([...five, ...five], off).ejection).toBeNull();
  });

  it("stays in where the share of those that are out is full", () => {
    const refused = five.reduce((health, outcome) => recordOutcome(health, outcome, SETTINGS, T0, false), healthy(T0));
    expect(refused.ejection).toBeNull();
  });

  it("looks the same to who looks often and to who looks once", () => {
    let often = after(five);
    for (let at = T0; at < T0 + 400_000; at += 700) often = sweep(often, SETTINGS, at);
    const once = sweep(after(five), SETTINGS, T0 + 399_900);
    expect({ ...often, sweptAt: 0 }).toEqual({ ...once, sweptAt: 0 });
  });

  it("is out as long for who knows only the ejection", () => {
    const { ejection } = after(five);
    expect(ejection && isOut(ejection, 30_000, T0 + 59_999)).toBe(true);
    expect(ejection && isOut(ejection, 30_000, T0 + 60_000)).toBe(false);
  });
});

describe("the share of endpoints that may be out", () => {
  it.each([
    { hosts: 1, ejected: 0, always: true, percent: 10, may: true },
    { hosts: 1, ejected: 0, always: false, percent: 10, may: false },
    { hosts: 1, ejected: 0, always: false, percent: 100, may: true },
    { hosts: 10, ejected: 0, always: false, percent: 10, may: true },
    { hosts: 9, ejected: 0, always: false, percent: 10, may: false },
    { hosts: 10, ejected: 1, always: true, percent: 10, may: false },
    { hosts: 10, ejected: 4, always: true, percent: 50, may: true },
  ])("$ejected of $hosts at $percent %, one always $always: $may", ({ hosts, ejected, always, percent, may }) => {
    const settings = { ...SETTINGS, maxEjectionPercent: percent, alwaysEjectOne: always };
    expect(mayEject(settings, hosts, ejected)).toBe(may);
  });

  it("is disregarded where too few are healthy", () => {
    expect(panics({ ...SETTINGS, minHealthPercent: 50 }, 4, 3)).toBe(true);
    expect(panics({ ...SETTINGS, minHealthPercent: 50 }, 4, 2)).toBe(false);
    expect(panics(SETTINGS, 4, 4)).toBe(false);
  });
});

/** Endpoints that count one error of each kind, and what an outcome makes of that. */
describe("an outcome", () => {
  const split = { ...SETTINGS, consecutiveLocalOrigin: 5 };
  const own = { ...SETTINGS, errorStatuses: [404, 503] };
  const counted = { ...healthy(T0), errors5xx: 1, gatewayErrors: 1, localErrors: 1 };
  it.each<{ outcome: Outcome; settings?: OutlierSettings; counts: readonly [number, number, number] }>([
    { outcome: 200, counts: [0, 0, 0] },
    { outcome: 499, counts: [0, 0, 0] },
    { outcome: 500, counts: [2, 0, 0] },
    { outcome: 501, counts: [2, 0, 0] },
    { outcome: 502, counts: [2, 2, 0] },
    { outcome: 504, counts: [2, 2, 0] },
    { outcome: 505, counts: [2, 0, 0] },
    { outcome: "reset", counts: [2, 2, 0] },
    { outcome: "timeout", counts: [2, 2, 0] },
    { outcome: "reset", settings: split, counts: [1, 1, 2] },
    { outcome: "timeout", settings: split, counts: [1, 1, 2] },
    { outcome: 503, settings: split, counts: [2, 2, 0] },
    { outcome: 200, settings: split, counts: [0, 0, 0] },
    { outcome: 404, settings: own, counts: [2, 0, 0] },
    { outcome: 503, settings: own, counts: [2, 2, 0] },
    { outcome: 500, settings: own, counts: [0, 0, 0] },
    { outcome: "reset", settings: own, counts: [2, 2, 0] },
  ])("$outcome makes 1, 1, 1 $counts", ({ outcome, settings = SETTINGS, counts }) => {
    const { errors5xx, gatewayErrors, localErrors } = recordOutcome(counted, outcome, settings, T0, true);
    expect([errors5xx, gatewayErrors, localErrors]).toEqual(counts);
  });

  it("ejects by the counter that it fills", () => {
    const cause = (outcomes: readonly Outcome[], settings: OutlierSettings) =>
      after(outcomes, settings).ejection?.cause;
    expect(cause(five, SETTINGS)).toBe("consecutive_5xx");
    expect(cause([502, 503], { ...SETTINGS, consecutiveGatewayErrors: 2 })).toBe("consecutive_gateway_failure");
    expect(cause(["reset", "timeout"], { ...SETTINGS, consecutiveLocalOrigin: 2 })).toBe(
      "consecutive_local_origin_failure",
    );
  });

  it("that fills a counter begins it anew where nothing may be ejected", () => {
    const full = five.reduce<EndpointHealth>(
      (health, outcome) => recordOutcome(health, outcome, SETTINGS, T0, false),
      healthy(T0),
    );
    expect(full.errors5xx).toBe(0);
    expect(recordOutcome(full, 500, SETTINGS, T0, true).ejection).toBeNull();
  });
});

it("what isolates report of their streaks counts as the outcomes themselves would", () => {
  const outcomes: readonly Outcome[] = [500, 500, 200, 503, 500, 500];
  const [first, ...rest] = outcomes.map((outcome) => streaksOf(outcome, SETTINGS));
  const all = rest.reduce((sum, streaks) => appendStreaks(sum, streaks), first ?? streaksOf(200, SETTINGS));
  expect(all.errors5xx).toEqual({ first: 2, success: true, last: 3 });
  const joined = recordStreaks(healthy(T0), all, SETTINGS, T0, true);
  expect(joined).toMatchObject({ errors5xx: after(outcomes).errors5xx, gatewayErrors: after(outcomes).gatewayErrors });
  // Three at the end of one isolate's, two at the start of another's: five in a row.
  const other = {
    errors5xx: { first: 2, success: true, last: 0 },
    gatewayErrors: { first: 0, success: true, last: 0 },
  };
  expect(recordStreaks(joined, other, SETTINGS, T0, true).ejection).not.toBeNull();
});
