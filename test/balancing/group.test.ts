import { describe, expect, it } from "vitest";
import { pickIn } from "../../src/balancing/group.ts";
import { draw, DRAW } from "../../src/request/draws.ts";
import { endpoint } from "../decide/requests.ts";
import { groupOf, deviations, IDLE, picks, weighing } from "./balancers.ts";

const PICKS = 10_000;
const WEIGHTS = [
  { name: "equal weights", weights: [1, 1, 1] },
  { name: "weights of 1 to 5", weights: [1, 2, 3, 4, 5] },
  { name: "weights far apart", weights: [1, 50, 200] },
];

/** The seeds of requests are random numbers of 32 bits. */
const seedOf = (request: number): number => Math.floor(draw(2026, 1, request) * 2 ** 32);

describe("pickIn", () => {
  it("takes nobody of none and the one of one", () => {
    const [only] = weighing(1);
    const group = groupOf([endpoint("n0")], "RANDOM");
    expect(pickIn([], group, IDLE)).toBeNull();
    expect(pickIn(group.endpoints, group, IDLE)?.id).toBe(only?.id);
  });

  it.each(WEIGHTS)("goes round in the share of $name", ({ weights }) => {
    const counts = picks(groupOf(weighing(...weights), "ROUND_ROBIN"), PICKS, (turn) => ({ turn }));
    expect(Math.max(...deviations(counts, weights))).toBeLessThan(4);
    // Nothing is left to chance: a round gives each exactly its weight.
    const round = weights.every((weight) => weight === 1) ? weights.length : weights.reduce((sum, one) => sum + one, 0);
    expect(picks(groupOf(weighing(...weights), "ROUND_ROBIN"), round, (turn) => ({ turn }))).toEqual(weights);
  });

  it("goes round smoothly: a heavy endpoint's turns are spread between the others'", () => {
    const group = groupOf(weighing(5, 5, 1), "ROUND_ROBIN");
    const order = Array.from({ length: 11 }, (_, turn) => pickIn(group.endpoints, group, { ...IDLE, turn })?.id);
    const runs = order.join("").match(/(?:n0)+|(?:n1)+/g) ?? [];
    expect(Math.max(...runs.map((run) => run.length / 2))).toBeLessThanOrEqual(2);
  });

  it.each(["ROUND_ROBIN", "RANDOM", "LEAST_REQUEST"] as const)("skips those that may not be used by %s", (name) => {
    const group = groupOf(weighing(1, 2, 3), name);
    const usable = group.endpoints.filter(({ id }) => id !== "n1");
    const counts = picks(group, PICKS, (at) => ({ turn: at, seed: seedOf(at) }), usable);
    expect(counts[1]).toBe(0);
    expect(Math.max(...deviations([counts[0] ?? 0, counts[2] ?? 0], [1, 3]))).toBeLessThan(4);
  });

  it.each(WEIGHTS)("draws in the share of $name", ({ weights }) => {
    const counts = picks(groupOf(weighing(...weights), "RANDOM"), PICKS, (at) => ({ seed: seedOf(at) }));
    expect(Math.max(...deviations(counts, weights))).toBeLessThan(4);
  });

  it.each(WEIGHTS)("picks in the share of $name where all are idle by LEAST_REQUEST", ({ weights }) => {
    const counts = picks(groupOf(weighing(...weights), "LEAST_REQUEST"), PICKS, (at) => ({ seed: seedOf(at) }));
    expect(Math.max(...deviations(counts, weights))).toBeLessThan(4);
  });

  it("takes the less busy of two that are drawn", () => {
    const active = new Map([
      ["n0", 3],
      ["n1", 2],
      ["n2", 1],
    ]);
    const counts = picks(groupOf(weighing(1, 1, 1), "LEAST_REQUEST"), PICKS, (at) => ({ active, seed: seedOf(at) }));
    // Of nine pairs one has the busiest alone, five have the least busy.
    expect(Math.max(...deviations(counts, [1, 3, 5]))).toBeLessThan(4);
  });

  it("divides unequal weights by what an endpoint is busy with, itself counted", () => {
    const active = new Map([
      ["n0", 1],
      ["n2", 5],
    ]);
    const counts = picks(groupOf(weighing(4, 1, 6), "LEAST_REQUEST"), PICKS, (at) => ({ active, seed: seedOf(at) }));
    expect(Math.max(...deviations(counts, [2, 1, 1]))).toBeLessThan(4);
  });

  it("draws anew for another attempt", () => {
    const group = groupOf(weighing(1, 1, 1, 1, 1, 1, 1, 1), "RANDOM");
    const ids = [0, 1, 2, 3, 4, 5].map((attempt) => pickIn(group.endpoints, group, { ...IDLE, attempt })?.id);
    expect(new Set(ids).size).toBeGreaterThan(1);
    expect(DRAW.endpoint).not.toBe(DRAW.otherEndpoint);
  });
});
