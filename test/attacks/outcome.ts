import { AssertionError } from "node:assert";
import { inspect } from "node:util";

/** How a case ended. */
export type Outcome =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "not covered"; readonly why: string }
  /** The case has a field that the runner does not know. */
  | { readonly kind: "error"; readonly why: string }
  | { readonly kind: "waits"; readonly feature: string };

/** A case that this runner cannot try, or of which it could not tell whether it holds. */
export class NotCovered extends Error {}

/** What a case demands. @throws where it does not hold, with what was seen */
export function demand(holds: boolean, what: string, said: string): asserts holds {
  if (!holds) throw new AssertionError({ message: `${what}: ${said}` });
}

export function demandOneOf<T>(what: string, seen: T, allowed: readonly T[], said: string): void {
  demand(allowed.includes(seen), `${what} is ${show(seen)}, not one of ${show(allowed)}`, said);
}

export function demandEqual<T>(what: string, seen: T, wanted: T, said: string): void {
  const equal = typeof wanted === "object" ? show(seen) === show(wanted) : Object.is(seen, wanted);
  demand(equal, `${what} is ${show(seen)}, not ${show(wanted)}`, said);
}

/** Compared whole: what is left out of a message is compared too. */
function show(value: unknown): string {
  return inspect(value, { depth: 10, maxArrayLength: 100, sorted: true, breakLength: Number.POSITIVE_INFINITY });
}
