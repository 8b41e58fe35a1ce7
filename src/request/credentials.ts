import type { HeaderRecord } from "./headers.ts";

/** Where a token may stand. */
export interface TokenPlace {
  readonly kind: "header" | "param" | "cookie";
  readonly name: string;
  /** Of a header: what stands before the token. */
  readonly prefix: string;
}

/** @returns null where none is there */
export function tokenAt({ kind, name, prefix }: TokenPlace, headers: HeaderRecord, query: string): string | null {
  if (kind === "header") {
    const value = headers[name];
    if (value === undefined) return null;
    // The scheme of Authorization has no case (RFC 9110 §11.1); prefixes of other headers are compared as written.
    const begins =
      value.startsWith(prefix) ||
      (name === "authorization" && value.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase());
    return begins ? value.slice(prefix.length).trim() : null;
  }
  if (kind === "param") return query === "" ? null : paramValue(query, name);
  return onlyText(cookieValues(headers["cookie"], name));
}

function paramValue(query: string, name: string): string | null {
  return onlyText(new URLSearchParams(query).getAll(name));
}

/** Several are one text, as lines of a header are, and so no token: the service may read another of them than we. */
function onlyText(values: readonly string[]): string | null {
  return values.length === 0 ? null : values.join(", ");
}

/**
 * Pairs end at `;`, whatever quotes are around it: to most servers quotes mean nothing (RFC 6265 §5.4), and a token that one of
 * them finds must have been looked at. They also end at a comma that a further `name=` follows, unless it is inside quotes.
 */
const COOKIE_PAIRS = /(?:"[^";]*"|[^;,]|,(?!\s*[^;=,\s"]+=))+/g;

/** Of the first cookie of that name, quotes and all; null where there is none. */
export function cookieValue(header: string | undefined, name: string): string | null {
  return cookieValues(header, name)[0] ?? null;
}

const NO_VALUES: readonly string[] = [];

function cookieValues(header: string | undefined, name: string): readonly string[] {
  if (header === undefined || !header.includes(name)) return NO_VALUES;
  const values: string[] = [];
  for (const pair of header.match(COOKIE_PAIRS) ?? []) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim());
  }
  return values;
}

/** The middle part of a compact JWS, as received. */
export function payloadOf(token: string): string {
  return token.slice(token.indexOf(".") + 1, token.lastIndexOf("."));
}

/** A Cookie header without one cookie; null where nothing is left. */
export function withoutCookie(header: string, name: string): string | null {
  const kept = (header.match(COOKIE_PAIRS) ?? [])
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "" && pair.split("=", 1)[0]?.trim() !== name);
  return kept.length === 0 ? null : kept.join("; ");
}

/** A raw query without some parameters. */
export function withoutParams(query: string, names: readonly string[]): string {
  if (names.length === 0 || query === "") return query;
  const kept = query.split("&").filter((pair) => {
    const [name] = new URLSearchParams(pair).keys();
    return name === undefined || !names.includes(name);
  });
  return kept.join("&");
}

/** Stands for a value that is not recorded. */
export const REDACTED = "*";

/** A raw query whose names are left: values may be tokens. */
export function withoutValues(query: string): string {
  return query.replace(/=[^&]*/g, `=${REDACTED}`);
}
