import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "./support/env.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { Call } from "../../workers/gateway/call.ts";
import { createMesh, type Mesh, meshOf } from "../../workers/gateway/mesh.ts";
import { record } from "../../workers/gateway/record.ts";
import { NO_ROUTE, refuse } from "../../workers/gateway/refuse.ts";
import { sliceOf } from "./support/slices.ts";

/** The first error ejects. */
const OUTLIER = {
  consecutive5xx: 1,
  consecutiveGatewayErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};

/** Of so many calls, that none of a test's is drawn. */
const RARELY = 999_999_999;

let mesh: Mesh;
let logged: AccessRecord[];

beforeEach(() => {
  mesh = { ...meshOf(env), logOneIn: 1 };
  mesh.configuration.metrics.take();
  logged = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void logged.push(JSON.parse(line)));
});

afterEach(() => {
  vi.restoreAllMocks();
});

interface Sent {
  readonly call: Call;
  readonly client: AbortController;
  /** How often the call gave its slot back. */
  readonly released: () => number;
  readonly active: () => number;
  readonly isEjected: () => boolean;
  /** Settles when nothing of the call is held any more. */
  readonly letGo: () => Promise<void>;
}

/** A call that went out to the one endpoint of its cluster, which no other test judges. */
function sent(): Sent {
  const client = new AbortController();
  const ctx = createExecutionContext();
  const request = new Request("http://reviews/1", { signal: client.signal });
  const call = new Call(request, { kind: "mesh", props: { workload: "web" } }, ctx, false, (ended, how) =>
    record(ended, how, mesh),
  );
  const [model] = Object.values(sliceOf(`${crypto.randomUUID()}.svc.cluster.local`).clusters);
  const [endpoint] = model!.endpoints;
  const cluster = { model: { ...model!, outlier: OUTLIER }, sets: [0] };
  let released = 0;
  Object.assign(call, { cluster, endpoint, sent: true, release: () => (released += 1) });
  Object.assign(call.journal, { cluster: cluster.model, endpoint, attempts: 1, authority: "reviews" });
  mesh.active.add(endpoint!);
  return {
    call,
    client,
    released: () => released,
    active: () => mesh.active.of(endpoint!),
    isEjected: () => mesh.configuration.isEjected("-", cluster.model.id, endpoint!.id, Date.now()),
    letGo: () => waitOnExecutionContext(ctx),
  };
}

function answered(call: Call, status: number): void {
  call.journal.status = status;
  call.journal.details = "via_upstream";
  call.outcome = status < 500 ? "success" : "5xx";
  call.lease.end("ok");
}

const requests = (): number => mesh.configuration.metrics.all().reduce((sum, one) => sum + one.requests, 0);

describe("the end of a call", () => {
  it("gives back slot and active count, counts under both reporters, and writes one line", async () => {
    const { call, released, active, isEjected, letGo } = sent();
    answered(call, 200);
    await letGo();
    expect([released(), active(), requests(), isEjected()]).toEqual([1, 0, 2, false]);
    expect(logged).toMatchObject([
      { status: 200, response_flags: "-", details: "via_upstream", source_workload: "web", authority: "reviews" },
    ]);
  });

  it("holds an error against the endpoint", () => {
    const { call, isEjected } = sent();
    answered(call, 500);
    expect(isEjected()).toBe(true);
  });

  it("holds nothing against the endpoint where the client went away, and says DC once", async () => {
    const { call, client, released, active, isEjected, letGo } = sent();
    client.abort();
    answered(call, 500);
    await letGo();
    expect([released(), active(), requests(), isEjected()]).toEqual([1, 0, 2, false]);
    expect(logged).toMatchObject([{ response_flags: "DC", details: "downstream_remote_disconnect" }]);
  });

  it.each([
    { end: "UC", details: "upstream_reset_after_headers" },
    { end: "UT", details: "response_timeout" },
  ] as const)(
    "tells a body that ended with $end by its flag, and holds it against the endpoint",
    ({ end, details }) => {
      const { call, isEjected } = sent();
      call.journal.status = 200;
      call.outcome = "success";
      call.lease.end(end);
      expect(isEjected()).toBe(true);
      expect(logged).toMatchObject([{ status: 200, response_flags: end, details }]);
    },
  );

  it("logs a client that was gone before its call began", () => {
    const client = new AbortController();
    client.abort();
    const request = new Request("http://reviews/1", { signal: client.signal });
    const call = new Call(request, { kind: "mesh", props: {} }, createExecutionContext(), false, (ended, how) =>
      record(ended, how, mesh),
    );
    call.lease.end("ok");
    expect(logged).toMatchObject([{ status: 0, response_flags: "DC" }]);
  });

  it("gives a call that was refused before its trace was read a trace of its own", () => {
    refuse(sent().call, NO_ROUTE);
    const [line] = logged;
    expect(line?.trace_id).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(line?.span_id).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
  });

  it("logs refusals, errors and broken calls where good ones are hardly ever logged, and counts them all", () => {
    mesh = { ...mesh, logOneIn: RARELY };
    for (let at = 0; at < 100; at += 1) answered(sent().call, 200);
    answered(sent().call, 503);
    refuse(sent().call, NO_ROUTE);
    sent().client.abort();
    expect(logged.map(({ status, response_flags }) => `${status} ${response_flags}`)).toEqual([
      "503 -",
      "404 NR",
      "0 DC",
    ]);
    expect(requests()).toBe(2 * 103);
  });
});

describe("the variable LOG_ONE_IN", () => {
  it("is refused where it is no whole number from 1 on", () => {
    expect(() => createMesh({ ...env, LOG_ONE_IN: "often" })).toThrow("LOG_ONE_IN is `often`");
    expect(createMesh({ ...env, LOG_ONE_IN: "100" }).logOneIn).toBe(100);
  });
});
