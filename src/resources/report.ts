import type { RemarkCode } from "./finding-codes.ts";
import { errorAt, type Finding, warningAt } from "./finding.ts";

type Path = readonly (string | number)[];

/** Where the checks of one place in an object say what they find. */
export interface Report {
  /** The same report for a place below this one. */
  at(...path: Path): Report;
  error(message: string, reason?: Finding["reason"]): void;
  warn(message: string, code?: RemarkCode): void;
}

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `["spec", "http", 0, "match"]` as `spec.http[0].match`; keys that are no identifiers stand in brackets too. */
function fieldPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number" || !PLAIN_KEY.test(key)) return `${text}[${key}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** A report that appends to `findings`. */
export function reportTo(findings: Finding[], base: Path = []): Report {
  const field = fieldPath(base);
  return {
    at: (...path) => reportTo(findings, [...base, ...path]),
    error: (message, reason = "FieldValueInvalid") => findings.push({ ...errorAt(field, message), reason }),
    warn: (message, code) => findings.push(warningAt(field, message, code)),
  };
}
