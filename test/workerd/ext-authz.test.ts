import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type {
  Cluster,
  CustomPolicyModel,
  ExternalAuthorizer,
  OutlierSettings,
  PolicySet,
  Slice,
} from "../../src/snapshot/model.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { meshOf } from "../../workers/gateway/mesh.ts";
import { type ToldSpan, toldSpans } from "../support/otlp.ts";
import { env } from "./support/env.ts";
import { callInMesh, callMethod, logged, serveSlices, until } from "./support/gateway.ts";
import { serve, serveRpc } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const OPEN: PolicySet = { mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] };

/** What each authorizer has beside its cluster. Requests to `/NAME` are asked about there. */
const AUTHORIZERS: Readonly<Record<string, Partial<ExternalAuthorizer>>> = {
  plain: {},
  told: {
    pathPrefix: "/check",
    told: [
      { kind: "exact", value: "cookie" },
      { kind: "prefix", value: "x-" },
    ],
    added: [["x-from", "%REQ(:method)% %REQ(x-plan)%"]],
  },
  given: {
    toService: [{ kind: "exact", value: "x-user" }],
    toClientOnAllow: [{ kind: "exact", value: "set-cookie" }],
  },
  login: { toClientOnDeny: [{ kind: "exact", value: "set-cookie" }] },
  brief: { timeoutMs: 20, statusOnError: 503 },
  open: { timeoutMs: 20, failOpen: true },
  body: { maxBodyBytes: 8 },
  full: {},
  judged: {},
  nobody: {},
  copied: { pathPrefix: "/check", failOpen: true, timeoutMs: 600_000 },
};

const ONE_ERROR: OutlierSettings = {
  consecutive5xx: 1,
  consecutiveGatewayErrors: 0,
  intervalMs: 3_600_000,
  baseEjectionMs: 3_600_000,
  maxEjectionPercent: 100,
  minHealthPercent: 0,
  alwaysEjectOne: true,
};

function clusterOf(id: string, changes: Partial<Cluster> = {}): Cluster {
  const [cluster] = Object.values(sliceOf("b.default.svc.cluster.local").clusters);
  if (cluster === undefined) throw new Error("a slice has a cluster");
  return { ...cluster, id, endpoints: cluster.endpoints.map((one) => ({ ...one, policySet: 1 })), ...changes };
}

function served(): Slice {
  const slice = sliceOf(HOST);
  const names = Object.keys(AUTHORIZERS);
  const custom = names.map((provider): CustomPolicyModel => ({
    name: `default/${provider}`,
    provider,
    rules: [{ to: [{ paths: [{ kind: "prefix", value: `/${provider}` }] }] }],
  }));
  const clusters: Record<string, Partial<Cluster>> = {
    full: { pool: { maxConnections: 1 } },
    // One failure, and nobody is asked there for an hour.
    judged: { outlier: ONE_ERROR },
    nobody: { endpoints: [] },
  };
  const mirror = clusterOf("mirror");
  const guarded = mirror.endpoints.map((one) => ({ ...one, policySet: 2 }));
  const isOfCopies = ({ provider }: CustomPolicyModel): boolean => provider === "copied";
  const [route] = slice.routes;
  if (route === undefined) throw new Error("a slice has a route");
  return {
    ...slice,
    routes: [
      {
        ...route,
        name: "copied",
        matches: [{ uri: { kind: "exact", value: "/copied" } }],
        mirrors: [{ cluster: "mirror", share: 1 }],
      },
      route,
    ],
    clusters: {
      ...slice.clusters,
      ...Object.fromEntries(names.map((name) => [name, clusterOf(name, clusters[name])])),
      mirror: { ...mirror, endpoints: guarded },
    },
    policySets: [
      { ...OPEN, custom: custom.filter((one) => !isOfCopies(one)) },
      OPEN,
      { ...OPEN, custom: custom.filter(isOfCopies) },
    ],
    authorizers: Object.fromEntries(
      names.map((name) => [name, { cluster: name, timeoutMs: 20_000, ...AUTHORIZERS[name] }]),
    ),
  };
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came to `b`, the authorizer. */
let asked: Asked[] = [];
/** What came to `a`, the service. */
let passed: { readonly headers: Readonly<Record<string, string>>; readonly body: string }[] = [];

/** What the authorizer answers. */
function answers(response: (request: Request) => Response | Promise<Response>): void {
  serve("b", async (request) => {
    const { method, url, headers } = request;
    asked.push({ method, url, headers: Object.fromEntries(headers), body: await request.clone().text() });
    return response(request);
  });
}

beforeAll(async () => serveSlices({ "mesh/*": { [HOST]: served() } }));
let counts: string[] = [];
beforeEach(() => {
  asked = [];
  passed = [];
  counts = [];
  serve("a", async (request) => {
    passed.push({ headers: Object.fromEntries(request.headers), body: await request.text() });
    return new Response("hello");
  });
  answers(() => new Response(null));
  const { configuration } = meshOf(env);
  const count = configuration.count.bind(configuration);
  vi.spyOn(configuration, "count").mockImplementation((key) => {
    counts.push(key);
    count(key);
  });
});
afterEach(() => void vi.restoreAllMocks());

const call = (path: string, init: RequestInit = {}) =>
  callInMesh(`http://${HOST}${path}`, { redirect: "manual", ...init });
const counted = (provider: string, result: string) =>
  expect(counts).toContain(counterKey("tulle_ext_authz_requests_total", { provider, result }));

describe("an external authorizer", () => {
  it("is asked with method, Host, path, query and Authorization, and lets pass by 200", async () => {
    const answer = await call("/plain/a%20b?x=1", {
      method: "PUT",
      body: "text",
      headers: { authorization: "Bearer t", cookie: "a=1", "x-plan": "gold" },
    });
    expect([answer.status, await answer.text()]).toEqual([200, "hello"]);
    expect(asked).toMatchObject([
      { method: "PUT", url: `http://${HOST}/plain/a%20b?x=1`, headers: { authorization: "Bearer t" }, body: "" },
    ]);
    for (const name of ["cookie", "x-plan", "content-type"]) expect(asked[0]?.headers[name]).toBeUndefined();
    expect(passed).toMatchObject([{ body: "text" }]);
    counted("plain", "allowed");
  });

  it("is not asked about what no policy matches", async () => {
    expect((await call("/other")).status).toBe(200);
    expect(asked).toEqual([]);
  });

  it("is told the headers of its settings and who calls, and nothing that a client forged", async () => {
    const props = { namespace: "shop", serviceAccount: "cart" };
    const headers = {
      cookie: "a=1",
      "x-plan": "gold",
      "x-from": "client",
      "x-forwarded-client-cert": "URI=spiffe://evil",
    };
    const answer = await callInMesh(`http://${HOST}/told`, { headers, props });
    expect(answer.status).toBe(200);
    expect(asked).toMatchObject([
      {
        url: `http://${HOST}/check/told`,
        headers: {
          cookie: "a=1",
          "x-plan": "gold",
          "x-from": "GET gold",
          "x-forwarded-client-cert": "URI=spiffe://cluster.local/ns/shop/sa/cart",
        },
      },
    ]);
  });

  it("gives the service and the client what its settings name, in place of what the client sent", async () => {
    answers(() => {
      const headers = new Headers({ "x-user": "ann", "x-other": "1", "x-envoy-any": "1" });
      headers.append("set-cookie", "a=1");
      headers.append("set-cookie", "b=2");
      return new Response("ignored", { headers });
    });
    const answer = await call("/given", { headers: { "x-user": "forged", x_user: "forged" } });
    expect(answer.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(answer.headers.get("x-user")).toBeNull();
    const [{ headers } = { headers: {} as Record<string, string> }] = passed;
    expect([headers["x-user"], headers["x_user"], headers["x-other"]]).toEqual(["ann", undefined, undefined]);
  });

  it("takes away what it names, as to Envoy, and nothing that frames the request or that the mesh says", async () => {
    answers(
      () =>
        new Response(null, {
          headers: { "x-envoy-auth-headers-to-remove": "Authorization, x-session,, host, x-request-id,content-type" },
        }),
    );
    const headers = {
      authorization: "Bearer t",
      "x-session": "s1",
      x_session: "s2",
      "x-other": "o",
      "content-type": "text/css",
    };
    const answer = await call("/plain", { method: "POST", body: "p", headers });
    expect([answer.status, answer.headers.get("x-envoy-auth-headers-to-remove")]).toEqual([200, null]);
    const [{ headers: got } = { headers: {} as Record<string, string> }] = passed;
    expect([got["authorization"], got["x-session"], got["x_session"]]).toEqual([undefined, undefined, undefined]);
    expect([got["x-other"], got["host"], got["content-type"]]).toEqual(["o", HOST, "text/css"]);
    expect(got["x-request-id"]).toBeDefined();
  });

  it("is told each header in the one spelling that the service gets (R9)", async () => {
    const answer = await call("/told", { headers: { "x-role": "user", x_role: "admin", "x.role": "admin" } });
    expect(answer.status).toBe(200);
    for (const { headers } of [...asked, ...passed])
      expect([headers["x-role"], headers["x_role"], headers["x.role"]]).toEqual(["user", undefined, undefined]);
  });

  it("refuses with its own status, page and headers, and nobody follows where it leads", async () => {
    answers(
      () =>
        new Response("<p>log in", {
          status: 302,
          headers: {
            location: "https://login.test/?state=s",
            "set-cookie": "csrf=1",
            "content-type": "text/html",
            "x-other": "1",
            "x-request-id": "theirs",
          },
        }),
    );
    const lines = await logged(async () => {
      const answer = await call("/plain");
      expect([answer.status, await answer.text()]).toEqual([302, "<p>log in"]);
      expect(answer.headers.get("location")).toBe("https://login.test/?state=s");
      expect([answer.headers.get("content-type"), answer.headers.get("x-other")]).toEqual(["text/html", "1"]);
      expect(answer.headers.get("x-request-id")).not.toBe("theirs");
    });
    expect(lines).toContainEqual(
      expect.objectContaining({
        status: 302,
        details: "ext_authz_denied",
        response_flags: "UAEX",
        policy: "default/plain",
        attempts: 0,
      }),
    );
    const answer = await call("/login");
    expect([answer.headers.get("location"), answer.headers.get("x-other")]).toEqual([
      "https://login.test/?state=s",
      null,
    ]);
    expect(answer.headers.getSetCookie()).toEqual(["csrf=1"]);
    expect([asked.length, passed.length]).toEqual([2, 0]);
    counted("plain", "denied");
  });

  it.each([201, 204, 304, 401, 404])("refuses by %i: 200 alone lets pass", async (status) => {
    answers(() => new Response(null, { status }));
    expect((await call("/plain")).status).toBe(status);
    expect((await call("/open")).status).toBe(status);
    expect(passed).toEqual([]);
  });

  it("says as much of a page as 64 KiB, whatever it sends", async () => {
    answers(() => new Response("x".repeat(200_000), { status: 403 }));
    const answer = await call("/plain");
    expect([answer.status, (await answer.text()).length]).toEqual([403, 65_536]);
  });

  it("has no say by what breaks off behind its status", async () => {
    answers(() => {
      const { readable, writable } = new IdentityTransformStream();
      writable
        .getWriter()
        .abort(new Error("broken"))
        .catch(() => undefined);
      return new Response(readable, { status: 403 });
    });
    expect((await call("/open")).status).toBe(403);
  });
});

describe("an external authorizer that cannot be asked", () => {
  const failures = [
    { name: "is broken", does: () => Promise.reject(new Error("broken")) },
    { name: "answers an error", does: () => new Response("secret", { status: 500 }) },
    { name: "is late", does: async () => scheduler.wait(60_000).then(() => new Response(null)) },
    {
      name: "answers with more headers than anybody reads",
      does: () => new Response(null, { headers: { "x-a": "v".repeat(61_440) } }),
    },
  ];

  it.each(failures)("where it $name, closes, or opens where its settings say so", async ({ does }) => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    answers(does);
    const closed = await call("/brief");
    expect([closed.status, await closed.text()]).toEqual([503, ""]);
    expect(passed).toEqual([]);
    const open = await call("/open");
    expect([open.status, await open.text()]).toEqual([200, "hello"]);
    counted("brief", "error");
    counted("open", "failed_open");
    for (const [line] of warned.mock.calls) expect(line).toMatchObject({ event: "ext_authz_failed" });
  });

  it("closes where it has no endpoint, or no place for one more question", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => undefined);
    expect((await call("/nobody")).status).toBe(403);
    const { promise, resolve } = Promise.withResolvers<void>();
    answers(async () => {
      await promise;
      return new Response(null);
    });
    const first = call("/full");
    await until(() => asked.length === 1);
    expect((await call("/full")).status).toBe(403);
    resolve();
    expect((await first).status).toBe(200);
    expect((await call("/full")).status).toBe(200);
  });

  it("is not blamed for clients that go away meanwhile", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    onTestFinished(() => resolve());
    answers(async () => {
      await promise;
      return new Response(null);
    });
    for (let at = 1; at <= 3; at += 1) {
      const client = new AbortController();
      const gone = call("/judged", { signal: client.signal });
      await until(() => asked.length === at);
      client.abort();
      await expect(gone).rejects.toThrow();
    }
    resolve();
    expect((await call("/judged")).status).toBe(200);
    expect([asked.length, passed.length, warned.mock.calls]).toEqual([4, 1, []]);
    expect(counts.filter((key) => key.includes("judged"))).toEqual([
      counterKey("tulle_ext_authz_requests_total", { provider: "judged", result: "allowed" }),
    ]);
  });

  it("lets no copy pass because its client went away meanwhile, also where it opens", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    onTestFinished(() => resolve());
    const hangs = async () => {
      await promise;
      return new Response(null);
    };
    serve("a", hangs);
    const copies: string[] = [];
    answers(({ url }) => {
      if (new URL(url).pathname.startsWith("/check")) return hangs();
      copies.push(url);
      return new Response(null);
    });
    const client = new AbortController();
    const gone = call("/copied", { signal: client.signal });
    await until(() => asked.length === 1);
    client.abort();
    await expect(gone).rejects.toThrow();
    await until(() => counts.some((key) => key.includes("tulle_mirror_requests_total")));
    expect(copies).toEqual([]);
    const result = { source_principal: "-", cluster: "mirror", result: "refused" };
    expect(counts).toContain(counterKey("tulle_mirror_requests_total", result));
  });

  it("leaves no time for a copy where it took all of it: none is sent, and nobody is blamed", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const copies: string[] = [];
    answers(async ({ url }) => {
      if (new URL(url).pathname.startsWith("/check")) await promise;
      else copies.push(url);
      return new Response(null);
    });
    expect((await call("/copied")).status).toBe(200);
    await until(() => asked.length === 1);
    const later = Date.now() + 25_000;
    const clock = vi.spyOn(Date, "now").mockImplementation(() => later);
    onTestFinished(() => clock.mockRestore());
    resolve();
    await until(() => counts.some((key) => key.includes("tulle_mirror_requests_total")));
    expect(copies).toEqual([]);
    const result = { source_principal: "-", cluster: "mirror", result: "timeout" };
    expect(counts).toContain(counterKey("tulle_mirror_requests_total", result));
  });

  it("is not waited for about a copy for longer than the platform lets a call live that has ended", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    onTestFinished(() => resolve());
    const timers = vi.spyOn(globalThis, "setTimeout");
    onTestFinished(() => timers.mockRestore());
    answers(async () => {
      await promise;
      return new Response(null, { status: 403 });
    });
    expect((await call("/copied")).status).toBe(200);
    await until(() => asked.length === 1);
    const times = timers.mock.calls.map(([, ms]) => ms ?? 0);
    expect(times.filter((ms) => ms > 24_000 && ms <= 25_000)).toHaveLength(1);
    expect(times).not.toContain(600_000);
  });

  it("tells of it once a minute, and counts each", async () => {
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    answers(() => new Response(null, { status: 503 }));
    for (let at = 0; at < 3; at += 1) await call("/told");
    expect(warned).toHaveBeenCalledTimes(1);
    expect(warned).toHaveBeenCalledWith({ event: "ext_authz_failed", provider: "told", reason: "answer", open: false });
    expect(counts.filter((key) => key.includes("told"))).toHaveLength(3);
  });
});

describe("a body that is told", () => {
  it.each(["short", new Blob(["short"]).stream()])("goes whole to both, once read", async (body) => {
    const answer = await call("/body", { method: "POST", body });
    expect(answer.status).toBe(200);
    expect(asked).toMatchObject([{ method: "POST", body: "short", headers: { "x-envoy-auth-partial-body": "false" } }]);
    expect(passed).toMatchObject([{ body: "short" }]);
  });

  it.each(["far too long", new Blob(["far too long"]).stream()])(
    "is 413 where it is longer than may be told",
    async (body) => {
      const answer = await call("/body", { method: "POST", body });
      expect(answer.status).toBe(413);
      expect([asked.length, passed.length]).toEqual([0, 0]);
    },
  );

  it("is none where none came", async () => {
    expect((await call("/body")).status).toBe(200);
    expect(asked).toMatchObject([{ body: "" }]);
  });
});

describe("a call of Workers RPC", () => {
  it("is asked about as POST of its entrypoint and method", async () => {
    serveRpc("a", () => "done");
    const custom = [{ name: "default/rpc", provider: "plain", rules: [{}] }];
    const { policySets, ...slice } = served();
    await serveSlices({
      "mesh/*": { [HOST]: { ...slice, policySets: [{ ...OPEN, custom }, ...policySets.slice(1)] } },
    });
    expect(await callMethod({ service: HOST })).toBe("done");
    expect(asked).toMatchObject([{ method: "POST", url: `http://${HOST}/default/does` }]);
    answers(() => new Response("no", { status: 403 }));
    await expect(callMethod({ service: HOST })).rejects.toMatchObject({ name: "MeshDenied" });
    await serveSlices({ "mesh/*": { [HOST]: served() } });
  });
});

describe("a question in a trace", () => {
  const TRACE = "0af7651916cd43dd8448eb211c80319c";

  it("is a span below the gateway's, and the parent of what the authorizer does", async () => {
    const otel = { cluster: clusterOf("otel"), path: "/v1/traces", timeoutMs: 5_000 };
    const tracing = { collectors: { otel }, providers: ["otel"], sampling: 100 };
    await serveSlices({ "mesh/*": { [HOST]: served() } }, [], tracing);
    const spans: ToldSpan[] = [];
    answers(async (request) => {
      if (new URL(request.url).pathname !== "/v1/traces") return new Response("no", { status: 403 });
      spans.push(...toldSpans(await request.json()));
      return Response.json({});
    });
    const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
    expect((await call("/told/x?token=5ecre7", { headers })).status).toBe(403);
    await vi.waitUntil(
      async () => {
        await meshOf(env).spans.flush();
        return spans.length > 0;
      },
      { timeout: 60_000, interval: 5 },
    );
    const [server, check, ...others] = spans;
    expect(others).toEqual([]);
    expect(check).toMatchObject({
      traceId: TRACE,
      parentSpanId: server?.spanId,
      kind: "client",
      name: "async told egress",
      attributes: {
        "tulle.authorizer": "told",
        ext_authz_status: "ext_authz_unauthorized",
        "http.url": `http://${HOST}/check/told/x`,
      },
    });
    expect(asked[0]?.headers["traceparent"]).toBe(`00-${TRACE}-${check?.spanId}-01`);
    await serveSlices({ "mesh/*": { [HOST]: served() } });
  });
});
