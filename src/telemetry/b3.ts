import type { HeaderRecord, MutableHeaders } from "../request/headers.ts";

// Zipkin's propagation, in one header and in several (https://github.com/openzipkin/b3-propagation).

/** What came in Zipkin's headers. */
export interface B3Context {
  /** 32 lower-case hex digits: a shorter id is filled up. */
  readonly traceId: string;
  readonly parentId: string;
  /** Null: the caller left the decision to us. */
  readonly decision: boolean | null;
}

const SINGLE = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;
const TRACE = /^(?:[0-9a-f]{32}|[0-9a-f]{16})$/;
const SPAN = /^[0-9a-f]{16}$/;
const TRACE_DIGITS = 32;
const ZEROS = /^0+$/;

/** All names of it, lower case. */
const NAMES = ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"] as const;

/** @returns null where there is none, or none that is valid. The single header counts before the others */
export function readB3(headers: HeaderRecord): B3Context | null {
  const single = headers["b3"];
  if (single !== undefined) {
    const [, trace = "", span = "", flag] = SINGLE.exec(single.toLowerCase()) ?? [];
    const found = contextOf(trace, span, flag === undefined ? null : flag !== "0");
    if (found !== null) return found;
  }
  const trace = headers["x-b3-traceid"]?.toLowerCase() ?? "";
  const span = headers["x-b3-spanid"]?.toLowerCase() ?? "";
  return TRACE.test(trace) && SPAN.test(span) ? contextOf(trace, span, decisionIn(headers)) : null;
}

function contextOf(trace: string, parentId: string, decision: boolean | null): B3Context | null {
  if (trace === "" || ZEROS.test(trace) || ZEROS.test(parentId)) return null;
  return { traceId: trace.padStart(TRACE_DIGITS, "0"), parentId, decision };
}

function decisionIn(headers: HeaderRecord): boolean | null {
  if (headers["x-b3-flags"] === "1") return true;
  const sampled = headers["x-b3-sampled"];
  if (sampled === "1" || sampled === "true") return true;
  return sampled === "0" || sampled === "false" ? false : null;
}

/** Writes one of the two forms; whatever came in either goes. */
export function writeB3(
  headers: MutableHeaders,
  form: "SINGLE" | "MULTI",
  span: { readonly traceId: string; readonly spanId: string; readonly parentId: string; readonly sampled: boolean },
): void {
  dropB3(headers);
  const { traceId, spanId, parentId } = span;
  const sampled = span.sampled ? "1" : "0";
  if (form === "SINGLE") {
    headers["b3"] = `${traceId}-${spanId}-${sampled}-${parentId}`;
    return;
  }
  headers["x-b3-traceid"] = traceId;
  headers["x-b3-spanid"] = spanId;
  headers["x-b3-parentspanid"] = parentId;
  headers["x-b3-sampled"] = sampled;
}

function dropB3(headers: MutableHeaders): void {
  for (const name of NAMES) if (headers[name] !== undefined) delete headers[name];
}
