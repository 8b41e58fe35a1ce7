import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseQuery } from "../../src/query/parse.ts";
import type { Expression } from "../../src/query/syntax.ts";

function parsed(text: string): Expression {
  const result = parseQuery(text);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

/** With a pair of parentheses around each operation. */
function shape(expression: Expression): string {
  switch (expression.kind) {
    case "number":
      return String(expression.value);
    case "selector":
      return expression.matchers.map(({ value }) => value).join("&");
    case "call":
      return `${expression.name}(${expression.of.map(shape).join(",")})`;
    case "aggregation":
      return `${expression.operator}(${shape(expression.of)})`;
    case "negation":
      return `(-${shape(expression.of)})`;
    case "binary":
      return `(${shape(expression.left)}${expression.operator}${shape(expression.right)})`;
  }
}

/** Of others, used in place: not everybody has them. */
const DASHBOARDS = join(import.meta.dirname, "../../../shared/grafana/expressions.json");

describe("parseQuery", () => {
  it.skipIf(!existsSync(DASHBOARDS))("reads all that Istio's dashboards ask for", () => {
    const { expressions } = JSON.parse(readFileSync(DASHBOARDS, "utf8")) as {
      readonly expressions: readonly { readonly expr: string }[];
    };
    const unread = expressions.flatMap(({ expr }) => {
      const result = parseQuery(expr.replaceAll("$__rate_interval", "1m"));
      return result.ok ? [] : [`${expr}: ${result.error.message}`];
    });
    expect(unread).toEqual([]);
  });

  it.each([
    ["1 + 2 * 3 ^ 2 ^ 1", "(1+(2*(3^(2^1))))"],
    ["-2 ^ 2", "(-(2^2))"],
    ["a - b - c", "((a-b)-c)"],
    ["a or b > c + 1", "(aor(b>(c+1)))"],
    ["0x1F + .5e1 + Inf", "((31+5)+Infinity)"],
    ["(a)", "a"],
    ["a # to the end\n + b", "(a+b)"],
  ])("binds as Prometheus does: %s", (text, wanted) => {
    expect(shape(parsed(text))).toBe(wanted);
  });

  it("reads a selector with each way of matching and of quoting", () => {
    expect(parsed(`up{a="x\\"y\\u0041\\n", b!='\\\\', c=~\`\\d+\`, d!~"",}[1h30m]`)).toMatchObject({
      kind: "selector",
      rangeMs: 5_400_000,
      matchers: [
        { label: "__name__", value: "up" },
        { label: "a", operator: "=", value: 'x"yA\n' },
        { label: "b", operator: "!=", value: "\\" },
        { label: "c", operator: "=~", value: "\\d+" },
        { label: "d", operator: "!~", value: "" },
      ],
    });
  });

  it("reads the labels of an aggregation before it and after it, its words in any case", () => {
    const wanted = { operator: "sum", labels: ["a", "b"], without: true };
    expect(parsed("SUM without (a, b) (up)")).toMatchObject(wanted);
    expect(parsed("sum(up) Without (a, b,)")).toMatchObject(wanted);
  });

  it("takes words of the language as names of metrics and labels", () => {
    expect(parsed('sum{by="or"} + rate')).toMatchObject({ kind: "binary" });
  });

  it.each([
    ["label_replace(up)", "1:1: `label_replace` is not supported; there are rate, irate"],
    ["floor(up)", "1:1: `floor` is not supported"],
    ["1 +\n  abs(up)", "2:3: `abs` is not supported"],
    ["quantile by (a) (0.5, up)", "1:1: the aggregation `quantile` is not supported; there are sum, avg"],
    ["up offset 5m", "1:4: `offset` is not supported"],
    ["up @ 5", "1:4: the modifier `@` is not supported"],
    ["rate(up[5m:1m])", "1:11: a subquery is not supported"],
    ["sum(up)[5m]", "1:8: a range of anything but a selector is not supported"],
    ["a and b", "1:3: the operator `and` is not supported"],
    ["a unless b", "1:3: the operator `unless` is not supported"],
    ["a / on () vector(1)", "1:5: matching by `on` is not supported"],
    ["a or on () group_left b", "1:12: matching by `group_left` is not supported"],
    ["a * ignoring (x) b", "1:5: matching by `ignoring` is not supported"],
    ["a * group_left b", "1:5: matching by `group_left` is not supported"],
    ['"text"', "1:1: a string by itself is not supported"],
    ['{"quoted.name"}', "1:2: a quoted name is not supported"],
    ["rate(up[25h])", "1:9: a range of more than 24h is not supported"],
  ])("names what it does not support, and where: %s", (text, message) => {
    expect(parseQuery(text)).toMatchObject({ ok: false, error: { code: "query_unsupported" } });
    expect(parseQuery(text)).toMatchObject({ error: { message: expect.stringContaining(message) as string } });
  });

  it.each([
    ["", "1:1: the query ends where a selector, a function or a number is expected"],
    ["up{", "1:4: the query ends where the name of a label is expected"],
    ['up{a="b}', "1:6: this string has no end"],
    ["up{a=b}", "1:6: `b` stands where a string in quotes is expected"],
    ["up) + 1", "1:3: `)` stands where an operator or the end is expected"],
    ["{}", "1:1: a selector needs a matcher that does not match the empty string"],
    ['{a=~".*"}', "1:1: a selector needs a matcher"],
    ['up{__name__="b"}', "1:4: the metric's name is given twice"],
    ['up{a=~"("}', "1:7: `(`, for `a`, is no expression of RE2"],
    ["1 > 2", "1:3: between numbers `>` needs `bool` after it"],
    ["1 or up", "1:3: `or` is between two vectors"],
    ["up + bool 1", "1:4: `bool` stands after a comparison alone"],
    ["rate(up)", "1:6: `rate` takes a range vector"],
    ["rate(up[1m], 1)", "1:1: `rate` takes a range vector"],
    ["sum(1)", "1:5: `sum` takes an instant vector"],
    ["histogram_quantile(up, 0.9)", "1:20: `histogram_quantile` takes a number, then an instant vector"],
    ["round(up, up)", "1:11: `round` takes an instant vector, then a number"],
    ["round()", "1:1: `round` takes an instant vector, then a number"],
    ["label_join(up)", "1:1: `label_join` takes an instant vector, then strings"],
    ['label_join("a", up, "b")', "1:12: `label_join` takes an instant vector, then strings"],
    ['label_join(up, "a", ",", up)', "1:26: `label_join` takes an instant vector, then strings"],
    ['label_join(up, "a b", ",")', "1:16: `a b` is no name of a label"],
    ['label_join(up, "a", ",", "")', "1:26: `` is no name of a label"],
    ["a or on b", "1:9: `b` stands where `(` is expected"],
    ["up[1m] + 1", "1:8: `+` is not for range vectors"],
    ["up[0s]", "1:4: a range is longer than 0"],
    ["up[5m1h]", "1:4: a range is longer than 0, its units from large to small"],
    ["5x", "1:1: `5x` is not understood"],
    ["up ! 1", "1:4: `!` is not understood"],
  ])("says what is wrong, and where: %s", (text, message) => {
    expect(parseQuery(text)).toMatchObject({
      error: { code: "query_invalid", message: expect.stringContaining(message) as string },
    });
  });

  it.each([
    ["a long text", `up${" ".repeat(10_000)}`],
    ["many words", "1+".repeat(600) + "1"],
    ["much in each other", "(".repeat(60) + "1" + ")".repeat(60)],
    ["many signs", "-".repeat(60) + "1"],
    ["a long expression", `{a=~"${"a".repeat(1_025)}"}`],
    ["an expression of much repetition", '{a=~"a{400}b{400}c{400}"}'],
    [
      "an expression of many letters without case",
      '{a=~"(?i)[\\\\x{0}-\\\\x{1e943}]{2}[\\\\x{0}-\\\\x{1e943}]{3}[\\\\x{0}-\\\\x{1e943}]"}',
    ],
  ])("refuses %s", (_, text) => {
    expect(parseQuery(text)).toMatchObject({ error: { code: "query_too_large" } });
  });

  it("answers whatever it is given, and never throws", () => {
    const piece = fc.constantFrom(
      ...'sum|by|without|(|)|{|}|[|]|5m|rate|a|=|=~|"x"|\'|,|+|-|^|or|bool|>|1|0x|e|:|@|\\|#|\n|é'.split("|"),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 20 }).map((parts) => parts.join(" ")),
        ),
        (text) => {
          const result = parseQuery(text);
          if (!result.ok) expect(result.error.message).not.toBe("");
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
