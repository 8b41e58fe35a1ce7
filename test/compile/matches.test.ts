import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

/** The routes that a VirtualService gives its host, at a Gateway and in the mesh. */
function routes(rules: string): Record<"gateway" | "mesh", readonly unknown[]> {
  const world = new TestWorld();
  const findings = world.apply(`${service("reviews")}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: g, namespace: default }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: v, namespace: default }
spec: { hosts: [reviews.default.svc.cluster.local], gateways: [g, mesh], http: [${rules}] }`);
  expect(findings.filter((finding) => finding.startsWith("error"))).toEqual([]);
  const at = (scope: string) =>
    (world.slice(scope, "reviews.default.svc.cluster.local")?.routes ?? []).map(({ name, statPrefix, matches }) => ({
      name: name.replace("default/v/", ""),
      ...(statPrefix !== undefined && { statPrefix }),
      matches,
    }));
  return { gateway: at("gw/default/g/80"), mesh: at("mesh/*") };
}

const to = "route: [{ destination: { host: reviews } }]";
const a = { uri: { kind: "exact", value: "/a" } };
const b = { uri: { kind: "exact", value: "/b" } };

describe("match blocks", () => {
  it("of claims are for Gateways: none holds in the mesh, and there no claim is there", () => {
    const rules = `
      { match: [{ headers: { "@request.auth.claims.a.b": { exact: c } } }], ${to} },
      { match: [{ withoutHeaders: { "@Request.Auth.Claims[a.b][c]": { regex: "*" }, x: {} } }], ${to} }`;
    expect(routes(rules)).toEqual({
      gateway: [
        { name: "0", matches: [{ claims: [{ path: ["a", "b"], match: { kind: "exact", value: "c" } }] }] },
        {
          name: "1",
          matches: [
            {
              headers: [{ name: "x", match: { kind: "present" }, invert: true }],
              claims: [{ path: ["a.b", "c"], match: { kind: "present" }, invert: true }],
            },
          ],
        },
      ],
      mesh: [{ name: "1", matches: [{ headers: [{ name: "x", match: { kind: "present" }, invert: true }] }] }],
    });
  });

  it("with names or prefixes for statistics are routes of their own, in their order", () => {
    const rules = `{ name: r, match: [
      { uri: { exact: /a } }, { uri: { exact: /b }, port: 0 }, { name: n, uri: { exact: /a } },
      { statPrefix: s, uri: { exact: /b } }, { name: "", uri: { exact: /a } }, { uri: { exact: /b } }], ${to} }`;
    const want = [
      { name: "r", matches: [a, b] },
      { name: "r.n", matches: [a] },
      { name: "r", statPrefix: "s", matches: [b] },
      { name: "r", matches: [a, b] },
    ];
    expect(routes(rules)).toEqual({ gateway: want, mesh: want });
  });

  it("on the pseudo-header :authority have no case", () => {
    const { mesh } = routes(`{ match: [{ headers: { ":Authority": { exact: Reviews:9080 } } }], ${to} }`);
    expect(mesh).toMatchObject([
      { matches: [{ headers: [{ name: ":authority", match: { value: "reviews:9080" } }] }] },
    ]);
  });
});
