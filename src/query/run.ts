import { err, ok, type Result } from "../result.ts";
import { instantData, type QueryData, rangeData } from "./answer.ts";
import { Budget } from "./budget.ts";
import { evaluate } from "./evaluate.ts";
import type { SampleSource } from "./frame.ts";
import { parseQuery } from "./parse.ts";
import { type QueryError, QueryFailure, typeOf } from "./syntax.ts";

/** As Prometheus has it. */
const MAX_STEPS = 11_000;

/** When a query is asked for; all of it epoch ms. */
export type QueryTimes =
  | { readonly kind: "instant"; readonly at: number }
  | { readonly kind: "range"; readonly start: number; readonly end: number; readonly stepMs: number };

/** Reads a query, works it out and puts it as Prometheus does. @param text untrusted */
export function runQuery(text: string, times: QueryTimes, source: SampleSource): Result<QueryData, QueryError> {
  const parsed = parseQuery(text);
  if (!parsed.ok) return parsed;
  const steps = stepsOf(times);
  if (steps.length > MAX_STEPS)
    return err({ code: "query_too_large", message: `a query has at most ${MAX_STEPS} steps; take a longer one` });
  if (times.kind === "range" && typeOf(parsed.value) === "range")
    return err({ code: "query_invalid", message: "a range vector has no value at a step; use rate() or another" });
  const value = evaluate(parsed.value, { source, steps, budget: new Budget() });
  if (!value.ok) return value;
  try {
    return ok(
      times.kind === "instant" ? instantData(parsed.value, value.value, times.at) : rangeData(value.value, steps),
    );
  } catch (error) {
    if (error instanceof QueryFailure) return err({ code: error.code, message: error.message });
    throw error;
  }
}

function stepsOf(times: QueryTimes): Float64Array {
  if (times.kind === "instant") return Float64Array.of(times.at);
  const { start, end, stepMs } = times;
  const steps = Math.min(Math.floor((end - start) / stepMs) + 1, MAX_STEPS + 1);
  return Float64Array.from({ length: Math.max(0, steps) }, (_, step) => start + step * stepMs);
}
