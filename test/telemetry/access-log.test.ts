import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { ShadowNote } from "../../src/policy/shadow.ts";
import type { Cluster, Endpoint, Route, Workload } from "../../src/snapshot/model.ts";
import { AccessLog } from "../../src/telemetry/access-log.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { times } from "../support/scale.ts";

const STARTED = Date.UTC(2026, 10, 24, 12, 0, 0, 5);

const reviews: Workload = {
  name: "reviews-v1",
  namespace: "default",
  principal: "cluster.local/ns/default/sa/reviews",
  app: "reviews",
  version: "v1",
};

const peer: Peer = {
  principal: "cluster.local/ns/default/sa/productpage",
  namespace: "default",
  trustDomain: "cluster.local",
  by: "binding",
};

const endpoint: Endpoint = {
  id: "binding:EP_REVIEWS_V1",
  address: { kind: "binding", name: "EP_REVIEWS_V1" },
  weight: 1,
  workload: reviews,
  policySet: 0,
};

const cluster: Cluster = {
  id: "outbound|9080||reviews.default.svc.cluster.local",
  service: { host: "reviews.default.svc.cluster.local", name: "reviews", namespace: "default" },
  port: 9080,
  loadBalancer: "ROUND_ROBIN",
  pool: {},
  endpoints: [endpoint],
};

function journalOf(changes: Partial<Journal> = {}): Journal {
  return Object.assign(new Journal(STARTED, "8a3d9a4e-2c3f-4d0e-9a51-000000000000", "GET"), {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    generation: 12,
    scope: "mesh/default",
    authority: "reviews:9080",
    path: "/reviews/1",
    query: "id=7&access_token=secret&flag",
    userAgent: "curl/8",
    peer,
    props: { workload: "productpage-v1" },
    route: { name: "default", matches: [], destinations: [] },
    cluster,
    endpoint,
    attempts: 1,
    upstreamMs: 11,
    bytes: 379,
    status: 200,
    details: "via_upstream",
    ...changes,
  });
}

const lineOf = (journal: Journal, log = new AccessLog("gateway")): string => log.line(journal, "LOC", STARTED + 12);

/** The record as one would build it without a thought for speed; what JSON reads back of `lineOf`. */
function recordOf(journal: Journal): AccessRecord {
  const { route, cluster: to, endpoint: at } = journal;
  return {
    event: "access",
    time: new Date(journal.startedAt).toISOString(),
    request_id: clip(journal.requestId, 128),
    trace_id: journal.traceId,
    span_id: journal.spanId,
    gateway: "gateway",
    location: "LOC",
    generation: journal.generation,
    scope: clip(journal.scope, 320),
    protocol: journal.protocol,
    method: clip(journal.method, 32),
    scheme: journal.scheme,
    authority: clip(journal.authority, 320),
    path: clip(journal.path, 1_536),
    query_names: journal.query
      .split("&")
      .slice(0, 16)
      .map((pair) => pair.split("=")[0] ?? "")
      .filter((name) => name !== "")
      .map((name) => clip(name, 48)),
    status: journal.status,
    response_flags: clip(journal.flag, 32),
    details: clip(journal.details, 64),
    policy: clipped(journal.policy, 320),
    source_principal: clipped(journal.peer.principal, 448),
    source_workload: clip(journal.gateway?.name ?? journal.props?.workload ?? "unknown", 320),
    request_principal: clipped(journal.requestPrincipal, 448),
    peer_refused: clipped(journal.peerRefused, 64),
    route: clipped(route?.name ?? null, 320),
    cluster: clipped(to?.id ?? null, 448),
    endpoint: clipped(at?.id ?? null, 320),
    destination_service: clipped(to?.service.host ?? null, 320),
    destination_principal: clipped(at?.workload.principal ?? null, 448),
    duration_ms: 12,
    upstream_ms: journal.upstreamMs,
    bytes_sent: journal.bytes,
    attempts: journal.attempts,
    mirrors: journal.mirrors,
    user_agent: clipped(journal.userAgent, 448),
    client_ip: clipped(journal.clientIp, 64),
  };
}

const clipped = (text: string | null, bytes: number): string | null => (text === null ? null : clip(text, bytes));

/** Whole where its ASCII JSON fits, else the first sixth: what fits whatever the characters are. */
function clip(text: string, bytes: number): string {
  const start = text.slice(0, bytes);
  const size = Array.from({ length: start.length }, (_, at) => JSON.stringify(start.charAt(at)).length - 2)
    .map((length, at) => (start.charCodeAt(at) > 126 ? 6 : length))
    .reduce((sum, length) => sum + length, 0);
  return size <= bytes ? start : start.slice(0, Math.floor(bytes / 6));
}

const denied: ShadowNote = {
  stage: "destination",
  action: "DENY",
  dryRun: true,
  result: "denied",
  policy: "shop/no-deletes",
};

const hostileText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ maxLength: 2_000, size: "max" }),
  fc
    .constantFrom("\u0000", "\ud800", "\udc00", "\u2028", "\u2029", "\u0085", "\u009b", "\u007f", "é", '"', "\\", "\n")
    .map((unit) => unit.repeat(20_000)),
  fc
    .constantFrom("a", "😀", "%00", "'", "&", "=x&", "~", "</script>", "${x}", '"}\n{"event":"access"')
    .map((unit) => unit.repeat(6_000)),
);
const hostileOrNull = fc.option(hostileText);

const hostileJournal: fc.Arbitrary<Journal> = fc
  .record({
    requestId: hostileText,
    scope: hostileText,
    method: hostileText,
    authority: hostileText,
    path: hostileText,
    query: hostileText,
    flag: hostileText,
    details: hostileText,
    policy: hostileOrNull,
    requestPrincipal: hostileOrNull,
    peerRefused: hostileOrNull,
    userAgent: hostileOrNull,
    clientIp: hostileOrNull,
    peer: hostileOrNull.map((principal) => ({ ...peer, principal })),
    gateway: fc.option(hostileText.map((name) => ({ ...reviews, name }))),
    route: fc.option(hostileText.map((name): Route => ({ name, matches: [], destinations: [] }))),
    cluster: fc.option(
      hostileText.map((text): Cluster => ({ ...cluster, id: text, service: { ...cluster.service, host: text } })),
    ),
    endpoint: fc.option(
      hostileText.map((text): Endpoint => ({ ...endpoint, id: text, workload: { ...reviews, principal: text } })),
    ),
    status: fc.integer({ min: 0, max: 999 }),
    generation: fc.nat(),
    upstreamMs: fc.option(fc.nat()),
    bytes: fc.option(fc.maxSafeNat()),
  })
  .map(journalOf);

describe("AccessLog", () => {
  it("writes the record of a call", () => {
    const journal = journalOf();
    expect(JSON.parse(lineOf(journal))).toEqual(recordOf(journal));
    expect(JSON.parse(lineOf(journal))).toMatchObject({
      event: "access",
      time: "2026-11-24T12:00:00.005Z",
      source_workload: "productpage-v1",
      endpoint: "binding:EP_REVIEWS_V1",
      duration_ms: 12,
    });
  });

  it("keeps the order of the record's fields", () => {
    const journal = journalOf();
    expect(Object.keys(JSON.parse(lineOf(journal)) as object)).toEqual(Object.keys(recordOf(journal)));
  });

  it("tells what AUDIT matches and what dry runs would have done, where there are such", () => {
    const audited = { ...denied, action: "AUDIT", dryRun: false, result: "matched", policy: "shop/watch" } as const;
    const nobody = { ...denied, action: "ALLOW", policy: null } as const;
    expect(JSON.parse(lineOf(journalOf({ notes: [audited, denied, nobody] })))).toMatchObject({
      audit: ["shop/watch"],
      dry_run: [
        { action: "DENY", shadow_engine_result: "denied", shadow_effective_policy_id: "shop/no-deletes" },
        { action: "ALLOW", shadow_engine_result: "denied", shadow_effective_policy_id: null },
      ],
    });
    expect(lineOf(journalOf({ notes: [audited] }))).not.toContain("dry_run");
    expect(lineOf(journalOf({ notes: [denied] }))).not.toContain('"audit"');
  });

  it("tells names, never values, of query parameters", () => {
    const line = lineOf(journalOf());
    expect(JSON.parse(line)).toMatchObject({ query_names: ["id", "access_token", "flag"] });
    expect(line).not.toContain("secret");
  });

  it("writes null for what is not known of a call that was refused at once", () => {
    const journal = new Journal(STARTED, "id", "BREW");
    expect(JSON.parse(lineOf(journal))).toEqual(recordOf(journal));
    expect(JSON.parse(lineOf(journal))).toMatchObject({ route: null, cluster: null, endpoint: null, query_names: [] });
  });

  it("names the Gateway as the source of what came through one", () => {
    const gateway = { ...reviews, name: "bookinfo-gateway-istio" };
    expect(JSON.parse(lineOf(journalOf({ gateway, peer: NO_PEER })))).toMatchObject({
      source_workload: "bookinfo-gateway-istio",
      source_principal: null,
    });
  });

  it("tells the time to the millisecond, whatever time came before", () => {
    const log = new AccessLog("gateway");
    const times = [0, 7, 1_000, 1_045, 999, STARTED, STARTED + 94, STARTED + 994, STARTED + 995, STARTED];
    for (const time of times) {
      const line = log.line(new Journal(time, "id", "GET"), "LOC", time);
      expect(JSON.parse(line)).toMatchObject({ time: new Date(time).toISOString() });
    }
  });

  it("tells the location that the isolate has learnt meanwhile", () => {
    const log = new AccessLog("gateway");
    const located = (location: string) =>
      (JSON.parse(log.line(journalOf(), location, STARTED)) as AccessRecord).location;
    expect([located("unknown"), located("FRA"), located("FRA")]).toEqual(["unknown", "FRA", "FRA"]);
  });

  it("reads back as the record, in ASCII and at most 8 KiB a line, whatever the client sent", () => {
    // One log for all: what it remembers of one call must not show in another.
    const log = new AccessLog("gateway");
    fc.assert(
      fc.property(hostileJournal, (journal) => {
        for (let time = 0; time < 2; time += 1) {
          const line = lineOf(journal, log);
          expect(line).toMatch(/^[ -~]*$/);
          expect(line.length).toBeLessThanOrEqual(8_192);
          expect(JSON.parse(line)).toEqual(recordOf(journal));
        }
      }),
      { numRuns: times(300, 3_000) },
    );
  });

  it("stays below 8 KiB where every field is as long as it can be", () => {
    const long = "x".repeat(20_000);
    const journal = journalOf({
      requestId: long,
      scope: long,
      method: long,
      authority: long,
      path: long,
      query: `${"n".repeat(60)}&`.repeat(30),
      flag: long,
      details: long,
      policy: long,
      requestPrincipal: long,
      peerRefused: long,
      userAgent: long,
      clientIp: long,
      scheme: "https",
      peer: { ...peer, principal: long },
      gateway: { ...reviews, name: long },
      route: { name: long, matches: [], destinations: [] },
      cluster: { ...cluster, id: long, service: { ...cluster.service, host: long } },
      endpoint: { ...endpoint, id: long, workload: { ...reviews, principal: long } },
      generation: Number.MAX_SAFE_INTEGER,
      upstreamMs: Number.MAX_SAFE_INTEGER,
      bytes: Number.MAX_SAFE_INTEGER,
      attempts: 1_000,
      mirrors: 1_000,
      notes: Array.from({ length: 100 }, () => ({ ...denied, policy: long })),
    });
    const line = new AccessLog(long).line(journal, long, 2 * STARTED);
    expect(line.length).toBeLessThan(8_192);
  });
});
