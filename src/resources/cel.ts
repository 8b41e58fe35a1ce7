import { type ASTNode, Environment } from "@marcbachmann/cel-js";
import { err, ok, type Result } from "../result.ts";
import { leavesOf } from "../match/expression.ts";
import { isSecretHeader, LINK_HEADERS } from "../match/secret-test.ts";
import type { BinaryOperator, CompiledExpression, ExpressionCall } from "../snapshot/telemetry-model.ts";
import {
  ANSWER_TYPES,
  ATTRIBUTE_TYPES,
  isLimitAttribute,
  LIMIT_TYPES,
  UNTOLD_ATTRIBUTES,
  unknownToLimits,
  whyRefused,
} from "./cel-attributes.ts";
import { parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";
import { regexProblem } from "./string-match.ts";

/** What an expression is for: it says whether a line is logged, or fills a label; whether a limit counts, by what, and how much. */
export type ExpressionUse = "filter" | "label" | "condition" | "key" | "cost" | "answer";

/** What those of a limit may name: it is asked before there is an answer, and only what that costs is known after. */
const OF_LIMITS: Readonly<Partial<Record<ExpressionUse, typeof LIMIT_TYPES>>> = {
  condition: LIMIT_TYPES,
  key: LIMIT_TYPES,
  cost: LIMIT_TYPES,
  answer: ANSWER_TYPES,
};

/** What stands in a slice, and what it names that nobody knows: there it is never worth anything. */
interface ReadExpression {
  readonly tree: CompiledExpression;
  readonly unknown: readonly string[];
}

/** What is wrong, in words for its author. */
interface ExpressionError {
  readonly code: "expression_invalid";
  readonly reason: string;
}

const MAX_LENGTH = 4_096;
/** Of our tree, after lists are written out: what a call costs at most. */
const MAX_NODES = 256;
const MAX_DEPTH = 64;
/** Each walks over a value once an instruction. */
const MAX_PATTERNS = 4;
const MAX_TEXT = 1_024;

/**
 * Reads an expression of CEL: its form and types are checked, and it becomes our own tree. `exists` and `all` are written out
 * over their list, so no loop is left, and none stands in another.
 *
 * @param source as an operator wrote it
 */
export function compileExpression(source: string, use: ExpressionUse): Result<ReadExpression, ExpressionError> {
  if (source.length > MAX_LENGTH) return invalid(`must not be longer than ${MAX_LENGTH} characters`);
  try {
    const parsed = ENVIRONMENTS[use].parse(source);
    const reading: Reading = { use, unknown: new Set(), variable: null, nodes: 0, patterns: 0 };
    const tree = treeOf(parsed.ast, reading);
    const unknown = [...reading.unknown];
    if (unknown.length > 0)
      return use === "label" ? ok({ tree, unknown }) : invalid(unknownAttribute(unknown[0] ?? ""));
    const { valid, type, error } = parsed.check();
    if (!valid) return invalid(firstLine(error?.message ?? "its types do not fit"));
    const [wanted, words] = RESULTS[use];
    return wanted.includes(type ?? "")
      ? ok({ tree, unknown })
      : invalid(`must be ${words}; it is ${type ?? "something else"}`);
  } catch (error) {
    return invalid(
      error instanceof Refused
        ? error.message
        : `is no expression of CEL: ${firstLine(error instanceof Error ? error.message : "it cannot be read")}`,
    );
  }
}

/** What it asks each call for: attributes by their names, and headers as `request.headers` and `response.headers`. */
export function askedBy(tree: CompiledExpression): readonly string[] {
  return leavesOf(tree).map((leaf) => (leaf.kind === "attribute" ? leaf.name : `${leaf.of}.headers`));
}

export function describeExpressionError({ reason }: ExpressionError): string {
  return reason;
}

function invalid(reason: string): Result<never, ExpressionError> {
  return err({ code: "expression_invalid", reason });
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0]?.slice(0, 200) ?? "";
}

/** What an author is told; thrown within this file alone. */
class Refused extends Error {}

const TRUTH = [["bool"], "true or false"] as const;
const VALUE = [["string", "int", "bool"], "a text, a whole number, or true or false"] as const;

/** Types that an expression may have, and what they are called. */
const RESULTS: Readonly<Record<ExpressionUse, readonly [readonly string[], string]>> = {
  filter: TRUTH,
  condition: TRUTH,
  label: VALUE,
  key: VALUE,
  cost: [["int"], "a whole number"],
  answer: [["int"], "a whole number"],
};

const ENVIRONMENT = environment(ATTRIBUTE_TYPES);
const LIMIT_ENVIRONMENT = environment(LIMIT_TYPES);
const ENVIRONMENTS: Readonly<Record<ExpressionUse, Environment>> = {
  filter: ENVIRONMENT,
  label: ENVIRONMENT,
  condition: LIMIT_ENVIRONMENT,
  key: LIMIT_ENVIRONMENT,
  cost: LIMIT_ENVIRONMENT,
  answer: environment(ANSWER_TYPES),
};

function environment(types: typeof LIMIT_TYPES): Environment {
  const made = new Environment({
    unlistedVariablesAreDyn: true,
    limits: { maxAstNodes: MAX_NODES * 2, maxDepth: MAX_DEPTH },
  });
  // Of the standard's two forms it knows the method; nothing is ever evaluated here.
  made.registerFunction("matches(string, string): bool", () => false);
  for (const [name, schema] of Object.entries(types)) made.registerVariable(name, { schema });
  return made;
}

interface Reading {
  readonly use: ExpressionUse;
  readonly unknown: Set<string>;
  /** That of the macro around, with what it stands for. */
  variable: { readonly name: string; readonly value: CompiledExpression } | null;
  nodes: number;
  patterns: number;
}

const BINARY = {
  "&&": "and",
  "||": "or",
  "==": "==",
  "!=": "!=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
  "+": "+",
  "-": "-",
  "*": "*",
  "/": "/",
  "%": "%",
} as const satisfies Readonly<Record<string, BinaryOperator>>;

function treeOf(node: ASTNode, reading: Reading): CompiledExpression {
  reading.nodes += 1;
  if (reading.nodes > MAX_NODES) throw new Refused(`must not have more than ${MAX_NODES} parts`);
  switch (node.op) {
    case "value":
      return valueOf(node.args);
    case "id":
    case ".":
    case "[]":
      return namedBy(node, reading);
    case "!_":
      return { kind: "not", of: treeOf(node.args, reading) };
    case "-_":
      return { kind: "negate", of: treeOf(node.args, reading) };
    case "?:": {
      const [test, one, other] = node.args;
      return { kind: "if", test: treeOf(test, reading), one: treeOf(one, reading), other: treeOf(other, reading) };
    }
    case "in":
      return memberOf(node.args, reading);
    case "call":
      return callOf(node.args[0], node.args[1], reading);
    case "rcall":
      return methodOf(node.args, reading);
    case "list":
    case "map":
      throw new Refused("a list stands behind `in` or before `.exists` and `.all` alone, and there are no maps");
    case ".?":
    case "[?]":
      throw new Refused("optional fields (`.?`) are no part of what Envoy reads");
    case "&&":
    case "||":
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
    case "+":
    case "-":
    case "*":
    case "/":
    case "%": {
      const [left, right] = node.args;
      return { kind: BINARY[node.op], left: treeOf(left, reading), right: treeOf(right, reading) };
    }
  }
}

function valueOf(value: unknown): CompiledExpression {
  if (typeof value === "boolean") return { kind: "value", value };
  if (typeof value === "string") {
    if (value.length > MAX_TEXT) throw new Refused(`a text must not be longer than ${MAX_TEXT} characters`);
    return { kind: "value", value };
  }
  if (typeof value === "bigint") {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new Refused(`${value} is too large: whole numbers go up to 2^53`);
    return { kind: "value", value: number };
  }
  if (value === null) throw new Refused("nothing is `null`: ask with `has(...)` whether it is there");
  throw new Refused("there are texts, whole numbers, true and false, and `duration(...)`");
}

/** `request.headers["x-a"]` as its parts; null where something else than names is meant. */
function pathOf(node: ASTNode): readonly string[] | null {
  if (node.op === "id") return [node.args];
  if (node.op !== "." && node.op !== "[]") return null;
  const [of, key] = node.args;
  const name = typeof key === "string" ? key : key.op === "value" && typeof key.args === "string" ? key.args : null;
  const path = name === null ? null : pathOf(of);
  return path === null || name === null ? null : [...path, name];
}

function namedBy(node: ASTNode, { use, unknown, variable }: Reading): CompiledExpression {
  const path = pathOf(node);
  if (path === null) throw new Refused('only headers are looked up, by a written name: `request.headers["x-a"]`');
  if (variable !== null && path.length === 1 && path[0] === variable.name) return variable.value;
  const ofLimit = OF_LIMITS[use];
  if (ofLimit && !isLimitAttribute(path, ofLimit)) throw new Refused(unknownToLimits(path.join(".")));
  const ofToken = ofLimit !== undefined && path[1] === "auth";
  const [root = "", field = "", ...more] = path;
  const name = path.join(".");
  if (ofToken) return { kind: "attribute", name };
  const types = ofLimit ?? ATTRIBUTE_TYPES;
  const fields = Object.hasOwn(types, root) ? types[root] : undefined;
  const type = fields !== undefined && Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (type === undefined || (type === "map<string, string>" ? more.length > 1 : more.length > 0)) {
    const why = whyRefused(name);
    if (why !== null) throw new Refused(`\`${name}\`: ${why}`);
    if (fields !== undefined) throw new Refused(unknownAttribute(name));
    unknown.add(name);
    return { kind: "attribute", name };
  }
  if (use === "label" && UNTOLD_ATTRIBUTES.has(name)) throw new Refused(`\`${name}\`: ${UNTOLD_ATTRIBUTES.get(name)}`);
  if (type !== "map<string, string>") return { kind: "attribute", name };
  const [header] = more;
  if (header === undefined) throw new Refused(`\`${name}\` is not looked at as a whole: name one, \`${name}["x-a"]\``);
  return headerOf(root === "request" ? "request" : "response", header, use);
}

function headerOf(of: "request" | "response", written: string, use: ExpressionUse): CompiledExpression {
  const name = written.toLowerCase();
  const isSecret = isSecretHeader(name, NO_PLACES) || name === "set-cookie";
  if (isSecret && use === "label") throw new Refused(`\`${written}\` may hold a secret, which no label tells`);
  if (use === "label" && (LINK_HEADERS.has(name) || name === ":path"))
    throw new Refused(`\`${written}\`: it may hold values of a query, which nothing tells`);
  return { kind: "header", of, name };
}

const NO_PLACES: ReadonlySet<string> = new Set();

function unknownAttribute(name: string): string {
  const all = Object.entries(ATTRIBUTE_TYPES).flatMap(([root, fields]) =>
    Object.keys(fields).map((field) => `${root}.${field}`),
  );
  const meant = nearest(name, all);
  return `\`${name.slice(0, 100)}\` is no attribute${meant === undefined ? "" : `; did you mean \`${meant}\``}`;
}

/** Of a list that is written there, or of a message's headers. */
function memberOf([item, container]: readonly [ASTNode, ASTNode], reading: Reading): CompiledExpression {
  if (container.op === "list") {
    const left = treeOf(item, reading);
    return { kind: "in", left, right: { kind: "list", items: container.args.map((one) => treeOf(one, reading)) } };
  }
  const path = pathOf(container)?.join(".");
  if (
    (path !== "request.headers" && path !== "response.headers") ||
    item.op !== "value" ||
    typeof item.args !== "string"
  )
    throw new Refused('`in` takes a list that is written there, or `"x-a" in request.headers`');
  reading.nodes += 1;
  return { kind: "has", of: headerOf(path === "request.headers" ? "request" : "response", item.args, reading.use) };
}

const CALLS: ReadonlySet<string> = new Set<ExpressionCall>(["size", "string", "int"]);
const METHODS: ReadonlySet<string> = new Set<ExpressionCall>(["contains", "startsWith", "endsWith", "size"]);

function callOf(name: string, args: readonly ASTNode[], reading: Reading): CompiledExpression {
  const [first, second] = args;
  if (name === "matches" && first && second) return patternOf(first, second, reading);
  if (name === "duration" && first?.op === "value" && typeof first.args === "string") return durationOf(first.args);
  if (name === "has") {
    const of = first?.op === "." ? treeOf(first, reading) : null;
    if (of?.kind === "attribute" || of?.kind === "header") return { kind: "has", of };
    throw new Refused('`has(...)` takes a field behind a dot; for a header write `"x-a" in request.headers`');
  }
  if (!CALLS.has(name))
    throw new Refused(
      `\`${name}(...)\` is no function here; there are has, size, string, int, matches and duration("1s")`,
    );
  return { kind: "call", name: name as ExpressionCall, args: args.map((one) => treeOf(one, reading)) };
}

function durationOf(text: string): CompiledExpression {
  const ms = parseDuration(text);
  if (ms === null)
    throw new Refused(`\`${text.slice(0, 100)}\` is no duration in whole ms, such as \`1.5s\` or \`100ms\``);
  return { kind: "duration", ms };
}

function methodOf([name, of, args]: readonly [string, ASTNode, ASTNode[]], reading: Reading): CompiledExpression {
  const [first, second] = args;
  if (name === "matches" && first) return patternOf(of, first, reading);
  if ((name === "exists" || name === "all") && first && second) return unrolled(name, of, first, second, reading);
  if (!METHODS.has(name))
    throw new Refused(
      `\`.${name}(...)\` is no function here; there are contains, startsWith, endsWith, matches, size, exists and all`,
    );
  return { kind: "call", name: name as ExpressionCall, args: [of, ...args].map((one) => treeOf(one, reading)) };
}

function patternOf(of: ASTNode, pattern: ASTNode, reading: Reading): CompiledExpression {
  if (pattern.op !== "value" || typeof pattern.args !== "string")
    throw new Refused("`matches` takes a pattern that is written there");
  reading.patterns += 1;
  if (reading.patterns > MAX_PATTERNS) throw new Refused(`must not have more than ${MAX_PATTERNS} \`matches\``);
  const problem = regexProblem(pattern.args);
  if (problem !== null) throw new Refused(problem);
  return { kind: "matches", of: treeOf(of, reading), regex: pattern.args };
}

/** One test for each member of the list, joined. */
function unrolled(
  name: "exists" | "all",
  range: ASTNode,
  variable: ASTNode,
  test: ASTNode,
  reading: Reading,
): CompiledExpression {
  if (reading.variable !== null) throw new Refused("`exists` and `all` do not stand in one another");
  if (range.op !== "list" || variable.op !== "id")
    throw new Refused(
      `\`.${name}(...)\` goes over a list that is written there: \`["a", "b"].${name}(x, x == request.host)\``,
    );
  const tests = range.args.map((item) => {
    const value = treeOf(item, reading);
    // Else what stands in the list would be worked out as often as it is named.
    if (value.kind !== "value") throw new Refused(`\`.${name}(...)\` goes over a list of written values`);
    reading.variable = { name: variable.args, value };
    const tree = treeOf(test, reading);
    reading.variable = null;
    return tree;
  });
  const kind = name === "exists" ? "or" : "and";
  return tests.reduce<CompiledExpression>((left, right) => ({ kind, left, right }), {
    kind: "value",
    value: kind === "and",
  });
}
