import { quoted } from "./json-text.ts";

/** What a line tells of: a text is cut and freed of secrets, anything else is JSON. */
type Told = string | number | boolean | null | undefined | readonly unknown[] | Readonly<Record<string, unknown>>;

const TEXT_BYTES = 1_024;
const MAX_BYTES = 8_192;
/** Of one line; what is more is left out. */
const FIELDS = 24;

/**
 * A line of the log that is no request's: one JSON object in ASCII, at most 8 KiB, without secrets (R31). Errors of libraries
 * quote what they were given: values of SQL, URLs, tokens.
 */
export function eventLine(event: { readonly event: string } & Readonly<Record<string, Told>>): string {
  const fields: string[] = [];
  let bytes = 2;
  for (const [name, value] of Object.entries(event).slice(0, FIELDS)) {
    if (value === undefined) continue;
    const field = `${quoted(name, 64)}:${told(value)}`;
    if (bytes + field.length + 1 > MAX_BYTES) break;
    bytes += field.length + 1;
    fields.push(field);
  }
  return `{${fields.join(",")}}`;
}

function told(value: Exclude<Told, undefined>): string {
  if (typeof value === "string") return quoted(withoutSecrets(value), TEXT_BYTES);
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (typeof value === "boolean" || value === null) return String(value);
  return quoted(withoutSecrets(jsonOf(value)), TEXT_BYTES);
}

function jsonOf(value: unknown): string {
  try {
    // Of a text inside of it escapes hide where a secret begins.
    return JSON.stringify(value, (_, member: unknown) =>
      typeof member === "string" ? withoutSecrets(member) : member,
    );
  } catch {
    return "[cannot be written]";
  }
}

/** Longer texts are cut before they are searched. */
const SEARCHED_CHARACTERS = 8_192;

/** What tokens, keys and values look like, with what stands in their place. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // drizzle's errors end with all that was bound.
  [/\bparams:[^]*$/i, "params: ..."],
  [/-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^]*$/, "-----BEGIN PRIVATE KEY-----..."],
  [/\b(Bearer|Basic|DPoP)\s+[^\s"',;]+/gi, "$1 ..."],
  [/\b(tulle|session|join|tk)_[\w-]{16,}/g, "$1_..."],
  [/\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g, "eyJ..."],
  [
    /\b(authorization|cookie|set-cookie|x-api-key|api-key|password|secret|token)(["']?\s*[:=]\s*["']?)[^\s"',;&]+/gi,
    "$1$2...",
  ],
  [/\?[^\s"'<>?]*=[^\s"'<>]*/g, "?..."],
];

/** A text without what should not stand in a log: tokens, keys, cookies, values of queries and of SQL. */
export function withoutSecrets(text: string): string {
  return SECRETS.reduce((rest, [secret, instead]) => rest.replace(secret, instead), text.slice(0, SEARCHED_CHARACTERS));
}
