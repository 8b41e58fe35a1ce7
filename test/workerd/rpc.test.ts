import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Cluster, Endpoint, PolicySet, Route } from "../../src/snapshot/model.ts";
import type { RehearsalModel } from "../../src/snapshot/rehearsal-model.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import { meshOf } from "../../workers/gateway/mesh.ts";
import { env } from "./support/env.ts";
import { callInMesh, callMethod, logged, serveSlices, until } from "./support/gateway.ts";
import { serve, serveRpc } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";
import { tapOf } from "./support/wire.ts";

const HOST = "a.default.svc.cluster.local";
const ORDER = { namespace: "shop", serviceAccount: "order", workload: "order-v1", service: HOST };
const UNAVAILABLE = "upstream connect error or disconnect/reset before headers. reset reason:";

/** The first error ejects. */
const OUTLIER: NonNullable<Cluster["outlier"]> = {
  consecutive5xx: 1,
  consecutiveGatewayErrors: 0,
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};
const RETRIES = { attempts: 2, on: ["5xx"], statusCodes: [], backoffMs: 1 } as const;

const slice = sliceOf(HOST);
const [a] = Object.values(slice.clusters) as [Cluster];
const [endpoint] = a.endpoints as [Endpoint];
const gone: Endpoint = { ...endpoint, id: "binding:EP_GONE", address: { kind: "binding", name: "EP_GONE" } };

function cluster(id: string, changes: Partial<Cluster>): Cluster {
  return { ...a, id, ...changes };
}

const CLUSTERS: readonly Cluster[] = [
  a,
  cluster("open", { endpoints: [{ ...endpoint, policySet: 1 }] }),
  cluster("one", { pool: { maxConnections: 1, maxPending: 0 } }),
  cluster("queue", { pool: { maxConnections: 1, maxPending: 1 } }),
  cluster("gone", { endpoints: [gone] }),
  cluster("some", { endpoints: [gone, endpoint] }),
  cluster("judged", { endpoints: [{ ...endpoint, id: "judged" }], outlier: OUTLIER }),
  cluster("slow", { endpoints: [{ ...endpoint, id: "slow" }], outlier: OUTLIER }),
  cluster("lost", { endpoints: [{ ...gone, id: "lost" }], outlier: OUTLIER }),
  cluster("public", { endpoints: [{ ...endpoint, address: { kind: "origin", origin: "https://public.test" } }] }),
  cluster("missing", { endpoints: [{ ...endpoint, address: { kind: "binding", name: "EP_MISSING" } }] }),
  cluster("nobody", { endpoints: [] }),
];

/** What the route for each entrypoint has, and where it leads. */
const ROUTES: Readonly<Record<string, Partial<Route> & { readonly to?: string }>> = {
  default: {},
  Guarded: { to: "open" },
  Single: { to: "one" },
  Queued: { to: "queue" },
  Gone: { to: "gone" },
  Asked: { to: "some", retries: { ...RETRIES, explicit: true } },
  Default: { to: "some", retries: RETRIES },
  Judged: { to: "judged" },
  Slow: { to: "slow", timeoutMs: 20 },
  Lost: { to: "lost" },
  Timed: { timeoutMs: 20 },
  Tried: { timeoutMs: 60_000, retries: { ...RETRIES, attempts: 1, explicit: true, perTryTimeoutMs: 20 } },
  Again: { timeoutMs: 60_000, retries: { ...RETRIES, attempts: 1, explicit: true, perTryTimeoutMs: 30_000 } },
  Silent: { idleTimeoutMs: 20 },
  Public: { to: "public" },
  Missing: { to: "missing" },
  Nobody: { to: "nobody" },
  Rewritten: { rewrite: { uri: "/default/other" } },
  Renamed: { rewrite: { authority: "other.test" }, request: { set: [["x-a", "1"]] } },
  Delayed: { fault: { delay: { share: 1, ms: 5 } } },
  Aborted: { fault: { abort: { share: 1, status: 429 } } },
  Held: { destinations: [{ cluster: a.id, weight: 1, rehearsals: [0] }] },
  Rehearsed: { destinations: [{ cluster: a.id, weight: 1, rehearsals: [1] }] },
  Mirrored: { mirrors: [{ cluster: "one", share: 1 }] },
  Redirected: { redirect: { status: 301, authority: "other.test" }, destinations: [] },
  Page: { direct: { status: 200, body: "a page" }, destinations: [] },
  Closed: { direct: { status: 503, body: "closed" }, destinations: [] },
};

const REHEARSALS: readonly RehearsalModel[] = [
  { name: "default/slow", endsAt: Number.MAX_SAFE_INTEGER, share: 1, delayMs: 5 },
  { name: "default/broken", endsAt: Number.MAX_SAFE_INTEGER, share: 1, abort: { status: 503 } },
];

/** Lets one account call one method, by Workers RPC alone. */
const GUARDED: PolicySet = {
  mtls: "STRICT",
  jwt: [],
  deny: [],
  allow: [
    {
      name: "default/guarded",
      rules: [
        {
          from: [{ principals: [{ kind: "exact", value: "cluster.local/ns/shop/sa/order" }] }],
          to: [{ methods: [{ kind: "exact", value: "POST" }], paths: [{ kind: "exact", value: "/Guarded/does" }] }],
          when: [{ key: { kind: "protocol" }, values: [{ kind: "exact", value: "workers-rpc" }] }],
        },
      ],
    },
  ],
};

beforeAll(() => {
  const routes = Object.entries(ROUTES).map(([entrypoint, { to = a.id, ...route }]): Route => ({
    name: entrypoint,
    matches: [{ uri: { kind: "prefix", value: `/${entrypoint}/` } }],
    destinations: [{ cluster: to, weight: 1 }],
    ...route,
  }));
  const clusters = Object.fromEntries(CLUSTERS.map((one) => [one.id, one]));
  return serveSlices({
    "mesh/*": {
      [HOST]: {
        ...slice,
        routes,
        clusters,
        policySets: [...slice.policySets, GUARDED],
        rehearsals: REHEARSALS,
      },
    },
  });
});

let hits = 0;

beforeEach(() => {
  hits = 0;
  serveRpc("a", () => (hits += 1));
});

async function call(entrypoint: string, ...args: readonly unknown[]): Promise<unknown> {
  return callMethod({ ...ORDER, entrypoint }, ...args);
}

/** What is thrown at the caller, and the log's line. */
async function refused(does: () => Promise<unknown>) {
  let thrown: unknown = null;
  const [line] = await logged(async () => {
    thrown = await does().then(
      (value) => expect.fail(`it returned ${String(value)}`),
      (error: unknown) => error,
    );
  });
  if (!(thrown instanceof Error)) throw new Error("no error");
  const { name, message, status, requestId } = thrown as Error & Record<string, unknown>;
  expect(requestId).toBe(line?.["request_id"]);
  return { name, message, status, flags: line?.["response_flags"], details: line?.["details"] };
}

const active = () => meshOf(env).callers.active.size;

describe("a call of Workers RPC", () => {
  it("gets what the method returns, and is told of by its own protocol", async () => {
    serveRpc("a", (one, other) => Number(one) + Number(other));
    const [line] = await logged(async () => expect(await callMethod(ORDER, 1, 2)).toBe(3));
    expect(line).toMatchObject({
      protocol: "workers-rpc",
      method: "POST",
      authority: HOST,
      path: "/default/does",
      status: 200,
      details: "via_upstream",
      source_principal: "cluster.local/ns/shop/sa/order",
      endpoint: "binding:EP_A",
      attempts: 1,
    });
    expect(line?.["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
  });

  it("is counted with its protocol as Istio's request_protocol", async () => {
    meshOf(env).configuration.metrics.take();
    await callMethod(ORDER);
    const { metrics } = meshOf(env).configuration;
    const labels = metrics.all().map(({ labels: text }) => JSON.parse(text) as readonly string[]);
    expect(labels.filter((values) => values.includes("workers-rpc"))).toHaveLength(2);
  });

  it("is decided as POST to entrypoint and method, for its caller", async () => {
    expect(await call("Guarded")).toBe(1);
    const clerk: CallerProps = { ...ORDER, serviceAccount: "clerk", entrypoint: "Guarded" };
    const denied = { name: "MeshDenied", message: "RBAC: access denied", status: 403, flags: "UAEX" };
    expect(await refused(async () => callMethod(clerk))).toMatchObject({
      ...denied,
      details: "rbac_denied_no_allow",
    });
    const { service } = ORDER;
    expect(await refused(async () => callMethod({ service, entrypoint: "Guarded" }))).toMatchObject({
      ...denied,
      details: "mtls_required",
    });
    expect(hits).toBe(1);
  });

  it("is no HTTP request: what may do the one may not do the other", async () => {
    let requests = 0;
    serve("a", () => new Response(String((requests += 1))));
    const url = `http://${HOST}/Guarded/does`;
    const post = async (to: string) => (await callInMesh(to, { method: "POST", props: ORDER })).text();
    expect(await post(url)).toBe("RBAC: access denied");
    expect(await post(`http://${HOST}/default/does`)).toBe("1");
    expect([hits, requests]).toEqual([0, 1]);
  });

  it.each([
    { entrypoint: "Unknown", name: "MeshUnsupported", status: 404, details: "no_route" },
    { entrypoint: "no/name", name: "MeshUnsupported", status: 404, details: "rpc_props_invalid" },
    { entrypoint: "Redirected", name: "MeshUnsupported", status: 301, details: "redirect" },
    { entrypoint: "Page", name: "MeshUnsupported", status: 200, details: "direct_response", message: "a page" },
    { entrypoint: "Closed", name: "MeshUnavailable", status: 503, details: "direct_response", message: "closed" },
    { entrypoint: "Rewritten", name: "MeshUnsupported", status: 501, details: "rpc_rewritten" },
    { entrypoint: "Public", name: "MeshUnsupported", status: 501, details: "rpc_endpoint" },
    { entrypoint: "Aborted", name: "MeshUnavailable", status: 429, details: "fault_filter_abort", flags: "FI" },
    { entrypoint: "Rehearsed", name: "MeshUnavailable", status: 503, details: "fault_filter_abort", flags: "FI" },
    { entrypoint: "Missing", name: "MeshUnavailable", status: 503, details: "binding_missing", flags: "UF" },
    { entrypoint: "Nobody", name: "MeshUnavailable", status: 503, details: "no_endpoint", flags: "UH" },
  ])("where $details: $name with status $status", async ({ entrypoint, ...error }) => {
    expect(await refused(async () => call(entrypoint))).toMatchObject(error);
    expect([hits, active()]).toEqual([0, 0]);
  });

  it("by a binding that names no service reaches nobody", async () => {
    const { namespace, serviceAccount } = ORDER;
    expect(await refused(async () => callMethod({ namespace, serviceAccount }))).toMatchObject({
      name: "MeshUnsupported",
      status: 404,
      details: "rpc_props_invalid",
    });
  });

  it("calls the variant that its binding names", async () => {
    serveRpc("a's export", () => "exported");
    expect(await callMethod({ ...ORDER, binding: "export" })).toBe("exported");
    expect(await refused(async () => callMethod({ ...ORDER, binding: "other" }))).toMatchObject({
      name: "MeshUnavailable",
      details: "binding_missing",
    });
    expect(hits).toBe(0);
  });

  it("goes on where a route changes what it does not carry", async () => {
    expect(await call("Renamed")).toBe(1);
  });

  it.each(["Delayed", "Held"])("is held back by a delay: %s", async (entrypoint) => {
    const [line] = await logged(async () => call(entrypoint));
    expect(line).toMatchObject({ status: 200, response_flags: "DI" });
  });

  it("has no copies: a mirror gets none, and is counted so", async () => {
    tapOf("gateway").ups.length = 0;
    expect(await call("Mirrored")).toBe(1);
    const key = JSON.stringify(["tulle_mirror_requests_total", "cluster.local/ns/shop/sa/order", "one", "workers_rpc"]);
    await until(() => tapOf("gateway").ups.some(({ counts }) => counts?.[key] === 1));
    expect(hits).toBe(1);
  });
});

describe("what a method throws", () => {
  it("reaches the caller as it is, is logged, and is no fault of the endpoint", async () => {
    serveRpc("a", () => {
      throw Object.assign(new TypeError("no such order"), { code: "E404" });
    });
    for (let at = 0; at < 3; at += 1) {
      const [line] = await logged(async () =>
        expect(call("Judged")).rejects.toMatchObject({ name: "TypeError", message: "no such order", code: "E404" }),
      );
      expect(line).toMatchObject({ status: 500, response_flags: "-", details: "application_error", attempts: 1 });
    }
  });

  it("is not tried again, whatever the route says", async () => {
    let calls = 0;
    serveRpc("a", () => {
      calls += 1;
      throw new Error("no");
    });
    await expect(call("Again")).rejects.toThrow("no");
    expect(calls).toBe(1);
  });

  it("may be a value that cannot be sent", async () => {
    serveRpc("a", () => new WeakMap());
    const [line] = await logged(async () => expect(call("Judged")).rejects.toMatchObject({ name: "DataCloneError" }));
    expect(line).toMatchObject({ details: "application_error" });
  });
});

describe("a service that is not there", () => {
  it("is MeshUnavailable, and out for its caller", async () => {
    expect(await refused(async () => call("Lost"))).toEqual({
      name: "MeshUnavailable",
      message: `${UNAVAILABLE} connection failure`,
      status: 503,
      flags: "UF",
      details: "upstream_reset_before_headers",
    });
    expect(await refused(async () => call("Lost"))).toMatchObject({ flags: "UH", details: "no_healthy_upstream" });
    expect(active()).toBe(0);
  });

  it("is tried elsewhere where the route's author asked for it, and the arguments are primitives", async () => {
    for (const args of [[], [1, "two", null, undefined, true, 3n]]) {
      for (let at = 0; at < 4; at += 1) expect(await call("Asked", ...args)).toBeTypeOf("number");
    }
    expect(hits).toBe(8);
  });

  it("is met by every second call of two that take turns, whatever is tried elsewhere", async () => {
    const attempts: unknown[] = [];
    for (let at = 0; at < 6; at += 1) attempts.push((await logged(async () => call("Asked")))[0]?.attempts);
    expect([1, 2].map((count) => attempts.filter((one) => one === count).length)).toEqual([3, 3]);
  });

  it.each([
    { what: "by the policy that the mesh has by itself", entrypoint: "Default", args: [] },
    { what: "with an argument that may be used up", entrypoint: "Asked", args: [{ order: 1 }] },
  ])("is not tried elsewhere $what", async ({ entrypoint, args }) => {
    const results = await Promise.allSettled([1, 2, 3, 4].map(async () => call(entrypoint, ...args)));
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
    expect(hits).toBe(2);
  });
});

describe("a method that takes too long", () => {
  it.each([
    { entrypoint: "Timed", details: "response_timeout", attempts: 1 },
    { entrypoint: "Tried", details: "upstream_per_try_timeout", attempts: 2 },
    { entrypoint: "Silent", details: "stream_idle_timeout", attempts: 1 },
  ])("is MeshTimeout: $details", async ({ entrypoint, details, attempts }) => {
    const gate = { open: false };
    serveRpc("a", async () => {
      while (!gate.open) await scheduler.wait(5);
    });
    expect(await refused(async () => call(entrypoint))).toEqual({
      name: "MeshTimeout",
      message: "upstream request timeout",
      status: 504,
      flags: attempts === 1 ? "UT" : expect.stringContaining("UT"),
      details,
    });
    expect(active()).toBe(0);
    gate.open = true;
  });

  it("is out for its caller", async () => {
    const gate = { open: false };
    serveRpc("a", async () => {
      while (!gate.open) await scheduler.wait(5);
    });
    expect(await refused(async () => call("Slow"))).toMatchObject({ name: "MeshTimeout" });
    expect(await refused(async () => call("Slow"))).toMatchObject({ details: "no_healthy_upstream" });
    gate.open = true;
  });
});

describe("the concurrency limit", () => {
  it("holds for calls, and their slot comes back with the answer", async () => {
    const gate = { open: false };
    serveRpc("a", async () => {
      hits += 1;
      while (!gate.open) await scheduler.wait(5);
      return "late";
    });
    const first = call("Single");
    await until(() => hits === 1);
    expect(await refused(async () => call("Single"))).toEqual({
      name: "MeshUnavailable",
      message: `${UNAVAILABLE} overflow`,
      status: 503,
      flags: "UO",
      details: "overflow",
    });
    gate.open = true;
    expect(await first).toBe("late");
    expect(await call("Single")).toBe("late");
    expect(active()).toBe(0);
  });
});

describe("a call whose caller is lost with all that was to come", () => {
  const LATER_MS = 20 * 60_000;

  it("gives back what it holds to whoever comes by after its time, says nothing of the service, and is not sent any more", async () => {
    const gate = { open: false };
    serveRpc("a", async () => {
      hits += 1;
      while (!gate.open) await scheduler.wait(5);
      return "late";
    });
    const lines = await logged(async () => {
      const running = call("Queued");
      await until(() => hits === 1);
      const waiting = call("Queued").catch((error: unknown) => error);
      const { callers, openCalls } = meshOf(env);
      openCalls.look(Date.now() + LATER_MS);
      expect(callers.active.size).toBe(0);
      gate.open = true;
      expect(await running).toBe("late");
      expect(await waiting).toMatchObject({ name: "MeshTimeout" });
      expect([callers.active.size, hits]).toEqual([0, 1]);
    }, 2);
    expect(lines.map(({ response_flags: flags }) => flags)).toEqual(["DC", "DC"]);
  });
});
