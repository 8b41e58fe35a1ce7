import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Finding } from "../../src/resources/finding.ts";
import { reportTo } from "../../src/resources/report.ts";
import { checkCoverage } from "../../src/resources/rule-coverage.ts";
import { type Asked, type Block, type Rule, ruleInMesh, type Text } from "../routing/naive-routes.ts";
import { expectEqual } from "../support/equal.ts";
import { times } from "../support/scale.ts";
import { parsed } from "./parsed.ts";

/** What is said of a VirtualService with these rules, as `code field`. */
function said(rules: string, gateways = "[mesh]"): readonly string[] {
  const { findings } = parsed(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: a }
spec:
  hosts: [a.test]
  gateways: ${gateways}
  http:
${rules
  .trim()
  .split("\n")
  .map((rule) => `    - ${rule.trim()}`)
  .join("\n")}`);
  return findings.map(({ code, field }) => `${code} ${field}`);
}

const ROUTE = "route: [{ destination: { host: a } }]";

describe("a rule that is never reached", () => {
  it.each([
    ["after one without a match", "", "match: [{ uri: { prefix: /v2 } }]"],
    ["after the prefix /", "match: [{ uri: { prefix: / } }]", "match: [{ method: { exact: GET } }]"],
    ["the same match again", "match: [{ uri: { exact: /a } }]", "match: [{ uri: { exact: /a } }]"],
    ["a prefix of a prefix", "match: [{ uri: { prefix: /a } }]", "match: [{ uri: { prefix: /a/b } }]"],
    ["a path within a prefix", "match: [{ uri: { prefix: /a } }]", "match: [{ uri: { exact: /ab } }]"],
    ["in any case", "match: [{ uri: { prefix: /A }, ignoreUriCase: true }]", "match: [{ uri: { exact: /ab } }]"],
    ["the same pattern", "match: [{ uri: { regex: '/a.*' } }]", "match: [{ uri: { regex: '/a.*' } }]"],
    ["a narrower header", "match: [{ headers: { x-user: {} } }]", "match: [{ headers: { X-User: { exact: a } } }]"],
    [
      "with more asked of it",
      "match: [{ uri: { prefix: /a } }]",
      "match: [{ uri: { prefix: /a }, method: { exact: GET } }]",
    ],
    [
      "without the same header",
      "match: [{ withoutHeaders: { a: {} } }]",
      "match: [{ uri: { exact: /a }, withoutHeaders: { a: {} } }]",
    ],
    [
      "a narrower parameter",
      "match: [{ queryParams: { q: { prefix: a } } }]",
      "match: [{ queryParams: { q: { exact: ab } } }]",
    ],
    [
      "each block by another",
      "match: [{ uri: { prefix: /a } }, { uri: { prefix: /b } }]",
      "match: [{ uri: { exact: /b } }, { uri: { exact: /a } }]",
    ],
    ["on the same port", "match: [{ port: 80 }]", "match: [{ port: 80, uri: { prefix: /a } }]"],
    ["for fewer gateways", "match: [{ uri: { prefix: /a } }]", "match: [{ uri: { prefix: /a }, gateways: [mesh] }]"],
  ])("%s", (_, first, second) => {
    const rules = [first, second].map((match) => `{ ${match === "" ? "" : `${match}, `}${ROUTE} }`);
    expect(said(rules.join("\n"), "[mesh, front]")).toEqual(["TULLE0201 spec.http[1]"]);
  });

  it.each([
    ["a prefix beside", "match: [{ uri: { prefix: /a/ } }]", "match: [{ uri: { prefix: /a } }]"],
    ["a path of another case", "match: [{ uri: { prefix: /A } }]", "match: [{ uri: { prefix: /a } }]"],
    [
      "any case after one case",
      "match: [{ uri: { prefix: /a } }]",
      "match: [{ uri: { prefix: /a }, ignoreUriCase: true }]",
    ],
    ["a wider header", "match: [{ headers: { x: { exact: a } } }]", "match: [{ headers: { x: {} } }]"],
    ["another header", "match: [{ headers: { x: {} } }]", "match: [{ headers: { y: {} } }]"],
    [
      "less asked of it",
      "match: [{ uri: { prefix: /a }, method: { exact: GET } }]",
      "match: [{ uri: { prefix: /a } }]",
    ],
    [
      "one block of two",
      "match: [{ uri: { prefix: /a } }]",
      "match: [{ uri: { prefix: /c } }, { uri: { prefix: /d } }]",
    ],
    ["another port", "match: [{ port: 80 }]", "match: [{ port: 81 }]"],
    ["every port", "match: [{ port: 80 }]", ""],
    ["more gateways", "match: [{ uri: { prefix: /a }, gateways: [front] }]", "match: [{ uri: { prefix: /a } }]"],
    [
      "two spellings of a header",
      "match: [{ headers: { X: { exact: a }, x: {} } }]",
      "match: [{ headers: { x: {} } }]",
    ],
    ["other callers", "match: [{ sourceNamespace: a }]", "match: [{ sourceNamespace: b }]"],
    [
      "a path after a pattern that may not hold it",
      "match: [{ uri: { regex: '/a.*' } }]",
      "match: [{ uri: { exact: /b } }]",
    ],
  ])("is not %s", (_, first, second) => {
    const rules = [first, second].map((match) => `{ ${match === "" ? "" : `${match}, `}${ROUTE} }`);
    expect(said(rules.join("\n"), "[mesh, front]")).toEqual([]);
  });
});

describe("a match that adds nothing", () => {
  it.each([
    [
      "an earlier rule holds it",
      `{ match: [{ uri: { prefix: /a } }], ${ROUTE} }\n{ match: [{ uri: { exact: /ab } }, { uri: { exact: /b } }], ${ROUTE} }`,
      "http[1].match[0]",
    ],
    [
      "another block of its rule holds it",
      `{ match: [{ uri: { prefix: /a } }, { uri: { exact: /a } }], ${ROUTE} }`,
      "http[0].match[1]",
    ],
  ])("as %s", (_, rules, field) => {
    expect(said(rules)).toEqual([`TULLE0202 spec.${field}`]);
  });
});

const VALUES = ["", "a", "ab", "b"] as const;
const PATHS = ["/", "/a", "/A", "/ab", "/a/b"] as const;
const text: fc.Arbitrary<Text> = fc.oneof(
  fc.constantFrom(...VALUES).map((exact) => ({ exact })),
  fc.constantFrom("a", "ab").map((prefix) => ({ prefix })),
  fc.constantFrom("a.*", ".*", "a|b").map((regex) => ({ regex })),
);
const headers = fc.dictionary(
  fc.constantFrom("x", "X", "y"),
  fc.oneof(text, fc.constantFrom<Text>({}, { regex: "*" })),
  {
    maxKeys: 2,
  },
);
const block: fc.Arbitrary<Block> = fc.record(
  {
    uri: fc.oneof(
      fc.constantFrom(...PATHS).map((exact) => ({ exact })),
      fc.constantFrom(...PATHS, "").map((prefix) => ({ prefix })),
      fc.constantFrom("/a.*", ".*").map((regex) => ({ regex })),
    ),
    ignoreUriCase: fc.boolean(),
    method: fc.constantFrom<Text>({ exact: "GET" }, { prefix: "G" }, { regex: "GET|PUT" }),
    headers,
    withoutHeaders: headers,
    queryParams: fc.dictionary(fc.constantFrom("q"), fc.oneof(text, fc.constant<Text>({})), { maxKeys: 1 }),
    port: fc.constantFrom(80, 81),
  },
  { requiredKeys: [] },
);
const sparse = fc
  .tuple(block, fc.array(fc.nat(6), { minLength: 1, maxLength: 3 }))
  .map(([full, kept]): Block => Object.fromEntries(Object.entries(full).filter((_, at) => kept.includes(at))));
const table = fc.array(fc.record({ match: fc.array(sparse, { minLength: 1, maxLength: 3 }) }), {
  minLength: 2,
  maxLength: 8,
});
const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom("GET", "PUT", "POST"),
  scheme: fc.constant("http" as const),
  authority: fc.constant("a"),
  port: fc.constantFrom(80, 81),
  path: fc.constantFrom(...PATHS),
  query: fc.constantFrom("", "q", "q=a", "q=ab", "q=b"),
  headers: fc.dictionary(fc.constantFrom("x", "y"), fc.tuple(fc.constantFrom(...VALUES))),
  namespace: fc.constant("default"),
  labels: fc.constant({}),
});

it("what is told to take nothing takes nothing: without it every request takes the same rule", () => {
  let told = 0;
  fc.assert(
    fc.property(table, fc.array(asked, { minLength: 30, maxLength: 30 }), (rules, all) => {
      const findings: Finding[] = [];
      checkCoverage(rules, ["mesh"], reportTo(findings).at("http"));
      told += findings.length;
      const left = rules.map(({ match }, index): Rule => {
        if (findings.some(({ field }) => field === `http[${index}]`)) return NEVER;
        const kept = match.filter((_, at) => !findings.some(({ field }) => field === `http[${index}].match[${at}]`));
        return { match: kept };
      });
      for (const request of all) expectEqual(ruleInMesh(left, request), ruleInMesh(rules, request));
    }),
    { numRuns: times(300, 10_000) },
  );
  expect(told).toBeGreaterThan(300);
});

const NEVER: Rule = { match: [{ method: { exact: "never" } }] };

it("takes time in proportion to the rules", () => {
  const rules = (count: number) =>
    Array.from({ length: count }, (_, at) => ({
      match: [{ headers: { [`x-${at}`]: {} } }, { uri: { prefix: `/a/${at}/` } }],
    }));
  const work = (count: number): number => {
    let reads = 0;
    const counted = rules(count).map(({ match }) => ({
      get match() {
        return match.map((one) => {
          return new Proxy(one, { get: (target, key) => ((reads += 1), Reflect.get(target, key)) });
        });
      },
    }));
    checkCoverage(counted, ["mesh"], reportTo([]).at("http"));
    return reads;
  };
  expect(work(2_000) / work(1_000)).toBeLessThan(2.2);
});
