import { NAMES, type NameGroup } from "./odd-names.ts";

/** One thing that a Worker of the mesh can do with a binding of its own. */
export interface Attempt {
  readonly do:
    | "call"
    | "call by the wire"
    | "read"
    | "construct"
    | "assign"
    | "symbol"
    | "own names"
    | "fetch"
    | "connect";
  /** The binding; absent: `MALLORY`. */
  readonly as?: string;
  /** Members, from the binding on. */
  readonly path?: readonly string[];
  /** One attempt for each name of the group, which ends the path. */
  readonly names?: NameGroup;
  /** JSON; a text that begins with `$` stands for what JSON cannot say (workers/attacker.ts). */
  readonly args?: readonly unknown[];
  readonly name?: string;
  readonly url?: string;
  readonly init?: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  };
}

/** How an attempt may end. */
export type Ending = "absent" | "denied" | "unsupported" | "unavailable" | "local" | "refused" | "answered";

export interface RpcCase {
  readonly id: string;
  readonly title: string;
  readonly severity: "critical" | "high" | "medium" | "info";
  /** `control` is legitimate use that must go on working. */
  readonly kind: "attack" | "control";
  readonly attempts: readonly Attempt[];
  readonly must: {
    /** Each attempt ends in one of these. */
    readonly end: readonly Ending[];
    /** What of the services each attempt reaches at most, in order; absent: nothing. */
    readonly reached?: readonly string[];
    /** Is in each answer. */
    readonly answer?: string;
  };
  readonly note?: string;
}

const FIELDS: Readonly<Record<"case" | "attempt" | "must" | "init", readonly string[]>> = {
  case: ["id", "title", "severity", "kind", "attempts", "must", "note"],
  attempt: ["do", "as", "path", "names", "args", "name", "url", "init"],
  must: ["end", "reached", "answer"],
  init: ["method", "headers", "body"],
};

const ENDINGS: ReadonlySet<string> = new Set([
  "absent",
  "denied",
  "unsupported",
  "unavailable",
  "local",
  "refused",
  "answered",
]);
const DOES: ReadonlySet<string> = new Set([
  "call",
  "call by the wire",
  "read",
  "construct",
  "assign",
  "symbol",
  "own names",
  "fetch",
  "connect",
]);

/** What of a case the runner does not know, so that it cannot tell whether the case holds; null where it knows it all. */
export function unknownIn({ attempts, must, ...rest }: RpcCase, bindings: ReadonlySet<string>): string | null {
  return (
    stranger("case", { attempts, must, ...rest }) ??
    stranger("must", must) ??
    must.end.find((ending) => !ENDINGS.has(ending)) ??
    attempts.map((attempt) => strangeAttempt(attempt, bindings)).find((found) => found !== null) ??
    (attempts.length === 0 ? "no attempts" : null)
  );
}

function strangeAttempt(attempt: Attempt, bindings: ReadonlySet<string>): string | null {
  const { do: does, as = "MALLORY", names, init = {} } = attempt;
  if (!DOES.has(does)) return `do \`${does}\``;
  if (!bindings.has(as)) return `binding \`${as}\``;
  if (names !== undefined && !Object.hasOwn(NAMES, names)) return `names \`${names}\``;
  return stranger("attempt", attempt) ?? stranger("init", init);
}

function stranger(place: keyof typeof FIELDS, object: object): string | null {
  const other = Object.keys(object).find((field) => !FIELDS[place].includes(field));
  return other === undefined ? null : `${place} field \`${other}\``;
}

/** Each attempt by itself. */
export function attemptsOf({ attempts }: RpcCase): readonly Attempt[] {
  return attempts.flatMap(({ names, path = [], ...attempt }) =>
    names === undefined ? [{ ...attempt, path }] : NAMES[names].map((name) => ({ ...attempt, path: [...path, name] })),
  );
}
