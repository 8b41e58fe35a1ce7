import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { asItsCaller, partiesOf, seenBy, sightOf } from "../../src/telemetry/visibility.ts";

const RECORD: AccessRecord = {
  event: "access",
  time: "2026-11-29T20:00:00.000Z",
  request_id: "r",
  trace_id: "0".repeat(32),
  span_id: "0".repeat(16),
  gateway: "g",
  location: "LOC",
  generation: 7,
  scope: "mesh/web",
  protocol: "http",
  method: "GET",
  scheme: "http",
  authority: "orders.shop.svc.cluster.local",
  path: "/orders",
  query_names: [],
  status: 403,
  response_flags: "UAEX",
  details: "rbac_denied_matched_policy",
  policy: "shop/no-web",
  source_principal: "cluster.local/ns/web/sa/page",
  source_workload: "page",
  request_principal: "https://issuer.example.com/eve",
  peer_refused: null,
  route: "shop/orders/0",
  stat_prefix: "checkout",
  cluster: "outbound|80||orders.shop.svc.cluster.local",
  endpoint: null,
  destination_service: "orders.shop.svc.cluster.local",
  destination_principal: null,
  duration_ms: 3,
  upstream_ms: null,
  bytes_sent: 19,
  attempts: 0,
  mirrors: 2,
  user_agent: "curl",
  client_ip: null,
  audit: ["shop/watch"],
  dry_run: [{ action: "DENY", shadow_engine_result: "denied", shadow_effective_policy_id: "shop/try" }],
  observed: [{ details: "jwt_missing", policy: "shop/jwt" }],
};
const OWN = ["cluster.local"];
const parties = partiesOf(RECORD.scope, RECORD.source_principal, "shop", OWN);

describe("whose a request is", () => {
  it.each([
    {
      name: "a caller's whose identity the mesh vouches for",
      principal: "cluster.local/ns/web/sa/page",
      want: ["web"],
    },
    { name: "nobody's without an identity", principal: null, want: [] },
    { name: "nobody's of another trust domain", principal: "evil.example/ns/web/sa/page", want: [] },
    { name: "nobody's by a name that only looks like one", principal: "x/cluster.local/ns/web/sa/page", want: [] },
    { name: "nobody's whose name goes on", principal: "cluster.local/ns/web/sa/page/more", want: [] },
  ])("is $name", ({ principal, want }) => {
    expect(partiesOf("mesh/web", principal, "shop", OWN)).toEqual({ destination: "shop", sources: want });
  });

  it("is the Gateway's too that it came through, and the Gateway's alone where it got no further", () => {
    expect(partiesOf("gw/edge/front/443", null, "shop", OWN)).toEqual({ destination: "shop", sources: ["edge"] });
    expect(partiesOf("gw/edge/front/443", null, null, OWN)).toEqual({ destination: "edge", sources: ["edge"] });
    expect(partiesOf("mesh/*", null, null, OWN)).toEqual({ destination: null, sources: [] });
  });
});

describe("what a token sees of a request", () => {
  it("is all of it for the mesh's, and for its destination's namespace", () => {
    expect(seenBy(RECORD, parties, { namespace: null })).toBe(RECORD);
    expect(seenBy(RECORD, parties, { namespace: "shop" })).toBe(RECORD);
  });

  it("is nothing for a third, whatever names the request holds", () => {
    for (const namespace of ["other", "", "sho", "shop2", "cluster.local", "page"])
      expect([namespace, seenBy(RECORD, parties, { namespace })]).toEqual([namespace, null]);
    expect(seenBy(RECORD, { destination: null, sources: [] }, { namespace: "shop" })).toBeNull();
  });

  it("is without the other side's policies for its caller's", () => {
    const seen = seenBy(RECORD, parties, { namespace: "web" });
    expect(seen).toMatchObject({
      status: 403,
      details: "refused",
      policy: null,
      request_principal: null,
      route: null,
      mirrors: 0,
      source_principal: RECORD.source_principal,
      destination_service: RECORD.destination_service,
    });
    for (const field of ["audit", "dry_run", "observed", "stat_prefix"]) expect(seen).not.toHaveProperty(field);
  });

  it("keeps what its own side decided", () => {
    const own = { ...RECORD, policy: "web/front", route: "web/orders/1" };
    expect(asItsCaller(own, "web")).toMatchObject({
      details: "rbac_denied_matched_policy",
      policy: "web/front",
      route: "web/orders/1",
      stat_prefix: "checkout",
      mirrors: 2,
    });
    expect(asItsCaller({ ...RECORD, route: "default" }, "web").route).toBe("default");
    const passed = { ...RECORD, response_flags: "-", details: "via_upstream", status: 200 };
    expect(asItsCaller(passed, "web")).toMatchObject({ details: "via_upstream", policy: null });
  });

  it("tells a caller nothing that names the other side's objects, of any request", () => {
    const name = fc.constantFrom("shop/secret-a", "shop/secret-b", null);
    const record = fc.record({
      policy: name,
      route: name,
      details: fc.constantFrom("secret_code", "secret_code_2"),
      request_principal: fc.constantFrom("secret/eve", null),
      stat_prefix: fc.constant("secret"),
      audit: fc.array(fc.constant("shop/secret-audit")),
      observed: fc.array(fc.constant({ details: "secret_code", policy: "shop/secret" })),
      status: fc.constantFrom(401, 403),
    });
    fc.assert(
      fc.property(record, (change) => {
        const seen = asItsCaller({ ...RECORD, ...change, dry_run: [] }, "web");
        expect(JSON.stringify(seen)).not.toContain("secret");
      }),
    );
  });

  it("says what the rule says, of any sides and anybody", () => {
    const word = fc.constantFrom("a", "b", "c");
    const side = fc.option(word);
    fc.assert(
      fc.property(side, fc.array(word, { maxLength: 2 }), fc.option(word), (destination, sources, namespace) => {
        const isWhole = namespace === null || namespace === destination;
        const want = isWhole ? "whole" : sources.includes(namespace ?? "") ? "caller" : "nothing";
        expect(sightOf({ destination, sources }, { namespace })).toBe(want);
      }),
    );
  });
});
