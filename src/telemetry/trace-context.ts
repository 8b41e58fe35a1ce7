import type { SpanContext, TraceFlags } from "@opentelemetry/api";

/** Where a request stands in its trace: the caller's trace goes on, the span is this hop's own. */
export interface TraceContext extends Readonly<Pick<SpanContext, "traceId" | "spanId">> {
  readonly parentId: string | null;
  /** What the caller decided; null: it decided nothing. */
  readonly decision: boolean | null;
  /** To send on as received; null where there is none, or where it came without a valid `traceparent`. */
  readonly state: string | null;
}

/** Version 00 whole, and what later versions begin with (§4.3 "versioning of traceparent"). */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const LENGTH = 55;
const SAMPLED: TraceFlags.SAMPLED = 1;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
/** Longer values exist only in later versions; a bound keeps a hostile one from costing anything. */
const MAX_LENGTH = 256;
/** What every hop must carry at least (§3.3.1.5); a longer list is dropped whole rather than cut in the middle of a member. */
const STATE_LIMIT = 512;

/**
 * Continues the caller's trace or begins one.
 *
 * @param traceparent as received; untrusted. Anything but a valid one begins a new trace
 * @param tracestate as received; believed only together with a valid `traceparent`
 * @param fresh 48 random hex digits: the trace's id, should one begin, and the span's
 * @see W3C Trace Context https://www.w3.org/TR/trace-context/
 */
export function traceContext(traceparent: string | null, tracestate: string | null, fresh: string): TraceContext {
  if (traceparent === null || !isTraceparent(traceparent)) return beginTrace(fresh);
  return {
    traceId: traceparent.slice(3, 35),
    spanId: nonZero(fresh.slice(32), NO_SPAN),
    parentId: traceparent.slice(36, 52),
    decision: (Number.parseInt(traceparent.charAt(54), 16) & SAMPLED) !== 0,
    state: tracestate !== null && tracestate.length > 0 && tracestate.length <= STATE_LIMIT ? tracestate : null,
  };
}

/** @param fresh 48 random hex digits */
export function beginTrace(fresh: string): TraceContext {
  return {
    traceId: nonZero(fresh.slice(0, 32), NO_TRACE),
    spanId: nonZero(fresh.slice(32), NO_SPAN),
    parentId: null,
    decision: null,
    state: null,
  };
}

/** The `traceparent` to send on. @param spanId of the span that is the parent of what comes next */
export function formatTraceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/** Attempts of one call have ids of their own; those of mirrors are told by this bit. */
export const MIRROR = 0x80_00;
/** And those of questions to external authorizers by this one. */
export const ASKED = 0x40_00;

/**
 * The id of an attempt's span. It comes of the call's, so that nothing has to be kept of it before somebody wants a span.
 *
 * @param spanId of the call, random
 * @param attempt from 1 on
 */
export function attemptSpanId(spanId: string, attempt: number): string {
  const last = Number.parseInt(spanId.slice(12), 16) ^ (attempt & 0xff_ff);
  return nonZero(spanId.slice(0, 12) + (last + 0x1_00_00).toString(16).slice(1), NO_SPAN);
}

function isTraceparent(value: string): boolean {
  if (value.length !== LENGTH) {
    // A later version may have more behind the flags, after a dash.
    if (value.length < LENGTH || value.length > MAX_LENGTH) return false;
    return value[LENGTH] === "-" && !value.startsWith("00") && isTraceparent(value.slice(0, LENGTH));
  }
  if (!TRACEPARENT.test(value) || value.startsWith("ff")) return false;
  return !value.startsWith(NO_TRACE, 3) && !value.startsWith(NO_SPAN, 36);
}

/** All zeros means "none" in both fields. */
function nonZero(digits: string, none: string): string {
  return digits === none ? `${digits.slice(1)}1` : digits;
}
