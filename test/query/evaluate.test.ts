import { linkMatcher } from "../../src/query/matchers.ts";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rangeData, textOf } from "../../src/query/answer.ts";
import { Budget } from "../../src/query/budget.ts";
import { evaluate } from "../../src/query/evaluate.ts";
import { parseQuery } from "../../src/query/parse.ts";
import { runQuery } from "../../src/query/run.ts";
import {
  naive,
  NaiveFailure,
  NaiveTie,
  type NaiveSeries,
  type NaiveValue,
  sourceOf,
  textOf as keyOf,
} from "./naive.ts";

const NAMES = ["a_total", "b_total", "c_bucket"];
const BOUNDS = ["0.5", "1", "5", "+Inf", "no"];

/** Counters that rise and now and then begin again, with gaps between their samples. */
const SAMPLES = fc
  .array(fc.record({ gap: fc.constantFrom(1, 1, 1, 2, 30), grows: fc.nat({ max: 20 }), resets: fc.nat({ max: 9 }) }), {
    maxLength: 25,
  })
  .map((parts) => {
    let [time, value] = [0, 0];
    return parts.map(({ gap, grows, resets }) => {
      time += gap * 15_000;
      value = resets === 0 ? grows : value + grows;
      return [time, value] as const;
    });
  });

const SERIES: fc.Arbitrary<readonly NaiveSeries[]> = fc
  .uniqueArray(
    fc.record({
      labels: fc.record({
        __name__: fc.constantFrom(...NAMES),
        job: fc.constantFrom("x", "y"),
        code: fc.constantFrom("200", "500", "503"),
        le: fc.constantFrom(...BOUNDS),
      }),
      samples: SAMPLES,
    }),
    { selector: ({ labels }) => keyOf(labels), maxLength: 12 },
  )
  .map((all) => all.filter(({ samples }) => samples.length > 0));

const SELECTOR = fc
  .tuple(
    fc.constantFrom(...NAMES, ""),
    fc.array(fc.constantFrom('job="x"', 'code!="500"', 'code=~"5.."', 'code!~"5.*"', 'le=~"1|5|[+]Inf"', 'gone=""'), {
      maxLength: 2,
    }),
  )
  .map(([name, matchers]) =>
    name === "" ? `{${['job=~".+"', ...matchers].join(",")}}` : `${name}{${matchers.join(",")}}`,
  );

const { scalar, vector } = fc.letrec<{ scalar: string; vector: string }>((tie) => ({
  scalar: fc.oneof(
    { maxDepth: 2 },
    fc.constantFrom("0", "1", "2.5", "0.9", "NaN", "Inf", "-1"),
    fc
      .tuple(tie("scalar"), fc.constantFrom("+", "-", "*", "/", "%", "^", "== bool", "> bool"), tie("scalar"))
      .map(([one, operator, other]) => `(${one} ${operator} ${other})`),
  ),
  vector: fc.oneof(
    { maxDepth: 3 },
    SELECTOR,
    fc
      .tuple(fc.constantFrom("rate", "irate", "increase"), SELECTOR, fc.constantFrom("1m", "90s", "5m", "20m"))
      .map(([name, selector, range]) => `${name}(${selector}[${range}])`),
    fc
      .tuple(
        fc.constantFrom("sum", "avg", "min", "max", "count"),
        fc.constantFrom(
          "",
          "by (job)",
          "by (job, code)",
          "without (le)",
          "without (code, job)",
          "by (__name__)",
          "by (le)",
        ),
        tie("vector"),
      )
      .map(([name, grouping, of]) => `${name} ${grouping} (${of})`),
    fc
      .tuple(fc.constantFrom("0", "1", "2", "-1", "NaN"), fc.constantFrom("", "by (job)"), tie("vector"))
      .map(([many, grouping, of]) => `topk(${many}, ${of}) ${grouping}`),
    fc
      .tuple(fc.constantFrom("0", "0.5", "0.99", "1", "2", "-1", "NaN"), tie("vector"))
      .map(([part, of]) => `histogram_quantile(${part}, ${of})`),
    fc.tuple(tie("vector"), tie("scalar")).map(([of, least]) => `clamp_min(${of}, ${least})`),
    fc
      .tuple(tie("vector"), fc.constantFrom("", ", 0.01", ", 5", ", 0", ", -2", ", NaN"))
      .map(([of, to]) => `round(${of}${to})`),
    fc
      .tuple(
        tie("vector"),
        fc.constantFrom("job", "new", "__name__"),
        fc.constantFrom("", ".", "-"),
        fc.constantFrom("", ', "code"', ', "job", "code"', ', "gone"', ', "le", "__name__", "gone"'),
      )
      .map(([of, to, separator, from]) => `label_join(${of}, "${to}", "${separator}"${from})`),
    tie("scalar").map((of) => `vector(${of})`),
    tie("vector").map((of) => `-(${of})`),
    fc
      .tuple(
        tie("vector"),
        fc.constantFrom(
          "or on ()",
          "or on (job)",
          "or on (__name__, code)",
          "or ignoring (le)",
          "or ignoring ()",
          "+",
          "-",
          "*",
          "/",
          "%",
          "or",
          "==",
          "!=",
          ">",
          "<= bool",
          "> bool",
        ),
        tie("vector"),
      )
      .map(([one, operator, other]) => `(${one} ${operator} ${other})`),
    fc
      .tuple(tie("vector"), fc.constantFrom("+", "/", "*", ">", "== bool", "<="), tie("scalar"), fc.boolean())
      .map(([one, operator, other, turned]) =>
        turned ? `(${other} ${operator} ${one})` : `(${one} ${operator} ${other})`,
      ),
  ),
}));

describe("the evaluator against a naive reading, at each step", () => {
  it("answers the same, and fails where that fails", () => {
    fc.assert(
      fc.property(fc.oneof(vector, scalar), SERIES, fc.nat({ max: 40 }), (text, series, begin) => {
        const parsed = parseQuery(text);
        if (!parsed.ok) throw new Error(`${text}: ${parsed.error.message}`);
        const steps = Float64Array.from([0, 1, 2, 5, 9, 40], (step) => (begin + step) * 10_000);
        const value = evaluate(parsed.value, { source: sourceOf(series), steps, budget: new Budget() });
        const wanted = [...steps].map((at) => attempt(() => naive(parsed.value, series, at)));
        if (wanted.includes("tied")) return;
        if (wanted.includes("failed")) {
          expect(value).toMatchObject({ ok: false, error: { code: "query_failed" } });
          return;
        }
        if (!value.ok) throw new Error(`${text}: ${value.error.message}`);
        const { result } = rangeData(value.value, steps) as {
          result: readonly { metric: Record<string, string>; values: readonly (readonly [number, string])[] }[];
        };
        for (const [step, at] of steps.entries()) {
          const got = result.flatMap(({ metric, values }) =>
            values.filter(([time]) => time === at / 1_000).map(([, one]) => [keyOf(metric), one] as const),
          );
          expectSame(got, wanted[step] as NaiveValue, text);
        }
      }),
      { numRuns: 1_500 },
    );
  });
});

function attempt(task: () => NaiveValue): NaiveValue | "failed" | "tied" {
  try {
    return task();
  } catch (error) {
    if (error instanceof NaiveFailure) return "failed";
    if (error instanceof NaiveTie) return "tied";
    throw error;
  }
}

function expectSame(got: readonly (readonly [string, string])[], wanted: NaiveValue, text: string): void {
  const points = typeof wanted === "number" ? [{ labels: {}, value: wanted }] : wanted;
  const sorted = points.map(({ labels, value }) => [keyOf(labels), value] as const).toSorted(byKey);
  const found = got.toSorted(byKey);
  expect(
    found.map(([key]) => key),
    text,
  ).toEqual(sorted.map(([key]) => key));
  for (const [at, [key, value]] of sorted.entries()) {
    const one = Number(found[at]![1].replace("Inf", "Infinity"));
    const isSame = Object.is(one, value) || Math.abs(one - value) <= 1e-9 * Math.max(1, Math.abs(value));
    if (!isSame) throw new Error(`${text} {${key}}: ${one} for ${value}`);
  }
}

function byKey([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Samples each 15 s for 5 minutes. */
const COUNTER: NaiveSeries = {
  labels: { __name__: "requests_total", code: "200" },
  samples: Array.from({ length: 21 }, (_, at) => [at * 15_000, at * 30] as const),
};

function valueAt(text: string, at: number, series: readonly NaiveSeries[] = [COUNTER]): unknown {
  const data = runQuery(text, { kind: "instant", at }, sourceOf(series));
  return data.ok ? data.value.result : data.error;
}

describe("a query for one moment", () => {
  it("reckons a rate out to the window's ends", () => {
    expect(valueAt("rate(requests_total[1m])", 300_000)).toEqual([{ metric: { code: "200" }, value: [300, "2"] }]);
    expect(valueAt("increase(requests_total[1m])", 290_000)).toMatchObject([{ value: [290, "120"] }]);
  });

  it("finds an instant vector's sample for less than five minutes", () => {
    expect(valueAt("requests_total", 599_999)).toEqual([
      { metric: { __name__: "requests_total", code: "200" }, value: [599.999, "600"] },
    ]);
    expect(valueAt("requests_total", 600_000)).toEqual([]);
  });

  it("answers the samples of a range, and a number as one", () => {
    expect(valueAt("requests_total[30s]", 300_000)).toEqual([
      {
        metric: { __name__: "requests_total", code: "200" },
        values: [
          [285, "570"],
          [300, "600"],
        ],
      },
    ]);
    expect(valueAt("1 / 3", 1_500)).toEqual([1.5, "0.3333333333333333"]);
  });

  it("puts the largest of topk first", () => {
    const series = ["1", "3", "2"].map((code): NaiveSeries => ({
      labels: { __name__: "requests_total", code },
      samples: [[1_000, Number(code)]],
    }));
    expect(valueAt("topk(2, requests_total)", 1_000, series)).toMatchObject([{ value: [1, "3"] }, { value: [1, "2"] }]);
  });
});

describe("what a query may cost", () => {
  it("refuses too many steps, and too much to read or to answer", () => {
    const range = (text: string, steps: number, series: readonly NaiveSeries[] = [COUNTER]) =>
      runQuery(text, { kind: "range", start: 0, end: (steps - 1) * 1_000, stepMs: 1_000 }, sourceOf(series));
    expect(range("1", 11_000)).toMatchObject({ ok: true });
    expect(range("1", 11_001)).toMatchObject({ error: { code: "query_too_large" } });
    const many = Array.from({ length: 400 }, (_, at): NaiveSeries => ({
      labels: { __name__: "requests_total", at: String(at) },
      samples: [[0, 1]],
    }));
    expect(range("requests_total", 11_000, many)).toMatchObject({
      error: { code: "query_too_large", message: /select fewer series/ },
    });
    const sparse = Array.from({ length: 300 }, (_, at): NaiveSeries => ({
      labels: { __name__: "requests_total", at: String(at) },
      samples: Array.from({ length: 60 }, (_, minute) => [minute * 60_000, 1] as const),
    }));
    expect(range("requests_total", 3_600, sparse)).toMatchObject({
      error: { code: "query_too_large", message: /at most 250000/ },
    });
  });

  it("counts what grouping by many labels takes, and a label that is named again but once", () => {
    const series = Array.from({ length: 4_000 }, (_, at): NaiveSeries => ({
      labels: { __name__: "requests_total", at: String(at) },
      samples: [[0, 1]],
    }));
    const by = (names: readonly string[]) =>
      runQuery(`sum by (${names.join(",")}) (requests_total)`, { kind: "instant", at: 1 }, sourceOf(series));
    expect(by(Array.from({ length: 490 }, () => "at"))).toMatchObject({ ok: true });
    expect(by(Array.from({ length: 490 }, (_, at) => `l${at}`))).toMatchObject({
      error: { code: "query_too_large" },
    });
  });

  it("leaves labels out in one step, however many these are: in one for each, this takes many seconds", () => {
    const labels = Object.fromEntries(Array.from({ length: 28 }, (_, at) => [`label_${at}`, "x"]));
    const series = Array.from({ length: 1_500 }, (_, at): NaiveSeries => ({
      labels: { __name__: "requests_total", at: String(at), ...labels },
      samples: [[0, 1]],
    }));
    const names = Array.from({ length: 490 }, (_, at) => `label_${at}`).join(",");
    const found = valueAt(`sum without (${names}) (requests_total)`, 1, series);
    expect(found).toHaveLength(1_500);
    expect(found).toContainEqual({ metric: { at: "7" }, value: [0.001, "1"] });
  }, 5_000);

  it("looks through few changes of labels, however deep calls nest", () => {
    const nested = (wrap: (query: string, at: number) => string): string =>
      Array.from({ length: 48 }).reduce<string>((query, _, at) => wrap(query, at), "requests_total");
    const series: NaiveSeries[] = [{ labels: { __name__: "requests_total", at: "7", l3: "x" }, samples: [[0, 1]] }];
    for (const query of [
      nested((of, at) => `sum without (l${at}) (${of})`),
      nested((of, at) => `label_join(${of}, "l${at}", "", "none")`),
    ]) {
      const parsed = parseQuery(query);
      if (!parsed.ok) throw new Error(parsed.error.message);
      const frame = { steps: Float64Array.of(1), source: sourceOf(series), budget: new Budget() };
      const found = evaluate(parsed.value, frame);
      if (!found.ok || found.value.kind !== "vector") throw new Error("no vector");
      expect(found.value.series.map(({ labels }) => labels.depth <= 5)).toEqual([true]);
      expect(valueAt(query, 1, series)).toMatchObject([{ metric: { at: "7" } }]);
    }
  });

  it("counts what `or` takes to look at many labels", () => {
    const series = Array.from({ length: 2_000 }, (_, at): NaiveSeries => ({
      labels: { __name__: "requests_total", at: String(at) },
      samples: [[0, 1]],
    }));
    const names = Array.from({ length: 490 }, (_, at) => `l${at}`).join(",");
    for (const matching of [`on (${names})`, `ignoring (${names})`])
      expect(valueAt(`requests_total or ${matching} requests_total`, 1, series)).toMatchObject({
        code: "query_too_large",
      });
    expect(valueAt("requests_total or on (l1, l2, l3) requests_total", 1, series)).toHaveLength(2_000);
  });

  it("joins labels to one of 4,096 characters, and names one that would be longer", () => {
    const joined = (values: number, of = "vector(1)") =>
      `label_join(${of},"a","${"x".repeat(16)}"${',"b"'.repeat(values)})`;
    expect(valueAt(joined(257), 1)).toMatchObject([{ metric: { a: "x".repeat(4_096) } }]);
    expect(valueAt(joined(258), 1)).toEqual({
      code: "query_too_large",
      message: expect.stringContaining("make the label `a` 4112 characters long, and a label has at most 4096"),
    });
    const nested = [3, 2, 1].reduce((of) => `label_join(${of},"a",""${',"a"'.repeat(40)})`, joined(2));
    expect(valueAt(nested, 1)).toMatchObject({ code: "query_too_large", message: /the label `a` 25600 characters/ });
  });

  it("counts the characters of labels that it makes, and what it takes to tell series by them", () => {
    const series = Array.from({ length: 40 }, (_, at): NaiveSeries => ({
      labels: { __name__: "requests_total", at: String(at), long: "x".repeat(2_000) },
      samples: [[0, 1]],
    }));
    const answered = (text: string) => {
      const parsed = parseQuery(text);
      if (!parsed.ok) throw new Error(parsed.error.message);
      const frame = { source: sourceOf(series), steps: Float64Array.of(1), budget: new Budget(400_000) };
      const value = evaluate(parsed.value, frame);
      return value.ok ? "answered" : value.error.code;
    };
    const join = (of: string, at: number) => `label_join(${of},"l${at}","","long","long")`;
    const joins = (count: number) =>
      Array.from({ length: count }).reduce<string>((of, _, at) => join(of, at), "requests_total");
    expect([3, 8].map((count) => answered(joins(count)))).toEqual(["answered", "query_too_large"]);
    const sums = (count: number) =>
      Array.from({ length: count }, () => `sum by (l0,at) (${joins(1)})`).join(" or on (at) ");
    expect([2, 8].map((count) => answered(sums(count)))).toEqual(["answered", "query_too_large"]);
  });

  it("counts what an expression takes to look at values", () => {
    let spent = 0;
    const matches = linkMatcher(
      { label: "a", operator: "=~", value: ".*[a-m].{300}", at: 0 },
      (points) => (spent += points),
    );
    expect(["x".repeat(120), "x".repeat(120)].map(matches)).toEqual([false, false]);
    expect(spent).toBeGreaterThan(5_000);
    expect(spent).toBeLessThan(50_000);
  });

  it("refuses a range vector at steps", () => {
    expect(runQuery("a[5m]", { kind: "range", start: 0, end: 1, stepMs: 1 }, sourceOf([]))).toMatchObject({
      error: { code: "query_invalid" },
    });
  });
});

it("writes values as Go does, without an exponent", () => {
  expect([1e21, 1.5e-7, -2e-10, 123.25, Number.NaN, Infinity, -Infinity, 1e300].map(textOf)).toEqual([
    "1000000000000000000000",
    "0.00000015",
    "-0.0000000002",
    "123.25",
    "NaN",
    "+Inf",
    "-Inf",
    `1${"0".repeat(300)}`,
  ]);
});
