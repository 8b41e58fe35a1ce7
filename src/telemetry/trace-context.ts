import type { SpanContext } from "@opentelemetry/api";

/** Where a request stands in its trace: the caller's trace goes on, the span is this hop's own. */
export interface TraceContext extends Readonly<Pick<SpanContext, "traceId" | "spanId">> {
  readonly parentId: string | null;
  readonly sampled: boolean;
  /** To send on as received; null where there is none, or where it came without a valid `traceparent`. */
  readonly state: string | null;
}

/** Version 00 whole, and what later versions begin with (§4.3 "versioning of traceparent"). */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
const LENGTH = 55;
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
 * @param trustSampling whether the caller may say that the trace is recorded: outside clients may not
 * @param fresh 48 random hex digits: the trace's id, should one begin, and the span's
 * @see W3C Trace Context https://www.w3.org/TR/trace-context/
 */
export function traceContext(
  traceparent: string | null,
  tracestate: string | null,
  trustSampling: boolean,
  fresh: string,
): TraceContext {
  if (traceparent === null || !isTraceparent(traceparent)) return beginTrace(fresh);
  return {
    traceId: traceparent.slice(3, 35),
    spanId: nonZero(fresh.slice(32), NO_SPAN),
    parentId: traceparent.slice(36, 52),
    // The flags' last bit.
    sampled: trustSampling && (Number.parseInt(traceparent.charAt(54), 16) & 1) === 1,
    state: tracestate !== null && tracestate.length > 0 && tracestate.length <= STATE_LIMIT ? tracestate : null,
  };
}

/** @param fresh 48 random hex digits */
export function beginTrace(fresh: string): TraceContext {
  return {
    traceId: nonZero(fresh.slice(0, 32), NO_TRACE),
    spanId: nonZero(fresh.slice(32), NO_SPAN),
    parentId: null,
    sampled: false,
    state: null,
  };
}

/** The `traceparent` to send on: this hop is the parent of the next. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`;
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
