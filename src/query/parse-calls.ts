import type { Reader } from "./reader.ts";
import {
  AGGREGATIONS,
  type AggregationName,
  type Expression,
  type FunctionName,
  FUNCTIONS,
  typeOf,
  type ValueType,
} from "./syntax.ts";

const WORDS: Readonly<Record<ValueType, string>> = {
  scalar: "a number",
  vector: "an instant vector",
  range: "a range vector such as `name[5m]`",
};

/**
 * A call of a function or an aggregation, from its name on.
 *
 * @param inner reads one argument
 */
export function readArguments(
  reader: Reader,
  name: FunctionName | AggregationName,
  inner: () => Expression,
): Expression {
  const { at } = reader.take();
  if (isAggregation(name)) return readAggregation(reader, name, at, inner);
  reader.expect("(");
  const of = reader.list(")", inner);
  check(reader, name, at, of, FUNCTIONS[name]);
  return { kind: "call", name, of, at };
}

function isAggregation(name: string): name is AggregationName {
  return AGGREGATIONS.some((one) => one === name);
}

/** The labels stand before what is aggregated or after it. */
function readAggregation(reader: Reader, operator: AggregationName, at: number, inner: () => Expression): Expression {
  const before = readGrouping(reader);
  reader.expect("(");
  const members = reader.list(")", inner);
  const grouping = before ?? readGrouping(reader) ?? { without: false, labels: [] };
  const wanted = operator === "topk" ? (["scalar", "vector"] as const) : (["vector"] as const);
  check(reader, operator, at, members, wanted);
  const [of, parameter = null] = members.toReversed();
  if (of === undefined) throw reader.wrong(at, `\`${operator}\` is of nothing`);
  return { kind: "aggregation", operator, parameter, ...grouping, of, at };
}

function readGrouping(reader: Reader): { readonly without: boolean; readonly labels: readonly string[] } | null {
  const without = reader.isWord("without");
  if (!without && !reader.isWord("by")) return null;
  reader.take();
  reader.expect("(");
  const labels = reader.list(")", () => {
    if (reader.next.kind !== "identifier" || reader.next.text.includes(":"))
      throw reader.unexpected("the name of a label");
    return reader.take().text;
  });
  return { without, labels: [...new Set(labels)] };
}

function check(
  reader: Reader,
  name: string,
  at: number,
  given: readonly Expression[],
  wanted: readonly ValueType[],
): void {
  const takes = wanted.map((type) => WORDS[type]).join(", then ");
  if (given.length !== wanted.length) throw reader.wrong(at, `\`${name}\` takes ${takes}`);
  for (const [place, one] of given.entries())
    if (typeOf(one) !== wanted[place]) throw reader.wrong(one.at, `\`${name}\` takes ${takes}`);
}
