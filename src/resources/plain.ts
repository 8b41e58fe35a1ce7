import type { Report } from "./report.ts";

/** As deep as documents may nest; the deepest field we know is less than half of it. */
export const MAX_DEPTH = 64;

/**
 * Copies what JSON can say and reports the rest, so that later code meets no prototype, getter, cycle or `__proto__` member
 * of a caller's making. Members that are undefined are left out, those that are null only where `dropNull` says so.
 */
export function toPlain(input: unknown, dropNull: boolean, report: Report, above: readonly unknown[] = []): unknown {
  if (typeof input === "string") {
    // Half a surrogate pair has no UTF-8: what is stored, signed and compared would be another text.
    if (!input.isWellFormed()) report.error("must be text in Unicode; half of a surrogate pair is none");
    return input;
  }
  if (input === null || typeof input === "boolean") return input;
  if (typeof input === "number" && Number.isFinite(input)) return input;
  if (typeof input !== "object") {
    report.error("must be text, a finite number, a boolean, a list or an object");
    return null;
  }
  if (above.length >= MAX_DEPTH || above.includes(input)) {
    report.error(`nested deeper than ${MAX_DEPTH}`);
    return null;
  }
  const path = [...above, input];
  if (Array.isArray(input))
    return Array.from(input, (member: unknown, index) => toPlain(member, dropNull, report.at(index), path));
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(input)) {
    if (key === "__proto__" || !key.isWellFormed()) report.at(key).error("unknown field");
    else if (member !== undefined && !(dropNull && member === null))
      copy[key] = toPlain(member, dropNull, report.at(key), path);
  }
  return copy;
}
