import type { Reader } from "./reader.ts";
import { type LabelMatcher, MATCH_OPERATORS, type Selector } from "./syntax.ts";
import { durationMs } from "./tokens.ts";
import { linkMatcher } from "./matchers.ts";

/** A label: no colon, which is for the names of metrics. */
const LABEL = /^[a-z_]\w*$/i;
/** What is kept: no window reaches further back. */
const MAX_RANGE_MS = 24 * 3_600_000;

/** `name{label="value", …}[5m]`. @param name of the metric; it was read already */
export function readSelector(reader: Reader, name: string | null): Selector {
  const { at } = reader.next;
  const start = name === null ? at : at - name.length;
  const named: readonly LabelMatcher[] =
    name === null ? [] : [{ label: "__name__", operator: "=", value: name, at: start }];
  const matchers = reader.is("{") ? [...named, ...readMatchers(reader, name)] : named;
  if (!matchers.some((matcher) => !linkMatcher(matcher)("")))
    throw reader.wrong(start, "a selector needs a matcher that does not match the empty string");
  return { kind: "selector", matchers, rangeMs: reader.is("[") ? readRange(reader) : null, at: start };
}

function readMatchers(reader: Reader, name: string | null): readonly LabelMatcher[] {
  reader.expect("{");
  return reader.list("}", () => {
    const label = reader.next;
    if (label.kind === "string") throw reader.unsupported("a quoted name");
    if (label.kind !== "identifier" || !LABEL.test(label.text)) throw reader.unexpected("the name of a label");
    reader.take();
    if (name !== null && label.text === "__name__") throw reader.wrong(label.at, "the metric's name is given twice");
    const operator = MATCH_OPERATORS.find((one) => reader.is(one));
    if (operator === undefined) throw reader.unexpected("`=`, `!=`, `=~` or `!~`");
    reader.take();
    if (reader.next.kind !== "string") throw reader.unexpected("a string in quotes");
    const { text: value, at } = reader.take();
    const matcher: LabelMatcher = { label: label.text, operator, value, at };
    reader.placed(at, () => linkMatcher(matcher));
    return matcher;
  });
}

function readRange(reader: Reader): number {
  reader.expect("[");
  const { kind, text, at } = reader.next;
  if (kind !== "duration") throw reader.unexpected("a duration such as `5m`");
  reader.take();
  if (reader.next.text.startsWith(":")) throw reader.unsupported("a subquery");
  reader.expect("]");
  const range = durationMs(text);
  if (!(range > 0)) throw reader.wrong(at, "a range is longer than 0, its units from large to small");
  if (range > MAX_RANGE_MS) throw reader.unsupported("a range of more than 24h", at);
  return range;
}
