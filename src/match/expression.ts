import { machineOf } from "./machine.ts";
import type { CompiledExpression } from "../snapshot/telemetry-model.ts";

/** What an expression is worth; undefined: it cannot be worked out, as where what it names is not there. A duration is its milliseconds. */
export type Value = string | number | boolean | undefined;

/** @param now epoch ms */
export type Expression<C> = (context: C, now: number) => Value;

/** What an expression asks its context for. */
export type Leaf = Extract<CompiledExpression, { readonly kind: "attribute" | "header" }>;

/** No text that is put together is longer, and no longer one is looked through by a pattern. */
const MAX_TEXT = 4_096;

/**
 * Makes an expression ready: what it costs is bounded by its nodes.
 *
 * @param read says how what it names is found
 */
export function linkExpression<C>(tree: CompiledExpression, read: (leaf: Leaf) => Expression<C>): Expression<C> {
  switch (tree.kind) {
    case "value": {
      const value = tree.value ?? undefined;
      return () => value;
    }
    case "duration":
      return () => tree.ms;
    case "attribute":
    case "header":
      return read(tree);
    case "has": {
      const of = linkExpression(tree.of, read);
      return (context, now) => of(context, now) !== undefined;
    }
    case "matches": {
      const [of, pattern] = [linkExpression(tree.of, read), machineOf(tree.regex)];
      return (context, now) => {
        const text = of(context, now);
        return typeof text === "string" && text.length <= MAX_TEXT ? pattern?.finds(text) : undefined;
      };
    }
    case "if": {
      const [test, one, other] = [tree.test, tree.one, tree.other].map((part) =>
        linkExpression(part, read),
      ) as Three<C>;
      return (context, now) => {
        const holds = test(context, now);
        return typeof holds !== "boolean" ? undefined : (holds ? one : other)(context, now);
      };
    }
    case "not":
    case "negate":
      return linkCall(tree.kind, [tree.of], read);
    case "call":
      return linkCall(tree.name, tree.args, read);
    case "and":
    case "or":
      return linkLogic(tree.kind === "or", linkExpression(tree.left, read), linkExpression(tree.right, read));
    case "in":
      return linkCall("in", tree.right.kind === "list" ? [tree.left, ...tree.right.items] : [], read);
    case "list":
      return () => undefined;
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
    case "%":
      return linkCall(tree.kind, [tree.left, tree.right], read);
  }
}

/** All that an expression asks for. */
export function leavesOf(tree: CompiledExpression): readonly Leaf[] {
  return tree.kind === "attribute" || tree.kind === "header" ? [tree] : partsOf(tree).flatMap(leavesOf);
}

function partsOf(tree: Exclude<CompiledExpression, Leaf>): readonly CompiledExpression[] {
  if ("left" in tree) return [tree.left, tree.right];
  if ("items" in tree) return tree.items;
  if ("args" in tree) return tree.args;
  if ("test" in tree) return [tree.test, tree.one, tree.other];
  return "of" in tree ? [tree.of] : [];
}

type Three<C> = [Expression<C>, Expression<C>, Expression<C>];

/** As CEL has it: one side that decides by itself makes up for one that cannot be worked out. @param decides what the other side's does not matter beside */
function linkLogic<C>(decides: boolean, left: Expression<C>, right: Expression<C>): Expression<C> {
  return (context, now) => {
    const first = left(context, now);
    if (first === decides) return decides;
    const second = right(context, now);
    if (second === decides) return decides;
    return first === !decides && second === !decides ? !decides : undefined;
  };
}

/** Where one of its parts cannot be worked out, it cannot. */
function linkCall<C>(
  name: string,
  parts: readonly CompiledExpression[],
  read: (leaf: Leaf) => Expression<C>,
): Expression<C> {
  const args = parts.map((part) => linkExpression(part, read));
  return (context, now) => {
    const values: Known[] = [];
    for (const arg of args) {
      const value = arg(context, now);
      if (value === undefined) return undefined;
      values.push(value);
    }
    const [a, b] = values as [Known, Known];
    return typeof a === "string" ? ofText(name, a, b, values) : ofNumber(name, a, b, values);
  };
}

type Known = string | number | boolean;

function ofText(name: string, a: string, b: Known, values: readonly Known[]): Value {
  const text = String(b);
  switch (name) {
    case "+":
      return a.length + text.length > MAX_TEXT ? undefined : a + text;
    case "contains":
      return a.includes(text);
    case "startsWith":
      return a.startsWith(text);
    case "endsWith":
      return a.endsWith(text);
    case "size":
      return Array.from(a).length;
    case "string":
      return a;
    case "int":
      return /^[+-]?\d+$/.test(a) ? safe(Number(a)) : undefined;
    default:
      return compared(name, a, b, values);
  }
}

function ofNumber(name: string, a: number | boolean, b: Known, values: readonly Known[]): Value {
  const [x, y] = [Number(a), Number(b)];
  switch (name) {
    case "not":
      return a === false;
    case "negate":
      return 0 - x;
    case "string":
      return String(a);
    case "int":
      return x;
    case "+":
      return safe(x + y);
    case "-":
      return safe(x - y);
    case "*":
      return safe(x * y + 0);
    case "/":
      return y === 0 ? undefined : (x - (x % y)) / y + 0;
    case "%":
      return y === 0 ? undefined : (x % y) + 0;
    default:
      return compared(name, a, b, values);
  }
}

function compared(name: string, a: Known, b: Known, values: readonly Known[]): Value {
  switch (name) {
    case "==":
      return a === b;
    case "!=":
      return a !== b;
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    case "in":
      return values.includes(a, 1);
    default:
      return undefined;
  }
}

/** Beyond, a double is no longer exact. */
function safe(value: number): Value {
  return Number.isSafeInteger(value) ? value : undefined;
}
