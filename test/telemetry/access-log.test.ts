import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccessParts, accessRecord } from "../../src/telemetry/access-log.ts";

const PARTS: AccessParts = {
  startedAt: Date.UTC(2026, 10, 24, 12, 0, 0, 5),
  query: "id=7&access_token=secret&flag",
  request_id: "8a3d9a4e-2c3f-4d0e-9a51-000000000000",
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  gateway: "gateway",
  location: "LOC",
  generation: 12,
  scope: "mesh/default",
  method: "GET",
  scheme: "http",
  authority: "reviews:9080",
  path: "/reviews/1",
  status: 200,
  response_flags: "-",
  details: "via_upstream",
  policy: null,
  source_principal: "cluster.local/ns/default/sa/productpage",
  source_workload: "productpage-v1",
  request_principal: null,
  peer_refused: null,
  route: "default",
  cluster: "outbound|9080||reviews.default.svc.cluster.local",
  endpoint: "binding:EP_REVIEWS_V1",
  destination_service: "reviews.default.svc.cluster.local",
  destination_principal: "cluster.local/ns/default/sa/reviews",
  duration_ms: 12,
  upstream_ms: 11,
  bytes_sent: 379,
  attempts: 1,
  user_agent: "curl/8",
  client_ip: null,
};

describe("accessRecord", () => {
  it("tells the time of arrival and the names, never the values, of query parameters", () => {
    const record = accessRecord(PARTS);
    expect(record).toMatchObject({
      event: "access",
      time: "2026-11-24T12:00:00.005Z",
      query_names: ["id", "access_token", "flag"],
    });
    expect(JSON.stringify(record)).not.toContain("secret");
  });

  it("is one object of at most 8 KiB, whatever the client sent", () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20_000, size: "max" }),
      fc.constantFrom("\u0000", "\ud800", "é", '"', "\\", "\n", "a", "😀").map((unit) => unit.repeat(20_000)),
    );
    const ascii = fc.constantFrom("a", "%00", "'", "&", "=x&", "~").map((unit) => unit.repeat(6_000));
    fc.assert(
      fc.property(hostile, hostile, hostile, ascii, ascii, (agent, principal, route, path, query) => {
        const record = accessRecord({
          ...PARTS,
          user_agent: agent,
          request_principal: principal,
          source_principal: ascii200(path),
          route,
          path,
          query,
          authority: path,
          method: path,
        });
        const line = JSON.stringify(record);
        expect(new TextEncoder().encode(line).length).toBeLessThanOrEqual(8_192);
        // A reader counts one record a line.
        expect(line.split("").some((character) => character < " ")).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

const ascii200 = (text: string): string => `spiffe/${text}`.slice(0, 2_048);
