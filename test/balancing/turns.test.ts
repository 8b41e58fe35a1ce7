import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pickIn } from "../../src/balancing/group.ts";
import { Turns } from "../../src/balancing/turns.ts";
import { RetryBudget } from "../../src/resilience/retry-budget.ts";
import { groupOf, IDLE, weighing } from "./balancers.ts";

/** Whole weights, alike and not. */
const WEIGHTS = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });

describe("turns", () => {
  it("spread first attempts exactly by weight, whatever is tried again in between", () => {
    fc.assert(
      fc.property(
        WEIGHTS,
        fc.integer({ min: 0, max: 1 << 20 }),
        fc.infiniteStream(fc.nat(3)),
        (weights, from, retries) => {
          const group = groupOf(weighing(...weights), "ROUND_ROBIN");
          const turns = new Turns(from);
          const alike = weights.every((weight) => weight === weights[0]);
          const round = alike ? weights.length : weights.reduce((sum, weight) => sum + weight, 0);
          const counts = weights.map(() => 0);
          for (let call = 0; call < 3 * round; call += 1) {
            const picked = pickIn(group.endpoints, group, { ...IDLE, turn: turns.first() });
            for (const [at, endpoint] of group.endpoints.entries())
              if (endpoint === picked) counts[at] = (counts[at] ?? 0) + 1;
            for (let retry = retries.next().value ?? 0; retry > 0; retry -= 1) turns.retry();
          }
          expect(counts).toEqual(weights.map((weight) => (alike ? 3 : 3 * weight)));
        },
      ),
    );
  });

  it("lead a third of 60 calls a second to the one endpoint of three that fails, which the budget of retries bears", () => {
    const group = groupOf(weighing(1, 1, 1), "ROUND_ROBIN");
    const [bad, ...others] = group.endpoints;
    const turns = new Turns(7);
    const budget = new RetryBudget();
    const calls = 60 * 30;
    let failed = 0;
    const again: string[] = [];
    for (let call = 0; call < calls; call += 1) {
      const now = Math.floor((call * 1_000) / 60);
      budget.begin({}, now);
      if (pickIn(group.endpoints, group, { ...IDLE, turn: turns.first() }) === bad) {
        failed += 1;
        if (budget.take({}, now)) {
          again.push(pickIn(others, group, { ...IDLE, attempt: 1, turn: turns.retry() })?.id ?? "");
          budget.give();
        }
      }
      budget.end();
    }
    expect({ failed, tried: again.length }).toEqual({ failed: calls / 3, tried: calls / 3 });
    expect(others.map(({ id }) => again.filter((one) => one === id).length)).toEqual([calls / 6, calls / 6]);
  });
});
