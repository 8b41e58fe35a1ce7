/** Where a request stands in its trace: the caller's trace goes on, the span is this hop's own. */
export interface TraceContext {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits: this hop. */
  readonly spanId: string;
  readonly parentId: string | null;
  readonly sampled: boolean;
  /** To send on as received; null where there is none, or where it came without a valid `traceparent`. */
  readonly state: string | null;
}

// Version 00 exactly; a later version may have more behind the flags (§4.3 "versioning of traceparent").
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
/** What every hop must carry at least (§3.3.1.5); a longer list is dropped whole rather than cut in the middle of a member. */
const STATE_LIMIT = 512;

/**
 * Continues the caller's trace or begins one.
 *
 * @param traceparent as received; untrusted. Anything but a valid one begins a new trace
 * @param tracestate as received; believed only together with a valid `traceparent`
 * @param trustSampling whether the caller may say that the trace is recorded: outside clients may not
 * @param fresh 24 random bytes: the trace's id, should one begin, and the span's
 * @see W3C Trace Context https://www.w3.org/TR/trace-context/
 */
export function traceContext(
  traceparent: string | null,
  tracestate: string | null,
  trustSampling: boolean,
  fresh: Uint8Array,
): TraceContext {
  const digits = hex(fresh);
  const spanId = nonZero(digits.slice(32, 48));
  const parent = traceparent === null ? null : parseTraceparent(traceparent);
  if (parent === null) {
    return { traceId: nonZero(digits.slice(0, 32)), spanId, parentId: null, sampled: false, state: null };
  }
  return {
    traceId: parent.traceId,
    spanId,
    parentId: parent.parentId,
    sampled: parent.sampled && trustSampling,
    state: tracestate !== null && tracestate.length > 0 && tracestate.length <= STATE_LIMIT ? tracestate : null,
  };
}

/** The `traceparent` to send on: this hop is the parent of the next. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`;
}

function parseTraceparent(value: string): { traceId: string; parentId: string; sampled: boolean } | null {
  // Longer values exist only in later versions; a bound keeps a hostile one from costing anything.
  if (value.length > 256) return null;
  const [, version, traceId, parentId, flags, rest] = TRACEPARENT.exec(value) ?? [];
  if (version === undefined || traceId === undefined || parentId === undefined || flags === undefined) return null;
  if (version === "ff" || traceId === NO_TRACE || parentId === NO_SPAN) return null;
  if (version === "00" && rest !== undefined) return null;
  return { traceId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX[byte] ?? "";
  return text;
}

/** All zeros means "none" in both fields. */
function nonZero(digits: string): string {
  return /[1-9a-f]/.test(digits) ? digits : `${digits.slice(1)}1`;
}
