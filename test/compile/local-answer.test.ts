import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

/** What one rule becomes. */
function compiled(rule: string): unknown {
  const world = new TestWorld();
  const findings = world.apply(`${service("reviews")}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec: { hosts: [reviews], http: [{ ${rule} }] }`);
  expect(findings.filter((finding) => finding.startsWith("error"))).toEqual([]);
  return world.slice("mesh/*", "reviews.default.svc.cluster.local")?.routes[0];
}

describe("a rule that answers by itself", () => {
  it("becomes a route without destinations, with the changes of its answer", () => {
    expect(
      compiled(
        "redirect: { uri: /a, authority: x.example, scheme: https }, headers: { response: { set: { X-A: b } } }",
      ),
    ).toEqual({
      name: "default/v/0",
      matches: [],
      destinations: [],
      redirect: { status: 301, path: "/a", authority: "x.example", scheme: "https" },
      response: { set: [["x-a", "b"]] },
    });
  });

  it.each([
    ["{ uri: t, redirectCode: 307 }", { status: 307, path: "/t" }],
    ["{ prefixRewrite: /new, redirectCode: 0 }", { status: 301, prefix: "/new" }],
    ["{ port: 8080 }", { status: 301, port: 8080 }],
    ["{ derivePort: FROM_REQUEST_PORT }", { status: 301, port: "request" }],
    ["{ derivePort: FROM_PROTOCOL_DEFAULT }", { status: 301 }],
  ])("redirects by %s", (redirect, want) => {
    expect(compiled(`redirect: ${redirect}`)).toMatchObject({ redirect: want });
  });

  it.each([
    ["{ status: 418 }", { status: 418, body: "" }],
    ["{ status: 503, body: { string: later } }", { status: 503, body: "later" }],
    ["{ status: 200, body: { bytes: aGVsbG8= } }", { status: 200, body: "hello" }],
    ["{ status: 200, body: { bytes: _-8 } }", { status: 200, body: "/+8=", base64: true }],
    ["{ status: 200, body: { bytes: hello } }", { status: 200, body: "hell", base64: true }],
    ["{ status: 204, body: { string: none } }", { status: 204, body: "" }],
  ])("answers by %s", (direct, want) => {
    expect(compiled(`directResponse: ${direct}`)).toMatchObject({ direct: want });
  });
});
