import { describe, expect, it } from "vitest";
import {
  append,
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

const five: readonly Outcome[] = ["5xx", "5xx", "5xx", "5xx", "5xx"];

describe("an endpoint, on a model clock", () => {
  it("is ejected at the fifth error in a row, for 30 s and up to the next sweep", () => {
    expect(after(five.slice(1)).ejection).toBeNull();
    const out = after(five);
    expect(out.ejection).toEqual({ at: T0 + 1_004, durationMs: 30_000 });
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
    expect(after(["5xx", "5xx", "5xx", "5xx", "success", "5xx"]).ejection).toBeNull();
    const back = sweep(after(five), SETTINGS, T0 + 60_000);
    expect(after(five.slice(1), SETTINGS, T0 + 61_000, back).ejection).toBeNull();
  });

  it("counts gateway errors apart: another 5xx begins those anew, and counts on", () => {
    const settings = { ...SETTINGS, consecutiveGatewayErrors: 2 };
    expect(after(["gateway_error", "5xx", "gateway_error"], settings).ejection).toBeNull();
    expect(after(["gateway_error", "gateway_error"], settings).ejection).not.toBeNull();
    expect(after(["gateway_error", "5xx", "gateway_error", "5xx", "gateway_error"], settings).ejection).not.toBeNull();
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

it("what isolates report of their streaks counts as the outcomes themselves would", () => {
  const outcomes: readonly Outcome[] = ["5xx", "5xx", "success", "gateway_error", "5xx", "5xx"];
  const [first, ...rest] = outcomes.map(streaksOf);
  const all5xx = rest.reduce(
    (sum, streak) => append(sum, streak.errors5xx),
    first?.errors5xx ?? streaksOf("success").errors5xx,
  );
  const gateway = rest.reduce(
    (sum, streak) => append(sum, streak.gatewayErrors),
    first?.gatewayErrors ?? streaksOf("success").gatewayErrors,
  );
  expect(all5xx).toEqual({ first: 2, success: true, last: 3 });
  const joined = recordStreaks(healthy(T0), { errors5xx: all5xx, gatewayErrors: gateway }, SETTINGS, T0, true);
  expect(joined).toMatchObject({ errors5xx: after(outcomes).errors5xx, gatewayErrors: after(outcomes).gatewayErrors });
  // Three at the end of one isolate's, two at the start of another's: five in a row.
  const other = {
    errors5xx: { first: 2, success: true, last: 0 },
    gatewayErrors: { first: 0, success: true, last: 0 },
  };
  expect(recordStreaks(joined, other, SETTINGS, T0, true).ejection).not.toBeNull();
});
