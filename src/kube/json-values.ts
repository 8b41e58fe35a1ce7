import type { Finding } from "../resources/finding.ts";
import { MAX_DEPTH, toPlain } from "../resources/plain.ts";
import { reportTo } from "../resources/report.ts";
import { err, ok, type Result } from "../result.ts";

/** As large as an object may be (R25), so that no patch makes what no file could hold. */
export const MAX_CHARACTERS = 1_048_576;

export type JsonMap = Record<string, unknown>;

/** JSON as it came from a client, copied: no prototypes, `__proto__` members or undefined ones; the error is a line that says what else was there. */
export function plainCopy(input: unknown): Result<unknown, string> {
  const findings: Finding[] = [];
  const value = toPlain(input, false, reportTo(findings));
  const [problem] = findings;
  if (problem === undefined) return ok(value);
  return err(problem.field === "" ? problem.message : `${problem.field}: ${problem.message}`);
}

export function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

export const TOO_LARGE = `larger than ${MAX_CHARACTERS} bytes or nested deeper than ${MAX_DEPTH}`;

/** About how many characters the value takes as JSON; infinitely many where it nests too deep to be measured without harm. */
export function sizeOf(value: unknown, levels = MAX_DEPTH): number {
  if (!isMap(value) && !isList(value)) return typeof value === "string" ? value.length + 2 : String(value).length;
  if (levels === 0) return Infinity;
  let size = 2;
  if (isList(value)) for (const member of value) size += 1 + sizeOf(member, levels - 1);
  else for (const [key, member] of Object.entries(value)) size += key.length + 4 + sizeOf(member, levels - 1);
  return size;
}
