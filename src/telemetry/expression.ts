import { machineOf } from "../match/machine.ts";
import type { CompiledExpression } from "../snapshot/telemetry-model.ts";
import { attributeReader, type Expression, headerOf, type Value } from "./attributes.ts";

/** No text that is put together is longer, and no longer one is looked through by a pattern. */
const MAX_TEXT = 4_096;

/** Makes an expression ready: what it costs is bounded by its nodes. */
export function linkExpression(tree: CompiledExpression): Expression {
  switch (tree.kind) {
    case "value": {
      const value = tree.value ?? undefined;
      return () => value;
    }
    case "duration":
      return () => tree.ms;
    case "attribute":
      return attributeReader(tree.name);
    case "header":
      return (journal) => headerOf(journal, tree.of, tree.name);
    case "has": {
      const of = linkExpression(tree.of);
      return (journal, now) => of(journal, now) !== undefined;
    }
    case "matches": {
      const [of, pattern] = [linkExpression(tree.of), machineOf(tree.regex)];
      return (journal, now) => {
        const text = of(journal, now);
        return typeof text === "string" && text.length <= MAX_TEXT ? pattern?.finds(text) : undefined;
      };
    }
    case "if": {
      const [test, one, other] = [tree.test, tree.one, tree.other].map(linkExpression) as Three;
      return (journal, now) => {
        const holds = test(journal, now);
        return typeof holds !== "boolean" ? undefined : (holds ? one : other)(journal, now);
      };
    }
    case "not":
    case "negate":
      return linkCall(tree.kind, [tree.of]);
    case "call":
      return linkCall(tree.name, tree.args);
    case "and":
    case "or":
      return linkLogic(tree.kind === "or", linkExpression(tree.left), linkExpression(tree.right));
    case "in":
      return linkCall("in", tree.right.kind === "list" ? [tree.left, ...tree.right.items] : []);
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
      return linkCall(tree.kind, [tree.left, tree.right]);
  }
}

type Three = [Expression, Expression, Expression];

/** As CEL has it: one side that decides by itself makes up for one that cannot be worked out. @param decides what the other side's does not matter beside */
function linkLogic(decides: boolean, left: Expression, right: Expression): Expression {
  return (journal, now) => {
    const first = left(journal, now);
    if (first === decides) return decides;
    const second = right(journal, now);
    if (second === decides) return decides;
    return first === !decides && second === !decides ? !decides : undefined;
  };
}

/** Where one of its parts cannot be worked out, it cannot. */
function linkCall(name: string, parts: readonly CompiledExpression[]): Expression {
  const args = parts.map(linkExpression);
  return (journal, now) => {
    const values: Known[] = [];
    for (const arg of args) {
      const value = arg(journal, now);
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
