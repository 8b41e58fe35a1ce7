import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Cluster, Endpoint } from "../../src/snapshot/model.ts";
import type { Collector } from "../../src/snapshot/tracing-model.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { OTLP_TRACES, otlpResourceSpans, readOtlpAnswer } from "../../src/telemetry/otlp.ts";
import { type KeptCall, spanCount, spansOf } from "../../src/telemetry/spans.ts";
import type { TracePlan } from "../../src/telemetry/trace-plan.ts";
import { toldSpans } from "../support/otlp.ts";

const WHENCE = { gateway: "tulle-reviews", location: "AMS" };

const endpoint = (id: string): Endpoint => ({
  id,
  address: { kind: "binding", name: "EP_REVIEWS" },
  weight: 1,
  workload: {
    name: "reviews-v1",
    namespace: "shop",
    principal: "cluster.local/ns/shop/sa/reviews",
    app: "reviews",
    version: "v1",
  },
  policySet: 0,
});

const CLUSTER: Cluster = {
  id: "outbound|9080|v1|reviews.shop.svc.cluster.local",
  service: { host: "reviews.shop.svc.cluster.local", name: "reviews", namespace: "shop" },
  port: 9_080,
  loadBalancer: "ROUND_ROBIN",
  pool: {},
  endpoints: [],
};

const plan = (collector: Partial<Collector> = {}): TracePlan => ({
  provider: "otel",
  collector: { cluster: CLUSTER, path: "/v1/traces", timeoutMs: 1_000, ...collector },
  share: 1,
  b3: null,
  keepsErrors: true,
  slowMs: 1_000,
  meshId: "cluster.local",
});

function call(told: Partial<Journal>, more: Partial<KeptCall> = {}): KeptCall {
  const journal = Object.assign(new Journal(1_000, "request-1", "GET"), {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    parentId: "00f067aa0ba902b7",
    sampled: true,
    authority: "reviews:9080",
    path: "/reviews/1",
    query: "token=hidden&page=2",
    cluster: CLUSTER,
    endpoint: endpoint("binding:EP_REVIEWS"),
    attempts: 1,
    sentAt: 1_002,
    status: 200,
    details: "via_upstream",
    ...told,
  });
  return { kind: "call", journal, plan: plan(), endedAt: 1_010, why: "sampled", ...more };
}

const bodyOf = (kept: KeptCall) => OTLP_TRACES.head + otlpResourceSpans(spansOf(kept, WHENCE)) + OTLP_TRACES.tail;
const told = (kept: KeptCall) => toldSpans(JSON.parse(bodyOf(kept)));

describe("the spans of a call", () => {
  it("are one for each question to an external authorizer, with where it was asked and what it said", () => {
    const at = { endpoint: endpoint("binding:EP_AUTHZ"), cluster: CLUSTER, pathPrefix: "/check" };
    const asked = [
      {
        ...at,
        provider: "first",
        sentAt: 1_001,
        endedAt: 1_002,
        status: 200,
        verdict: "allowed",
        failure: null,
      } as const,
      {
        ...at,
        provider: "second",
        sentAt: 1_002,
        endedAt: 1_004,
        status: 403,
        verdict: "denied",
        failure: null,
      } as const,
      {
        ...at,
        provider: "third",
        sentAt: 1_004,
        endedAt: 1_009,
        status: null,
        verdict: "failed",
        failure: "timeout",
      } as const,
    ];
    const kept = call({ asked, attempts: 0, endpoint: null, status: 403, details: "ext_authz_denied" });
    const [, ...spans] = told(kept);
    expect(spanCount(kept)).toBe(4);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(3);
    expect(spans.map(({ parentSpanId, kind, name }) => [parentSpanId, kind, name])).toEqual(
      spans.map(() => ["b7ad6b7169203331", "client", `async ${CLUSTER.id} egress`]),
    );
    const said = [
      "tulle.authorizer",
      "ext_authz_status",
      "http.response.status_code",
      "error.type",
      "url.full",
      "http.url",
    ];
    const url = "http://reviews:9080/check/reviews/1";
    expect(spans.map(({ attributes }) => said.map((name) => attributes[name]))).toEqual([
      ["first", "ext_authz_ok", 200, undefined, url, url],
      ["second", "ext_authz_unauthorized", 403, "403", url, url],
      ["third", "ext_authz_error", undefined, "timeout", url, url],
    ]);
    expect(spans[2]).toMatchObject({ startTimeUnixNano: "1004000000", endTimeUnixNano: "1009000000" });
  });

  it("are one of the gateway and one of its attempt, which a collector takes", () => {
    const [server, client, ...others] = told(call({}));
    expect(others).toEqual([]);
    expect(server).toMatchObject({
      kind: "server",
      service: "reviews.shop",
      name: "GET reviews.shop.svc.cluster.local:9080/*",
      spanId: "b7ad6b7169203331",
      parentSpanId: "00f067aa0ba902b7",
      startTimeUnixNano: "1000000000",
      endTimeUnixNano: "1010000000",
      flags: 1,
      status: {},
      attributes: {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.path": "/reviews/1",
        "url.scheme": "http",
        "server.address": "reviews",
        "server.port": 9_080,
        "http.status_code": "200",
        "http.url": "http://reviews:9080/reviews/1",
        "guid:x-request-id": "request-1",
        component: "proxy",
        node_id: "sidecar~~reviews-v1.shop~shop.svc.cluster.local",
        upstream_cluster: "outbound|9080|v1|reviews.shop.svc.cluster.local",
        response_flags: "-",
        "istio.canonical_service": "reviews",
        "istio.canonical_revision": "v1",
        "istio.mesh_id": "cluster.local",
        "istio.namespace": "shop",
        "tulle.gateway": "tulle-reviews",
        "tulle.destination.principal": "cluster.local/ns/shop/sa/reviews",
      },
    });
    expect(client).toMatchObject({
      kind: "client",
      parentSpanId: "b7ad6b7169203331",
      startTimeUnixNano: "1002000000",
      endTimeUnixNano: "1010000000",
      attributes: { "url.full": "http://reviews:9080/reviews/1", "peer.address": "binding:EP_REVIEWS" },
    });
  });

  it("tell each attempt, what came of it, and which it was", () => {
    const tries = [
      { endpoint: endpoint("e1"), cluster: CLUSTER, sentAt: 1_001, endedAt: 1_002, result: { kind: "late" as const } },
      {
        endpoint: endpoint("e2"),
        cluster: CLUSTER,
        sentAt: 1_003,
        endedAt: 1_004,
        result: { kind: "answer" as const, status: 503, grpcStatus: null, rateLimited: false },
      },
    ];
    const kept = call({ attempts: 3, tries, sentAt: 1_005, endpoint: endpoint("e3") });
    expect(spanCount(kept)).toBe(4);
    const clients = told(kept).filter(({ kind }) => kind === "client");
    expect(
      clients.map(({ attributes, status }) => [
        attributes["peer.address"],
        attributes["http.response.status_code"],
        attributes["error.type"],
        attributes["http.request.resend_count"],
        status.code,
      ]),
    ).toEqual([
      ["e1", undefined, "late", undefined, 2],
      ["e2", 503, "503", 1, 2],
      ["e3", 200, undefined, 2, undefined],
    ]);
    expect(new Set(clients.map(({ spanId }) => spanId)).size).toBe(3);
  });

  it("are one where nobody was called, with the reason", () => {
    const refused = call({ attempts: 0, endpoint: null, status: 503, flag: "UH", details: "no_healthy_endpoint" });
    const [server, ...others] = told(refused);
    expect(others).toEqual([]);
    expect(server).toMatchObject({
      service: "reviews.shop",
      status: { code: 2, message: "no_healthy_endpoint" },
      attributes: { "error.type": "503", response_flags: "UH" },
    });
  });

  it("are no error of the gateway's where a client is refused, and one of the attempt's where the service says so", () => {
    const [server, client] = told(call({ status: 404 }));
    expect([server?.status.code, client?.status.code]).toEqual([undefined, 2]);
  });

  it("tell an attempt without an answer by no status of the gateway's own", () => {
    const [, client] = told(call({ status: 503, flag: "UF", details: "upstream_reset_before_headers" }));
    expect(client?.attributes).not.toHaveProperty(["http.response.status_code"]);
    expect(client?.attributes["error.type"]).toBe("upstream_reset_before_headers");
  });

  it("belong to the Gateway where the call came through one, and its attempt to the service", () => {
    const gateway = { name: "ingress", namespace: "edge", principal: null, app: "ingress", version: "v1" };
    const [server, client] = told(call({ gateway }));
    expect([server?.service, client?.service]).toEqual(["ingress.edge", "reviews.shop"]);
    expect(server?.attributes["node_id"]).toBe("router~~ingress.edge~edge.svc.cluster.local");
  });

  it("are what a collector takes, bounded, and hold no value of the query, whatever the client sent", () => {
    const text = fc.string({ unit: "binary", maxLength: 3_000 });
    fc.assert(
      fc.property(text, text, text, fc.integer({ min: 0, max: 599 }), (path, userAgent, authority, status) => {
        const kept = call({ path: `/${path}`, userAgent, authority, status, query: "token=5ecre7" });
        const body = bodyOf(kept);
        toldSpans(JSON.parse(body));
        expect(body).not.toContain("5ecre7");
        expect(body.length).toBeLessThan(60_000);
      }),
      { numRuns: 200 },
    );
  });

  it("cut paths as the provider says", () => {
    const [server] = told(call({ path: `/${"a".repeat(400)}` }));
    expect(server?.attributes["url.path"]).toHaveLength(256);
    const [longer] = told({ ...call({ path: `/${"a".repeat(400)}` }), plan: plan({ maxTagLength: 300 }) });
    expect(longer?.attributes["url.path"]).toHaveLength(300);
  });
});

describe("readOtlpAnswer", () => {
  it.each([
    ["nothing", "", { kind: "taken", rejected: 0 }],
    ["an empty object", "{}", { kind: "taken", rejected: 0 }],
    [
      "spans that were not taken",
      '{"partialSuccess":{"rejectedSpans":"5","errorMessage":"no"}}',
      { kind: "taken", rejected: 5 },
    ],
    ["the same as a number", '{"partialSuccess":{"rejectedSpans":5}}', { kind: "taken", rejected: 5 }],
    ["a number that is none", '{"partialSuccess":{"rejectedSpans":"-1e9"}}', { kind: "taken", rejected: 0 }],
    ["a warning alone", '{"partialSuccess":{"errorMessage":"slow"}}', { kind: "taken", rejected: 0 }],
    ["a page", "<html>", { kind: "wrong" }],
    ["a list", "[]", { kind: "wrong" }],
    ["null", "null", { kind: "wrong" }],
  ])("reads %s", (_, text, want) => {
    expect(readOtlpAnswer(text)).toEqual(want);
  });
});
