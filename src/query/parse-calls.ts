import type { Reader } from "./reader.ts";
import {
  AGGREGATIONS,
  type AggregationName,
  type Expression,
  type FunctionName,
  FUNCTIONS,
  LAST_OPTIONAL,
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
  if (name === "label_join") return readLabelJoin(reader, at, inner);
  const of = reader.list(")", inner);
  check(reader, name, at, of, FUNCTIONS[name]);
  return { kind: "call", name, of, texts: [], at };
}

const LABEL_NAME = /^[a-z_]\w*$/i;

/** `label_join(vector, "to", "separator", "from", …)`. */
function readLabelJoin(reader: Reader, at: number, inner: () => Expression): Expression {
  const takes =
    "`label_join` takes an instant vector, then strings: a label, a separator, and the labels that are joined";
  const of: Expression[] = [];
  const texts: string[] = [];
  reader.list(")", () => {
    const { kind, at: place } = reader.next;
    if ((kind === "string") !== of.length > 0) throw reader.wrong(place, takes);
    if (kind !== "string") return of.push(inner());
    const { text } = reader.take();
    if (texts.length !== 1 && !LABEL_NAME.test(text)) throw reader.wrong(place, `\`${text}\` is no name of a label`);
    return texts.push(text);
  });
  if (texts.length < 2) throw reader.wrong(at, takes);
  check(reader, "label_join", at, of, FUNCTIONS["label_join"]);
  return { kind: "call", name: "label_join", of, texts, at };
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
  return { without, labels: readLabelNames(reader) };
}

/** Names in parentheses, each once. */
export function readLabelNames(reader: Reader): readonly string[] {
  reader.expect("(");
  const labels = reader.list(")", () => {
    if (reader.next.kind !== "identifier" || reader.next.text.includes(":"))
      throw reader.unexpected("the name of a label");
    return reader.take().text;
  });
  return [...new Set(labels)];
}

function check(
  reader: Reader,
  name: string,
  at: number,
  given: readonly Expression[],
  wanted: readonly ValueType[],
): void {
  const takes = wanted.map((type) => WORDS[type]).join(", then ");
  const isShort = given.length === wanted.length - 1 && LAST_OPTIONAL.has(name);
  if (given.length !== wanted.length && !isShort) throw reader.wrong(at, `\`${name}\` takes ${takes}`);
  for (const [place, one] of given.entries())
    if (typeOf(one) !== wanted[place]) throw reader.wrong(one.at, `\`${name}\` takes ${takes}`);
}
