/** An operation on one register, as its client saw it. Times grow, and no two are equal. */
export interface Operation {
  readonly invokedAt: number;
  /** Null: the client never learned whether it was done: it is done at any time from then on, or never. */
  readonly returnedAt: number | null;
  readonly does:
    | { readonly kind: "read"; readonly value: string | null }
    /** Null: it is deleted. */
    | { readonly kind: "write"; readonly value: string | null }
    /** It is done where the register holds `from`, and else it is refused. */
    | { readonly kind: "swap"; readonly from: string | null; readonly to: string | null; readonly done: boolean };
}

type Value = string | null;

/** @returns what the register holds after it, undefined where it can't have been done then */
export function applied({ does, returnedAt }: Operation, value: Value): Value | undefined {
  switch (does.kind) {
    case "read":
      return does.value === value ? value : undefined;
    case "write":
      return does.value;
    case "swap":
      // Of one without an answer nobody knows whether it was refused.
      if (returnedAt === null) return does.from === value ? does.to : value;
      if (does.done) return does.from === value ? does.to : undefined;
      return does.from === value ? undefined : value;
  }
}

/**
 * Whether a history of one register is that of one that does one thing after the other, each between its call and its return: as
 * Lowe's and Knossos' checkers do, all states that the register can be in are followed from one return to the next.
 *
 * @returns the operation that no order explains, or null
 */
export function anomaly(operations: readonly Operation[], start: Value): Operation | null {
  const events = operations
    .flatMap((operation) => [
      { at: operation.invokedAt, operation, isCall: true },
      ...(operation.returnedAt === null ? [] : [{ at: operation.returnedAt, operation, isCall: false }]),
    ])
    .toSorted((one, other) => one.at - other.at);
  const pending = new Set<Operation>();
  let states: readonly State[] = [{ value: start, done: new Set() }];
  for (const { operation, isCall } of events) {
    if (isCall) {
      pending.add(operation);
      continue;
    }
    states = returned(states, operation, pending);
    if (states.length === 0) return operation;
    pending.delete(operation);
  }
  return null;
}

/** What the register may hold, and which of the pending operations made it so. */
interface State {
  readonly value: Value;
  readonly done: ReadonlySet<Operation>;
}

/** The states in which an operation is done, once others that are under way were done before it, or were not. */
function returned(states: readonly State[], operation: Operation, pending: ReadonlySet<Operation>): readonly State[] {
  const numbers = new Map([...pending].map((one, at) => [one, at]));
  const keyOf = ({ value, done }: State): string =>
    `${JSON.stringify(value)} ${[...done]
      .map((one) => numbers.get(one))
      .toSorted((a = 0, b = 0) => a - b)
      .join()}`;
  const seen = new Set<string>();
  const ends = new Map<string, State>();
  const open = [...states];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const key = keyOf(state);
    if (seen.has(key)) continue;
    seen.add(key);
    if (state.done.has(operation)) {
      const end = { value: state.value, done: new Set([...state.done].filter((one) => one !== operation)) };
      ends.set(keyOf(end), end);
      // What is done after it can as well be done when it is needed.
      continue;
    }
    for (const next of pending) {
      if (state.done.has(next)) continue;
      const value = applied(next, state.value);
      if (value !== undefined) open.push({ value, done: new Set([...state.done, next]) });
    }
  }
  return [...ends.values()];
}
