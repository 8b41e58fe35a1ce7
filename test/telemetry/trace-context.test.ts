import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attemptSpanId, formatTraceparent, MIRROR, traceContext } from "../../src/telemetry/trace-context.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const NEW_TRACE = "0102030405060708090a0b0c0d0e0f10";
const NEW_SPAN = "1112131415161718";
const FRESH = `${NEW_TRACE}${NEW_SPAN}`;

describe("traceContext", () => {
  it("continues a valid trace with a span of its own", () => {
    const context = traceContext(`00-${TRACE}-${PARENT}-01`, "vendor=1", FRESH);
    expect(context).toEqual({
      traceId: TRACE,
      spanId: NEW_SPAN,
      parentId: PARENT,
      decision: true,
      state: "vendor=1",
    });
    expect(formatTraceparent(context.traceId, context.spanId, true)).toBe(`00-${TRACE}-${NEW_SPAN}-01`);
  });

  it("reads the known part of a later version", () => {
    expect(traceContext(`cc-${TRACE}-${PARENT}-01-what-comes-later`, null, FRESH).traceId).toBe(TRACE);
  });

  it.each([
    ["01", true],
    ["03", true],
    ["ff", true],
    ["00", false],
    ["fe", false],
  ])("reads flags %s as recorded: %s", (flags, sampled) => {
    expect(traceContext(`00-${TRACE}-${PARENT}-${flags}`, null, FRESH).decision).toBe(sampled);
  });

  it.each([
    ["nothing", null],
    ["an empty value", ""],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${PARENT}-01`],
    ["a parent id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["version ff", `ff-${TRACE}-${PARENT}-01`],
    ["upper-case digits", `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ["more behind version 00", `00-${TRACE}-${PARENT}-01-x`],
    ["a short trace id", `00-${TRACE.slice(1)}-${PARENT}-01`],
    ["two values in one header", `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`],
    ["space around it", ` 00-${TRACE}-${PARENT}-01`],
    ["a line break behind it", `00-${TRACE}-${PARENT}-01\n`],
    ["a span id that is cut", `00-${TRACE}-${PARENT.slice(1)}--01`],
    ["version ff with more behind it", `ff-${TRACE}-${PARENT}-01-x`],
    ["more behind a later version without a dash", `01-${TRACE}-${PARENT}-01.x`],
    ["flags that are no hex digits", `00-${TRACE}-${PARENT}-0g`],
    ["a value that is too long", `01-${TRACE}-${PARENT}-01-${"x".repeat(300)}`],
  ])("begins a new trace, without the old state, for %s", (_, traceparent) => {
    const context = traceContext(traceparent, "vendor=1", FRESH);
    expect(context).toEqual({ traceId: NEW_TRACE, spanId: NEW_SPAN, parentId: null, decision: null, state: null });
  });

  it("drops a state that is longer than every hop must carry", () => {
    expect(traceContext(`00-${TRACE}-${PARENT}-00`, `a=${"b".repeat(9_000)}`, FRESH).state).toBeNull();
  });

  it("never makes an id of zeros", () => {
    const { traceId, spanId } = traceContext(null, null, "0".repeat(48));
    expect([traceId, spanId]).toEqual([`${"0".repeat(31)}1`, `${"0".repeat(15)}1`]);
  });

  it("sends a valid traceparent whatever came in", () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/));
    fc.assert(
      fc.property(text, fc.stringMatching(/^[0-9a-f]{48}$/), (traceparent, fresh) => {
        const { traceId, spanId } = traceContext(traceparent, null, fresh);
        const sent = formatTraceparent(traceId, spanId, true);
        expect(sent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/);
      }),
    );
  });
});

describe("attemptSpanId", () => {
  it("gives attempts and copies of one call ids that differ from the call's and from each other", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-f]{16}$/), (spanId) => {
        const numbers = [1, 2, 3, 255, 32_767, MIRROR, MIRROR + 1, MIRROR + 7];
        const ids = numbers.map((number) => attemptSpanId(spanId, number));
        for (const id of ids) expect(id).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
        expect(new Set([spanId, ...ids]).size).toBe(numbers.length + 1);
      }),
    );
  });
});
