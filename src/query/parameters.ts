import { err, ok, type Result } from "../result.ts";
import type { QueryTimes } from "./run.ts";
import { durationMs } from "./tokens.ts";

/** What was asked for, of `/api/v1/query` or `/api/v1/query_range`. */
export interface QueryRequest {
  readonly query: string;
  readonly times: QueryTimes;
  /** What of it has no effect here. */
  readonly warnings: readonly string[];
}

type Parameters = Readonly<Record<string, string>>;

/** @param now epoch ms: the time where none is given @returns what is wrong, in words */
export function readInstantQuery(parameters: Parameters, now: number): Result<QueryRequest, string> {
  const at = parameters["time"] === undefined ? now : timeOf(parameters["time"]);
  if (Number.isNaN(at)) return err(`\`time\` ${TIME_FORM}`);
  return requestOf(parameters, { kind: "instant", at }, ["query", "time"]);
}

/** @returns what is wrong, in words */
export function readRangeQuery(parameters: Parameters): Result<QueryRequest, string> {
  const [start, end] = [timeOf(parameters["start"] ?? ""), timeOf(parameters["end"] ?? "")];
  if (Number.isNaN(start)) return err(`\`start\` ${TIME_FORM}`);
  if (Number.isNaN(end)) return err(`\`end\` ${TIME_FORM}`);
  if (end < start) return err("`end` is before `start`");
  const stepMs = stepOf(parameters["step"] ?? "");
  if (!(stepMs >= 1)) return err("`step` is a duration such as `15s`, or a number of seconds; at least 1ms");
  return requestOf(parameters, { kind: "range", start, end, stepMs }, ["query", "start", "end", "step"]);
}

const TIME_FORM = "is a time: seconds since 1970, or RFC 3339";

function requestOf(parameters: Parameters, times: QueryTimes, known: readonly string[]): Result<QueryRequest, string> {
  const query = parameters["query"] ?? "";
  if (query === "") return err("`query` is the expression, and there is none");
  const others = Object.keys(parameters).filter((name) => !known.includes(name));
  return ok({ query, times, warnings: others.map((name) => `the parameter \`${name}\` has no effect here`) });
}

/** @returns epoch ms, as whole milliseconds; NaN where it is no time */
function timeOf(text: string): number {
  if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return Math.round(Number(text) * 1_000);
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
}

/** @returns milliseconds; NaN where it is no step */
function stepOf(text: string): number {
  if (/^\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return Math.round(Number(text) * 1_000);
  return /^(\d+(ms|[smhdwy]))+$/.test(text) ? durationMs(text) : Number.NaN;
}
