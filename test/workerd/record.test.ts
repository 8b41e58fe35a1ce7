import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "./support/env.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answerOf } from "../../src/decide/answers.ts";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { Attempt } from "../../workers/gateway/attempt.ts";
import { HttpCall } from "../../workers/gateway/http-call.ts";
import { createMesh, type Mesh, meshOf } from "../../workers/gateway/mesh.ts";
import { record } from "../../workers/gateway/record.ts";
import { link } from "../../src/snapshot/link.ts";
import { matchRoute } from "../../src/routing/route-match.ts";
import { facts } from "../decide/requests.ts";
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
  readonly call: HttpCall;
  readonly attempt: Attempt;
  readonly client: AbortController;
  /** Slots that are taken. */
  readonly running: () => number;
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
  const call = new HttpCall(request, { kind: "mesh", props: { workload: "web" } }, ctx, mesh, record);
  const of = sliceOf(`${crypto.randomUUID()}.svc.cluster.local`);
  const [id, model] = Object.entries(of.clusters)[0]!;
  const { routes } = link({ ...of, clusters: { [id]: { ...model, outlier: OUTLIER, pool: { maxConnections: 1 } } } });
  const { route } = matchRoute(routes, facts())!;
  const { cluster } = route.destinations[0]!;
  const [endpoint] = cluster.model.endpoints;
  const view = mesh.callers.view("-", cluster);
  const admission = view.pool.enter(cluster.model.pool, Date.now(), 60_000);
  if (admission.kind !== "running") throw new Error(admission.kind);
  const attempt = new Attempt(call, endpoint!, () => null);
  Object.assign(call, { forward: { route, cluster }, view, ticket: admission.ticket, attempt });
  Object.assign(call.journal, { cluster: cluster.model, endpoint, attempts: 1, authority: "reviews" });
  return {
    call,
    attempt,
    client,
    running: () => view.pool.running,
    active: () => mesh.callers.active.get(endpoint!.id) ?? 0,
    isEjected: () => mesh.configuration.isEjected("-", cluster.model.id, endpoint!.id, Date.now()),
    letGo: () => waitOnExecutionContext(ctx),
  };
}

function answered({ call, attempt }: Sent, status: number): void {
  call.journal.status = status;
  call.journal.details = "via_upstream";
  attempt.outcome = status;
  call.lease.end("ok");
}

const requests = (): number => mesh.configuration.metrics.all().reduce((sum, one) => sum + one.requests, 0);

describe("the end of a call", () => {
  it("gives back slot and active count, counts under both reporters, and writes one line", async () => {
    const one = sent();
    const { running, active, isEjected, letGo } = one;
    expect([running(), active()]).toEqual([1, 1]);
    answered(one, 200);
    await letGo();
    expect([running(), active(), requests(), isEjected()]).toEqual([0, 0, 2, false]);
    expect(logged).toMatchObject([
      { status: 200, response_flags: "-", details: "via_upstream", source_workload: "web", authority: "reviews" },
    ]);
  });

  it("holds an error against the endpoint", () => {
    const one = sent();
    answered(one, 500);
    expect(one.isEjected()).toBe(true);
  });

  it("holds nothing against the endpoint where the client went away, and says DC once", async () => {
    const one = sent();
    const { client, running, active, isEjected, letGo } = one;
    client.abort();
    answered(one, 500);
    await letGo();
    expect([running(), active(), requests(), isEjected()]).toEqual([0, 0, 2, false]);
    expect(logged).toMatchObject([{ response_flags: "DC", details: "downstream_remote_disconnect" }]);
  });

  it.each([
    { end: "UC", details: "upstream_reset_after_headers" },
    { end: "UT", details: "response_timeout" },
  ] as const)(
    "tells a body that ended with $end by its flag, and holds it against the endpoint",
    ({ end, details }) => {
      const { call, attempt, isEjected } = sent();
      call.journal.status = 200;
      attempt.outcome = 200;
      call.lease.end(end);
      expect(isEjected()).toBe(true);
      expect(logged).toMatchObject([{ status: 200, response_flags: end, details }]);
    },
  );

  it("logs a client that was gone before its call began", () => {
    const client = new AbortController();
    client.abort();
    const request = new Request("http://reviews/1", { signal: client.signal });
    const call = new HttpCall(request, { kind: "mesh", props: {} }, createExecutionContext(), mesh, record);
    call.lease.end("ok");
    expect(logged).toMatchObject([{ status: 0, response_flags: "DC" }]);
  });

  it("gives a call that was refused before its trace was read a trace of its own", () => {
    sent().call.answer(answerOf("no_route"));
    const [line] = logged;
    expect(line?.trace_id).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(line?.span_id).toMatch(/^(?!0{16})[0-9a-f]{16}$/);
  });

  it("logs refusals, errors and broken calls where good ones are hardly ever logged, and counts them all", () => {
    mesh = { ...mesh, logOneIn: RARELY };
    for (let at = 0; at < 100; at += 1) answered(sent(), 200);
    answered(sent(), 503);
    sent().call.answer(answerOf("no_route"));
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
