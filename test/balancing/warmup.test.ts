import { describe, expect, it } from "vitest";
import { linkGroup, pickIn } from "../../src/balancing/group.ts";
import { hashOf } from "../../src/balancing/hash.ts";
import { weightAt } from "../../src/balancing/warmup.ts";
import { deviations, IDLE, picks, weighing } from "./balancers.ts";

const BORN = 1_700_000_000_000;
const WARMUP = { durationMs: 100_000, minimum: 0.1, aggression: 1 };

describe("the weight of a new endpoint", () => {
  const at = (age: number, change = {}) => {
    const [endpoint] = weighing(10);
    return endpoint && weightAt({ ...endpoint, since: BORN }, { ...WARMUP, ...change }, BORN + age);
  };

  it.each([
    { name: "begins with its minimum", age: 0, weight: 1 },
    { name: "stays there until it would be more", age: 10_000, weight: 1 },
    { name: "grows with its age", age: 50_000, weight: 5 },
    { name: "is whole at the end", age: 100_000, weight: 10 },
    { name: "and stays so", age: 1_000_000, weight: 10 },
    { name: "is the minimum where a clock is behind", age: -5_000, weight: 1 },
  ])("$name", ({ age, weight }) => {
    expect(at(age)).toBeCloseTo(weight);
  });

  it("grows faster at first with aggression", () => {
    expect(at(25_000, { aggression: 2 })).toBeCloseTo(5);
  });

  it("is whole where nobody knows since when it is there", () => {
    const [endpoint] = weighing(10);
    expect(endpoint && weightAt(endpoint, WARMUP, BORN)).toBe(10);
  });
});

describe.each(["ROUND_ROBIN", "LEAST_REQUEST"] as const)("%s with a warm-up", (loadBalancer) => {
  const [old, fresh] = weighing(1, 1);
  const endpoints = old && fresh ? [old, { ...fresh, since: BORN }] : [];
  const group = linkGroup(endpoints, { loadBalancer, warmup: WARMUP });
  const shares = (age: number) => picks(group, 10_000, (at) => ({ turn: at, seed: hashOf(`${at}`), now: BORN + age }));

  it.each([
    { age: 0, share: 0.1 },
    { age: 50_000, share: 0.5 },
    { age: 100_000, share: 1 },
  ])("gives an endpoint of $age ms $share of what an old one gets", ({ age, share }) => {
    expect(Math.max(...deviations(shares(age), [1, share]))).toBeLessThan(4);
  });

  it("picks the only one there is, however new", () => {
    const [, only] = endpoints;
    expect(only && pickIn([only], group, { ...IDLE, now: BORN })).toBe(only);
  });
});
