import * as fc from "fast-check";
import { expect, it } from "vitest";
import { anomaly, applied, type Operation } from "./linearizable.ts";

/** Tries all orders. */
function naive(operations: readonly Operation[], value: string | null): boolean {
  if (operations.every(({ returnedAt }) => returnedAt === null)) return true;
  const firstReturn = Math.min(...operations.map(({ returnedAt }) => returnedAt ?? Number.POSITIVE_INFINITY));
  return operations.some((operation) => {
    if (operation.invokedAt > firstReturn) return false;
    const rest = operations.filter((one) => one !== operation);
    const after = applied(operation, value);
    if (after !== undefined && naive(rest, after)) return true;
    return operation.returnedAt === null && naive(rest, value);
  });
}

const value = fc.constantFrom(null, "a", "b");
const does: fc.Arbitrary<Operation["does"]> = fc.oneof(
  fc.record({ kind: fc.constant("read" as const), value }),
  fc.record({ kind: fc.constant("write" as const), value }),
  fc.record({ kind: fc.constant("swap" as const), from: value, to: value, done: fc.boolean() }),
);
const history: fc.Arbitrary<readonly Operation[]> = fc
  .array(fc.record({ does, answered: fc.boolean(), tries: fc.nat(2) }), { minLength: 1, maxLength: 6 })
  .chain((drawn) =>
    fc.shuffledSubarray([...drawn.keys(), ...drawn.keys()], { minLength: drawn.length * 2 }).map((order) =>
      drawn.map(({ does: is, answered, tries }, at) => {
        const [invokedAt, returnedAt] = [order.indexOf(at), order.lastIndexOf(at)];
        // Most are answered: of others less can be said.
        return { does: is, invokedAt, returnedAt: answered || tries > 0 ? returnedAt : null };
      }),
    ),
  );

it("finds an anomaly where no order explains what clients saw, and there alone", () => {
  let wrong = 0;
  fc.assert(
    fc.property(history, (operations) => {
      const explained = naive(operations, null);
      if (!explained) wrong += 1;
      expect(anomaly(operations, null) === null).toBe(explained);
    }),
    { numRuns: 2_000, seed: 15 },
  );
  expect(wrong).toBeGreaterThan(200);
  expect(wrong).toBeLessThan(1_800);
});

it.each<{ name: string; operations: readonly Operation["does"][]; fits: boolean }>([
  {
    name: "a lost update",
    fits: false,
    operations: [
      { kind: "swap", from: null, to: "a", done: true },
      { kind: "swap", from: null, to: "b", done: true },
    ],
  },
  {
    name: "a stale read",
    fits: false,
    operations: [
      { kind: "write", value: "a" },
      { kind: "read", value: null },
    ],
  },
  {
    name: "a refused swap, and what was read after it",
    fits: true,
    operations: [
      { kind: "write", value: "a" },
      { kind: "swap", from: "b", to: "c", done: false },
      { kind: "read", value: "a" },
    ],
  },
])("judges $name", ({ operations, fits }) => {
  const history = operations.map((does, at) => ({ does, invokedAt: at * 2, returnedAt: at * 2 + 1 }));
  expect(anomaly(history, null) === null).toBe(fits);
});
