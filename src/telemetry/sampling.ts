import { err, ok, type Result } from "../result.ts";
import type { Journal } from "./journal.ts";

/** A number that a double holds exactly, and more than any log is thinned out. */
const ONE_IN = /^[1-9]\d{0,8}$/;

/** A variable that isn't what it must be. */
export interface LogOneInError {
  readonly code: "log_one_in_invalid";
  readonly input: string;
}

/**
 * Reads the variable `LOG_ONE_IN`: of so many good calls one is logged.
 *
 * @param variable text or number; unset: each call is logged
 */
export function readLogOneIn(variable: unknown): Result<number, LogOneInError> {
  if (variable === undefined) return ok(1);
  const text = typeof variable === "string" || typeof variable === "number" ? String(variable) : typeof variable;
  return ONE_IN.test(text) ? ok(Number(text)) : err({ code: "log_one_in_invalid", input: text });
}

export function describeLogOneInError({ input }: LogOneInError): string {
  return `LOG_ONE_IN is \`${input.slice(0, 64)}\`; it must be a whole number from 1 (each call is logged) to 999999999`;
}

/**
 * Whether a call gets its line. What went wrong always does: the gateway's own refusals, errors of the service, whatever has a flag. So does what a policy
 * asks to be told of: what AUDIT matches, and what a dry run would have refused.
 *
 * @param oneIn of so many other calls one does
 * @param draw in [0, 1); a draw and no count, since a count in step with a round robin would show the same endpoint each time
 */
export function isLogged({ status, flag, details, notes }: Journal, oneIn: number, draw: number): boolean {
  if (oneIn === 1 || flag !== "-" || status >= 500) return true;
  if (notes !== null && notes.some(({ result }) => result === "matched" || result === "denied")) return true;
  if (status >= 400 && details !== "via_upstream") return true;
  return draw * oneIn < 1;
}
