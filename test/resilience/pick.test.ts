import { describe, expect, it } from "vitest";
import { pick } from "../../src/resilience/pick.ts";
import { endpoint } from "../decide/requests.ts";

const two = [endpoint("a"), { ...endpoint("b"), weight: 2 }];
const idle = { turn: 0, draws: [0, 0] as const, active: new Map<string, number>() };

describe("pick", () => {
  it("takes nobody of none and the one of one", () => {
    expect(pick([], "RANDOM", idle)).toBeNull();
    expect(pick([endpoint("a")], "LEAST_REQUEST", idle)?.id).toBe("a");
  });

  it("goes round in the share of weights", () => {
    const ids = [0, 1, 2, 3, 4, 5].map((turn) => pick(two, "ROUND_ROBIN", { ...idle, turn })?.id);
    expect(ids).toEqual(["a", "b", "b", "a", "b", "b"]);
  });

  it("draws in the share of weights", () => {
    const ids = [0, 0.32, 0.34, 0.99].map((draw) => pick(two, "RANDOM", { ...idle, draws: [draw, 0] })?.id);
    expect(ids).toEqual(["a", "a", "b", "b"]);
  });

  it("takes the less busy of two that are drawn", () => {
    const busy = {
      ...idle,
      draws: [0, 0.9] as const,
      active: new Map([
        ["a", 3],
        ["b", 2],
      ]),
    };
    expect(pick(two, "LEAST_REQUEST", busy)?.id).toBe("b");
    expect(
      pick(two, "LEAST_REQUEST", {
        ...busy,
        active: new Map([
          ["a", 1],
          ["b", 1],
        ]),
      })?.id,
    ).toBe("a");
  });
});
