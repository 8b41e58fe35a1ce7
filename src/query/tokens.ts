import { QueryFailure } from "./syntax.ts";

export interface Token {
  readonly kind: "identifier" | "number" | "string" | "duration" | "operator" | "end";
  /** As it stands there; of a string what it says. */
  readonly text: string;
  readonly at: number;
}

const SPACE = /(?:\s+|#[^\n]*)+/y;
const DURATION = /(?:\d+(?:ms|[smhdwy]))+/y;
const NUMBER = /0x[0-9a-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?/iy;
const IDENTIFIER = /[a-z_:][\w:]*/iy;
const OPERATOR = /=~|!~|==|!=|<=|>=|[-+*/%^<>=(){}[\],@:]/y;
const QUOTED = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y;
const ESCAPE = /\\(?:([abfnrtv\\'"])|([0-7]{3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|.)/gs;
const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

/** @throws QueryFailure at what is no token */
export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let at = end(SPACE, text, 0); at < text.length;) {
    const token = tokenAt(text, at);
    tokens.push(token.token);
    at = end(SPACE, text, token.end);
  }
  tokens.push({ kind: "end", text: "", at: text.length });
  return tokens;
}

function tokenAt(text: string, at: number): { readonly token: Token; readonly end: number } {
  const kinds = [
    ["duration", DURATION],
    ["number", NUMBER],
    ["identifier", IDENTIFIER],
    ["operator", OPERATOR],
  ] as const;
  for (const [kind, pattern] of kinds) {
    const to = end(pattern, text, at);
    if (to > at && !runsOn(kind, text, to)) return { token: { kind, text: text.slice(at, to), at }, end: to };
  }
  const to = end(QUOTED, text, at);
  if (to > at) return { token: { kind: "string", text: unquoted(text.slice(at, to), text, at), at }, end: to };
  if (/["'`]/.test(text[at] ?? ""))
    throw new QueryFailure("query_invalid", `${positionOf(text, at)}: this string has no end`);
  throw new QueryFailure("query_invalid", `${positionOf(text, at)}: \`${word(text, at)}\` is not understood`);
}

/** A number or a duration ends where no letter and no digit follows: `5x` is neither. */
function runsOn(kind: Token["kind"], text: string, to: number): boolean {
  return (kind === "number" || kind === "duration") && /[\w.]/.test(text[to] ?? "");
}

function word(text: string, at: number): string {
  return /^[\w.:]+|./su.exec(text.slice(at, at + 64))?.[0] ?? "";
}

function unquoted(quoted: string, text: string, at: number): string {
  const inner = quoted.slice(1, -1);
  if (quoted.startsWith("`")) return inner;
  return inner.replaceAll(ESCAPE, (whole, simple?: string, octal?: string, ...hex: (string | undefined)[]) => {
    const code = hex.slice(0, 3).find((digits) => digits !== undefined);
    if (simple !== undefined && ESCAPES[simple] !== undefined) return ESCAPES[simple];
    const point = octal === undefined ? Number.parseInt(code ?? "", 16) : Number.parseInt(octal, 8);
    if (!(point <= 0x10ffff))
      throw new QueryFailure("query_invalid", `${positionOf(text, at)}: \`${whole}\` is no escape sequence`);
    return String.fromCodePoint(point);
  });
}

function end(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** Line and column, both from 1, as Prometheus tells them. */
export function positionOf(text: string, at: number): string {
  const before = text.slice(0, at).split("\n");
  return `${before.length}:${(before.at(-1) ?? "").length + 1}`;
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** @param text as `1h30m` @returns milliseconds; NaN where units do not go from large to small, each once */
export function durationMs(text: string): number {
  let [sum, last] = [0, Number.POSITIVE_INFINITY];
  for (const [, digits = "", unit = ""] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) {
    const factor = UNITS[unit] ?? Number.NaN;
    if (factor >= last) return Number.NaN;
    last = factor;
    sum += Number(digits) * factor;
  }
  return sum;
}
