import { Environment } from "@marcbachmann/cel-js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ATTRIBUTE_TYPES } from "../../src/resources/cel-attributes.ts";
import { compileExpression, describeExpressionError, type ExpressionUse } from "../../src/resources/cel.ts";
import type { Value } from "../../src/match/expression.ts";
import { ATTRIBUTES, linkOfCall } from "../../src/telemetry/attributes.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { linkPart } from "../support/link-with.ts";

const NOW = 1_700_000_000_000;

interface Call {
  readonly path?: string;
  readonly query?: string;
  readonly status?: number;
  readonly flag?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly answer?: Readonly<Record<string, string>>;
  readonly bytes?: number | null;
  readonly durationMs?: number;
}

function journalOf(call: Call): Journal {
  const { headers = {}, answer, durationMs = 12 } = call;
  const journal = new Journal(NOW - durationMs, "id-1", "GET");
  journal.path = call.path ?? "/a";
  journal.query = call.query ?? "";
  journal.authority = "reviews";
  journal.status = call.status ?? 200;
  journal.flag = call.flag ?? "-";
  journal.bytes = call.bytes ?? null;
  journal.headers = headers;
  journal.answer = answer === undefined ? null : new Headers(answer);
  return journal;
}

function valueOf(source: string, call: Call, use: ExpressionUse = "label"): Value {
  const compiled = compileExpression(source, use);
  if (!compiled.ok) throw new Error(describeExpressionError(compiled.error));
  return linkPart(compiled.value.tree, linkOfCall)(journalOf(call), NOW);
}

function problemOf(source: string, use: ExpressionUse = "filter"): string | null {
  const compiled = compileExpression(source, use);
  return compiled.ok ? null : describeExpressionError(compiled.error);
}

describe("an expression", () => {
  it.each([
    ["response.code >= 400", { status: 503 }, true],
    ["response.code >= 400 && response.code < 500", { status: 503 }, false],
    ['request.headers["x-a"] == "b"', { headers: { "x-a": "b" } }, true],
    ['request.headers["X-A"] == "b"', { headers: { "x-a": "b" } }, true],
    ['request.headers["x-a"] == "b"', {}, undefined],
    ["has(request.headers.accept)", {}, false],
    ["has(response.size)", { bytes: 0 }, true],
    ['"x-a" in request.headers', { headers: { "x-a": "" } }, true],
    ['request.headers["x-a"] == "b" || response.code == 200', {}, true],
    ['request.headers["x-a"] == "b" && response.code == 201', {}, false],
    ['request.url_path.startsWith("/a")', {}, true],
    ['request.url_path.matches("^/a+$")', { path: "/aaa" }, true],
    ['matches(request.url_path, "b")', { path: "/abc" }, true],
    ["request.duration > duration('10ms')", { durationMs: 11 }, true],
    ["response.flags != 0", {}, false],
    ["response.flags == 2", { flag: "UH" }, true],
    ["response.grpc_status == 14", { answer: { "grpc-status": "14" } }, true],
    ["response.code in [500, 503]", { status: 503 }, true],
    ['["a", "b"].exists(x, request.headers["x-a"] == x)', { headers: { "x-a": "b" } }, true],
    ['["a", "b"].all(x, request.headers["x-a"] == x)', { headers: { "x-a": "b" } }, false],
    ['response.code < 400 ? "good" : "bad"', { status: 404 }, "bad"],
    ["string(response.code / 100) + 'xx'", { status: 404 }, "4xx"],
    ["1 / 0", {}, undefined],
    ["9007199254740991 + 1", {}, undefined],
    ["response.size", {}, undefined],
    ["xds.cluster_name", {}, undefined],
  ] as const)("%s", (source, call, want) => {
    expect(valueOf(source, call)).toBe(want);
  });

  it("is for a label what no attribute has, and is worth nothing there", () => {
    expect(compileExpression("some-cel-expression", "label")).toMatchObject({
      ok: true,
      value: { unknown: ["some", "cel", "expression"] },
    });
    expect(valueOf("add", {})).toBeUndefined();
    expect(valueOf("constructor", {})).toBeUndefined();
  });

  const refused: readonly (readonly [string, string])[] = [
    ["response.code", "true or false"],
    ['response.code == "404"', "no such overload"],
    ["response.cod == 404", "did you mean `response.code`"],
    ["add", "is no attribute"],
    ["1 +", "is no expression of CEL"],
    ["1.5 < 2.0", "whole numbers"],
    ["request.url_path == null", "has(...)"],
    ["9007199254740993 == 1", "too large"],
    ["request.headers.size() > 1", "not looked at as a whole"],
    ['request.headers[request.id] == "a"', "by a written name"],
    ["request.time > timestamp('2026-01-01T00:00:00Z')", "request.time"],
    ["filter_state.x == 'a'", "there is no Envoy"],
    ["connection.tls_version == 'TLSv1.3'", "the platform ends TLS"],
    ["lowerAscii(request.id) == 'a'", "is no function here"],
    ['request.id.split(",") == ["a"]', "is no function here"],
    ['request.url_path.matches("(a")', "no regular expression"],
    ['request.url_path.matches("(?=a)")', "no regular expression"],
    ["request.url_path.matches(request.id)", "a pattern that is written there"],
    ['["a"].exists(x, ["b"].exists(y, x == y))', "do not stand in one another"],
    ["[request.id].exists(x, x == 'a')", "written values"],
    ['has(request.headers["x-a"])', "behind a dot"],
    [`[${"1,".repeat(300)}1].exists(x, x == response.code)`, "parts"],
    [`response.code == 1${" || response.code == 1".repeat(200)}`, ""],
    ["(".repeat(200) + "true" + ")".repeat(200), "is no expression of CEL"],
    [`request.id == "${"a".repeat(2_000)}"`, "longer than 1024"],
    [" ".repeat(5_000), "longer than 4096"],
  ];
  it.each(refused.map(([source, why]) => [source.slice(0, 60), source, why] as const))(
    "refuses %s",
    (_, source, why) => {
      expect(problemOf(source)).toContain(why);
    },
  );

  it.each([
    "request.path",
    "request.query",
    "request.referer",
    'request.headers["cookie"]',
    'response.headers["Set-Cookie"]',
  ])("puts %s in no label, while a filter may look at it", (source) => {
    expect(problemOf(source, "label")).toMatch(/query|secret/);
    expect(problemOf(`${source} == "a"`, "filter")).toBeNull();
  });

  it("names no attribute that nobody reads", () => {
    const typed = Object.entries(ATTRIBUTE_TYPES).flatMap(([root, fields]) =>
      Object.entries(fields).flatMap(([field, type]) => (type.startsWith("map") ? [] : `${root}.${field}`)),
    );
    expect(typed.sort()).toEqual([...ATTRIBUTES].sort());
  });

  it("puts no text together that grows without end", () => {
    const header = { "x-a": "a".repeat(4_000) };
    expect(valueOf('request.headers["x-a"] + request.headers["x-a"]', { headers: header })).toBeUndefined();
    expect(valueOf('request.headers["x-a"].matches("a")', { headers: { "x-a": "a".repeat(5_000) } })).toBeUndefined();
  });
});

const texts = fc.constantFrom(
  '"a"',
  '"ab"',
  '""',
  "request.url_path",
  "request.id",
  'request.headers["x-a"]',
  'response.headers["y"]',
);
const small = fc.integer({ min: -5, max: 5 }).map(String);
const { bool } = fc.letrec<{ bool: string; int: string; text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: "small" },
    texts,
    fc.tuple(tie("text"), tie("text")).map(([a, b]) => `(${a} + ${b})`),
    tie("int").map((a) => `string(${a})`),
    fc.tuple(tie("bool"), tie("text"), tie("text")).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
  int: fc.oneof(
    { depthSize: "small" },
    small,
    fc.constantFrom("response.code", "response.size"),
    fc
      .tuple(tie("int"), fc.constantFrom("+", "-", "/", "%"), tie("int"))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc.tuple(tie("int"), small).map(([a, b]) => `(${a} * ${b})`),
    tie("text").map((a) => `size(${a})`),
    // Of an empty text cel-js makes 0, against the standard.
    fc.constantFrom('"12"', '"a"', "request.id", 'request.headers["x-a"]').map((a) => `int(${a})`),
    tie("int").map((a) => `(-(${a}))`),
  ),
  bool: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom("true", "false", '("x-a" in request.headers)', "has(response.headers.y)"),
    fc
      .tuple(tie("int"), fc.constantFrom("==", "!=", "<", "<=", ">", ">="), tie("int"))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc
      .tuple(tie("text"), fc.constantFrom("==", "!=", "<", ">="), tie("text"))
      .map(([a, operator, b]) => `(${a} ${operator} ${b})`),
    fc
      .tuple(tie("text"), fc.constantFrom("contains", "startsWith", "endsWith"), tie("text"))
      .map(([a, method, b]) => `${a}.${method}(${b})`),
    tie("text").map((a) => `${a}.matches("^a+|/$")`),
    fc.tuple(tie("bool"), fc.constantFrom("&&", "||"), tie("bool")).map(([a, o, b]) => `(${a} ${o} ${b})`),
    tie("bool").map((a) => `(!${a})`),
    fc.tuple(tie("int"), small, small).map(([a, b, c]) => `(${a} in [${b}, ${c}])`),
    fc.tuple(tie("text"), tie("text")).map(([a, b]) => `["a", "ab"].exists(x, x == ${a} || ${b} == x)`),
  ),
}));

const maybe = fc.option(fc.constantFrom("a", "ab", "/", "é😀", "7"), { nil: undefined });

describe("compiled", () => {
  it("an expression is worth what cel-js says, on whatever call", () => {
    const reference = new Environment({ unlistedVariablesAreDyn: true });
    fc.assert(
      fc.property(
        bool,
        maybe,
        maybe,
        fc.option(fc.nat(9)),
        fc.constantFrom(0, 200, 503),
        (source, a, y, size, status) => {
          const compiled = compileExpression(source, "filter");
          fc.pre(compiled.ok);
          if (!compiled.ok) return;
          const headers = a === undefined ? {} : { "x-a": a };
          const answer = y === undefined ? {} : { y };
          const journal = journalOf({ headers, answer: y === "é😀" ? {} : answer, status, bytes: size });
          if (y === "é😀") journal.answer = { get: (name) => (name === "y" ? y : null) };
          const context = {
            request: { url_path: "/a", id: "id-1", headers },
            response: { code: BigInt(status), headers: answer, ...(size !== null && { size: BigInt(size) }) },
          };
          expect([source, linkPart(compiled.value.tree, linkOfCall)(journal, NOW)]).toEqual([
            source,
            worth(() => reference.evaluate(source, context)),
          ]);
        },
      ),
      { numRuns: Number(process.env["RUNS"] ?? 300) },
    );
  });
});

function worth(evaluate: () => unknown): unknown {
  try {
    return evaluate();
  } catch {
    return undefined;
  }
}
