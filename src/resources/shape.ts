import { z } from "zod";
import { NOTES } from "./fields.ts";
import { nearest } from "./nearest.ts";
import type { Report } from "./report.ts";

/**
 * Reads `input` by a schema and reports what is wrong with it; fields that only tune connections are answered with their warning.
 *
 * @returns null where there was an error
 */
export function readShape<T>(schema: z.ZodType<T>, input: unknown, report: Report): T | null {
  const read = z.safeParse(schema, input, { error: describe, reportInput: true });
  if (read.success) {
    warnOfTuning(schema, read.data, report);
    return read.data;
  }
  const { issues } = read.error;
  // Where a field is refused, what is missing beside it is noise: `redirect` stands for `route`.
  const refusing = new Set(
    issues.filter((issue) => issue.code === "unrecognized_keys").map((issue) => pathKey(issue.path)),
  );
  const mistyped = new Set(issues.filter(({ code }) => code === "invalid_type").map(({ path }) => pathKey(path)));
  for (const issue of issues) {
    // A text is as long as a list may be, or longer: that says nothing.
    if ((issue.code === "too_big" || issue.code === "too_small") && mistyped.has(pathKey(issue.path))) continue;
    const place = report.at(...issue.path.map((key) => (typeof key === "symbol" ? String(key) : key)));
    if (issue.code === "unrecognized_keys") {
      const object = schemaAt(schema, issue.path);
      for (const key of issue.keys) reportUnknown(object, key, place.at(key));
    } else if (issue.code === "invalid_key") place.error(issue.issues[0]?.message ?? issue.message);
    else if (issue.code !== "custom" && issue.input === undefined) {
      const field = schemaAt(schema, issue.path);
      if (!refusing.has(pathKey(issue.path.slice(0, -1))))
        place.error((field && NOTES.get(field)?.missing) ?? "is required", "FieldValueRequired");
    } else place.error(issue.message, isUnsupported(schema, issue) ? "FieldValueNotSupported" : "FieldValueInvalid");
  }
  return null;
}

/** A value of an enum, or one of a field that is refused unless it is empty. */
function isUnsupported(schema: z.ZodType, { code, path }: z.core.$ZodIssue): boolean {
  if (code === "invalid_value") return true;
  const field = code === "too_big" || code === "custom" ? schemaAt(schema, path) : undefined;
  return field !== undefined && NOTES.get(field)?.emptyOnly !== undefined;
}

function pathKey(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

/** Words for what zod finds, where a schema brings none of its own. */
function describe(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_type") return describeType(issue.expected, issue.input, issue.inst);
  if (issue.code === "too_small")
    return issue.origin === "array" || issue.origin === "string"
      ? "must not be empty"
      : `must be at least ${issue.minimum}`;
  if (issue.code === "too_big")
    return issue.origin === "array"
      ? `must not have more than ${issue.maximum} members`
      : `must be at most ${issue.maximum}`;
  return undefined;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "`true` or `false`",
  array: "a list",
  object: "an object",
  record: "an object",
};

function describeType(expected: string, input: unknown, schema: unknown): string {
  if (input === null) return "must not be null; leave the field out";
  const quotes = expected === "string" && (typeof input === "number" || typeof input === "boolean");
  return `must be ${TYPE_WORDS[expected] ?? expected}${quotes ? "; put it in quotes" : membersOf(schema)}`;
}

/** As many members of an object as a line holds: `uri: /api` is meant as one of them. */
const NAMED_MEMBERS = 4;

function membersOf(schema: unknown): string {
  const names = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  if (names.length === 0 || names.length > NAMED_MEMBERS) return "";
  return ` with ${names.map((name) => `\`${name}\``).join(" or ")}`;
}

function reportUnknown(object: z.core.$ZodType | undefined, key: string, place: Report): void {
  const refused = object === undefined ? {} : (NOTES.get(object)?.refused ?? {});
  if (Object.hasOwn(refused, key)) return place.error(refused[key] ?? "", "FieldValueNotSupported");
  const known = object instanceof z.ZodObject ? Object.keys(object.shape) : [];
  const meant = nearest(key, [...known, ...Object.keys(refused)]);
  place.error(meant === undefined ? "unknown field" : `unknown field; did you mean \`${meant}\``);
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodExactOptional || schema instanceof z.ZodDefault ? unwrap(schema.unwrap()) : schema;
}

function schemaAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  const here = unwrap(schema);
  const [key, ...rest] = path;
  if (key === undefined) return here;
  const below =
    here instanceof z.ZodObject
      ? memberOf(here, key)
      : here instanceof z.ZodArray
        ? here.element
        : here instanceof z.ZodRecord
          ? here.valueType
          : undefined;
  return below === undefined ? undefined : schemaAt(below, rest);
}

function memberOf(object: z.ZodObject, key: PropertyKey): z.core.$ZodType | undefined {
  return typeof key === "string" && Object.hasOwn(object.shape, key) ? object.shape[key] : undefined;
}

/** Walks schema and value side by side; only objects and lists can hold a field that tunes. */
function warnOfTuning(schema: z.core.$ZodType, value: unknown, report: Report): void {
  const tuning = NOTES.get(schema)?.tuning;
  if (tuning !== undefined && value !== undefined && value !== tuning.silentFor)
    report.warn(`stored, without effect: ${tuning.instead}`, "TULLE0003");
  const here = unwrap(schema);
  if (here instanceof z.ZodArray && Array.isArray(value))
    value.forEach((member, index) => warnOfTuning(here.element, member, report.at(index)));
  if (!(here instanceof z.ZodObject) || typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    const below = memberOf(here, key);
    if (below !== undefined) warnOfTuning(below, member, report.at(key));
  }
}
