/** Headers that frame a message, say what it holds, or are the gateway's own: a rule for `content_type` does not take the real one away. */
const ESSENTIAL = new Set([
  "host",
  "content-type",
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "upgrade",
  "x-request-id",
  "traceparent",
  "tracestate",
  "x-forwarded-for",
  "x-forwarded-proto",
]);

/** Whether a header's name, in small letters, is meant. */
export type NameTest = (name: string) => boolean;

/** The headers that the rules of one host name, and how else they may be spelt. */
export interface NamedHeaders {
  /** As rules write them, lower case. */
  readonly names: ReadonlySet<string>;
  /** Those, and what else is written out: headers that an external authorizer is told. */
  readonly written: ReadonlySet<string>;
  /** The same with `-` for `_` and `.`. */
  readonly folded: ReadonlySet<string>;
  /** Spellings with `-` alone of names that are written otherwise only: `x-role` where rules name `x_role`. */
  readonly dashed: readonly string[];
  /** What patterns of external authorizers mean; null: there is none. */
  readonly patterns: NamePatterns | null;
}

/** Patterns by which headers are named. */
export interface NamePatterns {
  /** Whether a name is another spelling of one that they mean. */
  readonly isOther: NameTest;
  /** Such a name may be any, also one with `-` alone: a pattern has `_` or `.`. */
  readonly isAny: boolean;
}

/** Servers fold `-`, `_` and `.` into one another (CGI, and frameworks after it), so names are judged folded (R9). */
export function foldedName(name: string): string {
  return name.replace(/[._]/g, "-");
}

/**
 * Whether a header is the mesh's word on who calls, in any spelling that a service may take for it: nobody's route and nobody's token
 * says that in its place (R9).
 */
export function isProofOfCaller(name: string): boolean {
  const folded = foldedName(name.toLowerCase());
  return folded === "x-forwarded-client-cert" || folded.startsWith("x-tulle-");
}

/**
 * @param list lower case, in any order, repeated or not
 * @param told names that an external authorizer is told of, lower case
 * @param patterns what it is told by patterns
 */
export function namedHeaders(
  list: Iterable<string>,
  told: readonly string[] = [],
  patterns: NamePatterns | null = null,
): NamedHeaders {
  const names = new Set(list);
  const written = new Set([...names, ...told]);
  const folded = new Set([...written].map(foldedName));
  const dashed = [...folded].filter((name) => !written.has(name) && !ESSENTIAL.has(name));
  return { names, written, folded, dashed, patterns };
}

/**
 * Whether a header that a client sent is another spelling of one that a rule names: a server behind may take it for that
 * one, while no rule has seen it, set it or taken it away, and nobody who is asked was told of it.
 *
 * @param name lower case
 */
export function isOtherSpelling(name: string, { written, folded, patterns }: NamedHeaders): boolean {
  if (written.has(name) || ESSENTIAL.has(name)) return false;
  return folded.has(foldedName(name)) || patterns?.isOther(name) === true;
}
