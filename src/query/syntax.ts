/** The tree of an expression, of the part of PromQL that is answered here. `at` is the offset of its first character. */
export type Expression =
  | NumberLiteral
  | Selector
  | Call
  | Aggregation
  | BinaryExpression
  | { readonly kind: "negation"; readonly of: Expression; readonly at: number };

export interface Call {
  readonly kind: "call";
  readonly name: FunctionName;
  readonly of: readonly Expression[];
  /** Strings, which stand after all others. */
  readonly texts: readonly string[];
  readonly at: number;
}

interface NumberLiteral {
  readonly kind: "number";
  readonly value: number;
  readonly at: number;
}

export interface Selector {
  readonly kind: "selector";
  /** The metric's name among them, as `__name__`. */
  readonly matchers: readonly LabelMatcher[];
  /** Of a range vector; null: an instant vector. */
  readonly rangeMs: number | null;
  readonly at: number;
}

export interface LabelMatcher {
  readonly label: string;
  readonly operator: MatchOperator;
  readonly value: string;
  readonly at: number;
}

export interface Aggregation {
  readonly kind: "aggregation";
  readonly operator: AggregationName;
  /** How many, of topk. */
  readonly parameter: Expression | null;
  /** Absent `by` and `without`: by none. */
  readonly labels: readonly string[];
  readonly without: boolean;
  readonly of: Expression;
  readonly at: number;
}

export interface BinaryExpression {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  /** Of a comparison: 0 or 1 in place of a filter. */
  readonly bool: boolean;
  /** By which labels the two sides belong together; null: by all but the metric's name. */
  readonly matching: Matching | null;
  readonly left: Expression;
  readonly right: Expression;
  readonly at: number;
}

export interface Matching {
  /** By these alone; else by all but these and the metric's name. */
  readonly on: boolean;
  readonly labels: readonly string[];
}

export type ValueType = "scalar" | "vector" | "range";

export const MATCH_OPERATORS = ["=", "!=", "=~", "!~"] as const;
type MatchOperator = (typeof MATCH_OPERATORS)[number];

export const AGGREGATIONS = ["sum", "avg", "min", "max", "count", "topk"] as const;
export type AggregationName = (typeof AGGREGATIONS)[number];

/** What each function takes, beside strings. All of them answer an instant vector. */
export const FUNCTIONS = {
  rate: ["range"],
  irate: ["range"],
  increase: ["range"],
  histogram_quantile: ["scalar", "vector"],
  clamp_min: ["vector", "scalar"],
  round: ["vector", "scalar"],
  label_join: ["vector"],
  vector: ["scalar"],
} as const satisfies Readonly<Record<string, readonly ValueType[]>>;
export type FunctionName = keyof typeof FUNCTIONS;
/** Those whose last argument may be left out. */
export const LAST_OPTIONAL: ReadonlySet<string> = new Set<FunctionName>(["round"]);

export const ARITHMETIC = ["+", "-", "*", "/", "%", "^"] as const;
type ArithmeticOperator = (typeof ARITHMETIC)[number];
export const COMPARISONS = ["==", "!=", "<=", "<", ">=", ">"] as const;
export type ComparisonOperator = (typeof COMPARISONS)[number];
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | "or";

export function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return COMPARISONS.some((one) => one === operator);
}

export function typeOf(expression: Expression): ValueType {
  switch (expression.kind) {
    case "number":
      return "scalar";
    case "selector":
      return expression.rangeMs === null ? "vector" : "range";
    case "call":
    case "aggregation":
      return "vector";
    case "negation":
      return typeOf(expression.of);
    case "binary":
      return typeOf(expression.left) === "scalar" ? typeOf(expression.right) : "vector";
  }
}

/** Why a query has no answer, told to whoever sent it. */
export interface QueryError {
  readonly code: "query_invalid" | "query_unsupported" | "query_too_large" | "query_failed";
  readonly message: string;
}

/** Ends the reading or the evaluation of a query; caught where that began, and never seen outside of this folder. */
export class QueryFailure extends Error {
  readonly code: QueryError["code"];

  constructor(code: QueryError["code"], message: string) {
    super(message);
    this.code = code;
  }
}
