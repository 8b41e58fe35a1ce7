import * as fc from "fast-check";
import { expect, it } from "vitest";
import { mergeMatches } from "../../src/compile/istio/merge-matches.ts";
import { type Asked, type Block, ruleInMesh } from "../routing/naive-routes.ts";
import { times } from "../support/scale.ts";

const word = fc.constantFrom("a", "ab", "b");
const path = fc.constantFrom("/", "/a", "/a/b", "/ab");
const text = (values: fc.Arbitrary<string>) =>
  fc.oneof(
    values.map((exact) => ({ exact })),
    values.map((prefix) => ({ prefix })),
  );
const named = fc.dictionary(fc.constantFrom("x", "y"), fc.oneof(text(word), fc.constant({})), {
  maxKeys: 2,
  noNullPrototype: true,
});
const block: fc.Arbitrary<Block> = fc.record(
  {
    uri: text(path),
    method: text(fc.constantFrom("GET", "POST")),
    headers: named,
    withoutHeaders: named,
    queryParams: named,
  },
  { requiredKeys: [] },
);
const blocks = fc.array(block, { maxLength: 2 });
const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom("GET", "POST"),
  scheme: fc.constant("http" as const),
  authority: fc.constant("a.test"),
  port: fc.constant(80),
  path,
  query: fc.constantFrom("", "x=a", "x=ab&y=b"),
  headers: fc.dictionary(
    fc.constantFrom("x", "y"),
    word.map((value) => [value]),
    { noNullPrototype: true },
  ),
  namespace: fc.constant("default"),
  labels: fc.constant({}),
});

it("a delegated rule takes what root and delegate both take, and never more", () => {
  let merged = 0;
  fc.assert(
    fc.property(blocks, blocks, fc.array(asked, { minLength: 8, maxLength: 8 }), (root, delegate, requests) => {
      const together = mergeMatches(root, delegate);
      if (together === null) return;
      merged += 1;
      const takes = (match: readonly Block[], request: Asked): boolean => ruleInMesh([{ match }], request) !== null;
      const whole = together.length === Math.max(root.length, 1) * Math.max(delegate.length, 1);
      for (const request of requests) {
        const both = takes(root, request) && takes(delegate, request);
        // A block of the delegate that conflicts with one block of the root, and fits into another, holds for less.
        const wanted = whole || root.length === 0 || delegate.length === 0 ? [both] : [both, false];
        expect(wanted).toContain(takes(together as readonly Block[], request));
      }
    }),
    { numRuns: times(2_000, 20_000), seed: 7 },
  );
  expect(merged).toBeGreaterThan(500);
});
