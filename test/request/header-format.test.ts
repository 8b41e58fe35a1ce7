import { describe, expect, it } from "vitest";
import { fillFormat, headersIn, parseFormat, withStatus } from "../../src/request/header-format.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { facts, headers, peer } from "../decide/requests.ts";

function filled(text: string, change: Partial<RequestFacts> = {}): string | null {
  const format = parseFormat(text);
  if (!format.ok) return null;
  return fillFormat(format.value, { facts: facts(change), route: "default/v/a\nb", cluster: "outbound|80||a" });
}

describe("a format", () => {
  it.each([
    ["plain", "plain"],
    ["", ""],
    ["100%%", "100%"],
    ["%%REQ(x)%%", "%REQ(x)%"],
    ["%REQ(x-a)%", "one"],
    ["%REQ(X-A)%%REQ(x-a)%%%", "oneone%"],
    ["<%REQ(x-none?x-a)%>", "<one>"],
    ["<%REQ(x-none)%>", "<>"],
    ["<%REQ(x-empty?x-a)%>", "<>"],
    ["%REQ(x-a):2%", "on"],
    ["%REQ(:method)% %REQ(:scheme)%://%REQ(:AUTHORITY)%%REQ(:path)%", "GET http://api.test/p?q=1"],
    ["%REQ_WITHOUT_QUERY(:path)%", "/p"],
    ["%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "192.0.2.7"],
    ["%DOWNSTREAM_REMOTE_ADDRESS%", "192.0.2.7:0"],
    ["%DOWNSTREAM_PEER_URI_SAN%", "spiffe://cluster.local/ns/default/sa/web"],
    ["%ROUTE_NAME%", "default/v/a?b"],
    ["%UPSTREAM_CLUSTER%", "outbound|80||a"],
    ["%START_TIME%", "2026-11-29T13:05:09.042Z"],
    ["t=%START_TIME(%s.%3f)%!", "t=1795957509.042!"],
    ["%START_TIME(%F %T %f %1f %9f %%)%", "2026-11-29 13:05:09 042000000 0 042000000 %"],
    ["%START_TIME(%Y/%m/%d %H-%M-%S)%", "2026/11/29 13-05-09"],
  ])("fills %s", (text, want) => {
    const request = {
      path: "/p",
      query: "q=1",
      headers: headers({ "x-a": "one", "x-empty": "" }),
      clientIp: "192.0.2.7",
      peer: peer("web"),
      startedAt: Date.UTC(2026, 10, 29, 13, 5, 9, 42),
    };
    expect(filled(text, request)).toBe(want);
  });

  it("tells an answer's status once it is known, and nothing else is taken for it", () => {
    const value = filled("<%RESPONSE_CODE%> of %ROUTE_NAME% %%RESPONSE_CODE%%") ?? "";
    expect(withStatus(value, 404)).toBe("<404> of default/v/a?b %RESPONSE_CODE%");
    expect(withStatus("as it stands", 404)).toBe("as it stands");
  });

  it("knows no client and no peer where nothing tells them", () => {
    expect(filled("<%DOWNSTREAM_REMOTE_ADDRESS%%DOWNSTREAM_PEER_URI_SAN%>")).toBe("<>");
    expect(filled("%DOWNSTREAM_REMOTE_ADDRESS%", { clientIp: "2001:db8::1" })).toBe("[2001:db8::1]:0");
  });

  it.each(["%", "100%", "% %", "%req(x)%", "%REQ(x%", "%REQ(x)", "%%%"])("has no lone percent sign: %s", (text) => {
    expect(parseFormat(text)).toMatchObject({ error: { code: "lone_percent" } });
  });

  it.each([
    "%START_TIME(%Q)%",
    "%START_TIME(%)%",
    "%START_TIME:3%",
    "%RESPONSE_CODE(x)%",
    "%REQ%",
    "%REQ()%",
    "%REQ(a b)%",
    "%REQ(a?b?c)%",
    "%REQ(:status)%",
    "%ROUTE_NAME(x)%",
    "%ROUTE_NAME:3%",
  ])("has no variable %s", (text) => {
    expect(parseFormat(`a ${text} b`)).toMatchObject({ error: { code: "unknown_variable", variable: text } });
  });

  it("names the headers that it reads", () => {
    const format = parseFormat("%REQ(X-A?b)% %ROUTE_NAME% %REQ(:path)%");
    expect(format.ok && headersIn(format.value)).toEqual(["x-a", "b", ":path"]);
  });
});
