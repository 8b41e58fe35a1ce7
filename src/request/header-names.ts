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

/** The headers that the rules of one host name, and how else they may be spelt. */
export interface NamedHeaders {
  /** As rules write them, lower case. */
  readonly names: ReadonlySet<string>;
  /** The same with `-` for `_` and `.`. */
  readonly folded: ReadonlySet<string>;
  /** Spellings with `-` alone of names that rules write otherwise only: `x-role` where they name `x_role`. */
  readonly dashed: readonly string[];
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

/** @param list lower case, in any order, repeated or not */
export function namedHeaders(list: Iterable<string>): NamedHeaders {
  const names = new Set(list);
  const folded = new Set([...names].map(foldedName));
  return { names, folded, dashed: [...folded].filter((name) => !names.has(name) && !ESSENTIAL.has(name)) };
}

/**
 * Whether a header that a client sent is another spelling of one that a rule names: a server behind may take it for that
 * one, while no rule has seen it, set it or taken it away.
 *
 * @param name lower case
 */
export function isOtherSpelling(name: string, { names, folded }: NamedHeaders): boolean {
  return !names.has(name) && !ESSENTIAL.has(name) && folded.has(foldedName(name));
}
