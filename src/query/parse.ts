import { err, ok, type Result } from "../result.ts";
import { readArguments, readLabelNames } from "./parse-calls.ts";
import { readSelector } from "./parse-selector.ts";
import { Reader } from "./reader.ts";
import {
  AGGREGATIONS,
  ARITHMETIC,
  type BinaryOperator,
  COMPARISONS,
  type Expression,
  FUNCTIONS,
  isComparison,
  type Matching,
  QueryFailure,
  type QueryError,
  typeOf,
} from "./syntax.ts";

/** Characters of one expression; Grafana's longest are a tenth of that. */
const MAX_CHARACTERS = 10_000;
/** How deep parentheses and arguments may stand in each other. */
const MAX_DEPTH = 50;

/** The weakest first. */
const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  "==": 3,
  "!=": 3,
  "<=": 3,
  "<": 3,
  ">=": 3,
  ">": 3,
  "+": 4,
  "-": 4,
  "*": 5,
  "/": 5,
  "%": 5,
  "^": 6,
};

/**
 * Reads an expression of PromQL, of the part that is answered here.
 *
 * @param text untrusted
 * @returns its tree, with types checked; or what in it is wrong or not supported, and where (`line:column`, from 1)
 * @see https://prometheus.io/docs/prometheus/latest/querying/basics/
 */
export function parseQuery(text: string): Result<Expression, QueryError> {
  try {
    if (text.length > MAX_CHARACTERS)
      throw new QueryFailure("query_too_large", `a query has at most ${MAX_CHARACTERS} characters`);
    const reader = new Reader(text);
    const expression = readExpression(reader, 0);
    if (reader.next.kind !== "end") throw reader.unexpected("an operator or the end");
    return ok(expression);
  } catch (error) {
    if (error instanceof QueryFailure) return err({ code: error.code, message: error.message });
    throw error;
  }
}

function readExpression(reader: Reader, weakest: number): Expression {
  let left = readOperand(reader);
  for (let operator = operatorAt(reader); operator !== null; operator = operatorAt(reader)) {
    const strength = PRECEDENCE[operator];
    if (strength < weakest) break;
    left = readBinary(reader, left, operator);
  }
  return left;
}

function readBinary(reader: Reader, left: Expression, operator: BinaryOperator): Expression {
  const { at } = reader.take();
  const bool = reader.takeWord("bool");
  if (bool && !isComparison(operator)) throw reader.wrong(at, "`bool` stands after a comparison alone");
  const matching = readMatching(reader, operator);
  // Of `^` the right one binds first.
  const right = readExpression(reader, operator === "^" ? PRECEDENCE["^"] : PRECEDENCE[operator] + 1);
  const types = [typeOf(left), typeOf(right)];
  if (types.includes("range"))
    throw reader.wrong(at, `\`${operator}\` is not for range vectors; use rate() or another`);
  if (operator === "or" && types.includes("scalar"))
    throw reader.wrong(at, "`or` is between two vectors; write vector(…) for a number");
  if (isComparison(operator) && !bool && types.every((type) => type === "scalar"))
    throw reader.wrong(at, `between numbers \`${operator}\` needs \`bool\` after it`);
  return { kind: "binary", operator, bool, matching, left, right, at };
}

/** Dashboards match by labels in `or` alone. */
function readMatching(reader: Reader, operator: BinaryOperator): Matching | null {
  const on = reader.isWord("on");
  let matching: Matching | null = null;
  if (operator === "or" && (on || reader.isWord("ignoring"))) {
    reader.take();
    matching = { on, labels: readLabelNames(reader) };
  }
  for (const word of ["on", "ignoring", "group_left", "group_right"])
    if (reader.isWord(word)) throw reader.unsupported(`matching by \`${word}\``);
  return matching;
}

function operatorAt(reader: Reader): BinaryOperator | null {
  const { kind, text } = reader.next;
  if (reader.isWord("or")) return "or";
  for (const word of ["and", "unless", "atan2"])
    if (reader.isWord(word)) throw reader.unsupported(`the operator \`${word}\``);
  if (kind !== "operator") return null;
  return [...ARITHMETIC, ...COMPARISONS].find((one) => one === text) ?? null;
}

function readOperand(reader: Reader): Expression {
  const { at, text, kind } = reader.next;
  if (kind === "operator" && (text === "-" || text === "+")) {
    reader.take();
    // A sign binds as `*` does: -2^2 is -(2^2).
    const of = reader.deeper(MAX_DEPTH, () => readExpression(reader, PRECEDENCE["^"]));
    if (typeOf(of) === "range") throw reader.wrong(at, "a range vector has no sign");
    return text === "-" ? { kind: "negation", of, at } : of;
  }
  const operand = readPrimary(reader);
  refuseModifiers(reader);
  return operand;
}

function refuseModifiers(reader: Reader): void {
  if (reader.isWord("offset")) throw reader.unsupported("`offset`");
  if (reader.is("@")) throw reader.unsupported("the modifier `@`");
  if (reader.is("[")) throw reader.unsupported("a range of anything but a selector");
}

function readPrimary(reader: Reader): Expression {
  const { kind, text, at } = reader.next;
  if (reader.is("(")) {
    reader.take();
    const inner = reader.deeper(MAX_DEPTH, () => readExpression(reader, 0));
    reader.expect(")");
    return inner;
  }
  if (kind === "number") return { kind: "number", value: Number(reader.take().text), at };
  if (kind === "string") throw reader.unsupported("a string by itself");
  if (kind === "duration") throw reader.unsupported("a duration by itself");
  if (kind === "identifier" && /^(inf|nan)$/i.test(text)) {
    reader.take();
    return { kind: "number", value: text.toLowerCase() === "inf" ? Number.POSITIVE_INFINITY : Number.NaN, at };
  }
  if (kind === "identifier") return readNamed(reader);
  if (reader.is("{")) return readSelector(reader, null);
  throw reader.unexpected("a selector, a function or a number");
}

function readNamed(reader: Reader): Expression {
  const { text, at } = reader.next;
  const inner = (): Expression => reader.deeper(MAX_DEPTH, () => readExpression(reader, 0));
  const follows = reader.afterNext;
  const isCall = follows.kind === "operator" && follows.text === "(";
  const isGrouped = follows.kind === "identifier" && /^(by|without)$/i.test(follows.text);
  const aggregation = AGGREGATIONS.find((one) => one === text.toLowerCase());
  if (aggregation !== undefined && (isCall || isGrouped)) return readArguments(reader, aggregation, inner);
  if (isGrouped) throw reader.unsupported(`the aggregation \`${text}\``, at, AGGREGATIONS);
  if (!isCall) return readSelector(reader, reader.take().text);
  const name = (Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[]).find((one) => one === text);
  if (name === undefined) throw reader.unsupported(`\`${text}\``, at, [...Object.keys(FUNCTIONS), ...AGGREGATIONS]);
  return readArguments(reader, name, inner);
}
