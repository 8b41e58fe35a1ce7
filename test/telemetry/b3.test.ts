import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readB3, writeB3 } from "../../src/telemetry/b3.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const found = (decision: boolean | null, traceId = TRACE) => ({ traceId, parentId: SPAN, decision });

describe("readB3", () => {
  it.each([
    ["one header", { b3: `${TRACE}-${SPAN}-1` }, found(true)],
    ["one header with its parent", { b3: `${TRACE}-${SPAN}-0-05e3ac9a4f6e3b90` }, found(false)],
    ["one header that asks to debug", { b3: `${TRACE}-${SPAN}-d` }, found(true)],
    ["one header without a decision", { b3: `${TRACE}-${SPAN}` }, found(null)],
    ["upper case", { b3: `${TRACE.toUpperCase()}-${SPAN.toUpperCase()}` }, found(null)],
    ["a short id", { b3: `8448eb211c80319c-${SPAN}` }, found(null, `${"0".repeat(16)}8448eb211c80319c`)],
    ["several headers", { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1" }, found(true)],
    ["an older word for no", { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "false" }, found(false)],
    ["flags that ask to debug", { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-flags": "1" }, found(true)],
    ["one that is broken beside several", { b3: "0", "x-b3-traceid": TRACE, "x-b3-spanid": SPAN }, found(null)],
  ])("reads %s", (_, headers, want) => {
    expect(readB3(headers)).toEqual(want);
  });

  it.each([
    ["nothing", {}],
    ["a decision alone", { b3: "0" }],
    ["an id of zeros", { b3: `${"0".repeat(32)}-${SPAN}-1` }],
    ["a span of zeros", { b3: `${TRACE}-${"0".repeat(16)}-1` }],
    ["an id that is cut", { b3: `${TRACE.slice(1)}-${SPAN}-1` }],
    ["a line break", { b3: `${TRACE}-${SPAN}-1\n` }],
    ["half of several", { "x-b3-traceid": TRACE }],
    ["several that are none", { "x-b3-traceid": "x", "x-b3-spanid": SPAN }],
  ])("finds none in %s", (_, headers) => {
    expect(readB3(headers)).toBeNull();
  });
});

describe("writeB3", () => {
  it("writes what it reads, in either form, and nothing of what came", () => {
    const id = fc.stringMatching(/^[1-9a-f][0-9a-f]{31}$/);
    const span = fc.stringMatching(/^[1-9a-f][0-9a-f]{15}$/);
    fc.assert(
      fc.property(
        id,
        span,
        fc.boolean(),
        fc.constantFrom("SINGLE" as const, "MULTI" as const),
        (traceId, spanId, sampled, form) => {
          const headers: Record<string, string> = { b3: "old", "x-b3-traceid": "old", "x-b3-flags": "1", a: "b" };
          writeB3(headers, form, { traceId, spanId, parentId: SPAN, sampled });
          expect(readB3(headers)).toEqual({ traceId, parentId: spanId, decision: sampled });
          expect(Object.keys(headers).sort()).toEqual(
            form === "SINGLE" ? ["a", "b3"] : ["a", "x-b3-parentspanid", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid"],
          );
        },
      ),
    );
  });
});
