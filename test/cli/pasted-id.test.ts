import { describe, expect, it } from "vitest";
import { pastedId } from "../../cli/tulle/pasted-id.ts";

const ID = "6f1c6c1e-7d0a-4a53-9f3c-0a5d0c8f1c11";
const OTHER = "00000000-7d0a-4a53-9f3c-0a5d0c8f1c11";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const JSON_LINE = JSON.stringify({ event: "access", path: `/orders/${OTHER}`, request_id: ID, trace_id: TRACE });

describe("the id in what was pasted", () => {
  it.each([
    { name: "alone", text: ID, is: { requestId: ID } },
    { name: "that a client made up", text: "order-7_b", is: { requestId: "order-7_b" } },
    { name: "with blanks and the end of a line of Windows", text: `  ${ID} \r`, is: { requestId: ID } },
    { name: "behind its name", text: `request_id=${ID}`, is: { requestId: ID } },
    { name: "as a header", text: `x-request-id: ${ID}`, is: { requestId: ID } },
    { name: "as a piece of JSON", text: `"request_id":"${ID}",`, is: { requestId: ID } },
    { name: "in a line of the log", text: `${JSON_LINE}\r`, is: { requestId: ID } },
    { name: "in a log that has the trace alone", text: `{"trace_id":"${TRACE}"}`, is: { traceId: TRACE } },
    { name: "in a line of logfmt", text: `level=info request_id="${ID}" trace_id=${TRACE}`, is: { requestId: ID } },
    {
      name: "in a line of Envoy's format",
      text: `[2026-01-02T20:15:03.120Z] "GET /o/${OTHER} HTTP/1.1" 403 UAEX rbac - "-" 0 19 3 - "-" "curl/8" "${ID}" "reviews" "-"`,
      is: { requestId: ID },
    },
    {
      name: "in a line of tulle tail",
      text: `20:15:03.120 403 UAEX 3ms GET shop/reviews /o/${OTHER} < - rbac_denied shop/deny ${ID}`,
      is: { requestId: ID },
    },
    { name: "of a trace", text: TRACE, is: { traceId: TRACE } },
    { name: "of a trace, behind its name", text: `trace_id: ${TRACE}`, is: { traceId: TRACE } },
    { name: "of a traceparent", text: `traceparent: 00-${TRACE}-b7ad6b7169203331-01`, is: { traceId: TRACE } },
  ])("$name", ({ text, is }) => {
    expect(pastedId([text])).toEqual(is);
    // Without quotes the shell makes words of it.
    expect(pastedId(text.trim().split(/\s+/))).toEqual(is);
  });

  it.each([
    ["curl", "http://reviews:9080/"],
    ["curl", "-H", `x-request-id: ${ID}`, "http://reviews:9080/"],
    ["-X", "DELETE", `http://reviews:9080/?request_id=${ID}`],
    [`http://reviews:9080/o/${ID}?request_id=${ID}`],
    [`reviews:9080/o/${ID}`],
  ])("is not looked for in a call: %s", (...words) => {
    expect(pastedId(words)).toBeNull();
  });

  it("is refused where there are two, or none", () => {
    expect(() => pastedId([`${ID} ${OTHER}`])).toThrow(/2 ids in it: give one of/);
    expect(() => pastedId(["[2026-01-02]", "GET", "/"])).toThrow(/no request id in it/);
  });
});
