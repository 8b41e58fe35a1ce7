import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { Cluster, CorsPolicy, JwtRule, Route } from "../../src/snapshot/model.ts";
import type { RehearsalModel } from "../../src/snapshot/rehearsal-model.ts";
import { counterKey } from "../../src/telemetry/counters.ts";
import { hopHash } from "../../src/snapshot/hash.ts";
import { meshOf } from "../../workers/gateway/mesh.ts";
import { TestIssuer } from "../identity/tokens.ts";
import { env } from "./support/env.ts";
import { callInMesh, logged, serveSlices, until } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";
import { tapOf } from "./support/wire.ts";

const HOST = "a.default.svc.cluster.local";
const APP = "https://app.test";
const ISSUER = "https://issuer.test";
const CORS: CorsPolicy = {
  origins: [{ kind: "exact", value: APP }],
  methods: "GET",
  exposed: "x-a",
  unmatched: "FORWARD",
};

/** What the route for each path has beside its destination `a`. */
const ROUTES: Readonly<Record<string, Partial<Route>>> = {
  "/cors": { cors: CORS },
  "/abort": { fault: { abort: { share: 1, status: 555 } } },
  "/delay": { fault: { delay: { share: 1, ms: 30 } }, timeoutMs: 20_000 },
  "/both": {
    fault: { delay: { share: 1, ms: 1 }, abort: { share: 1, status: 503 } },
    mirrors: [{ cluster: "b", share: 1 }],
  },
  "/long": { fault: { delay: { share: 1, ms: 600_000 } } },
  "/mirror": {
    mirrors: [{ cluster: "b", share: 1 }],
    request: { set: [["x-route", "1"]] },
    rewrite: { uri: "/copied" },
  },
  "/tried": {
    mirrors: [{ cluster: "b", share: 1 }],
    retries: { attempts: 2, on: ["5xx"], statusCodes: [], backoffMs: 1 },
  },
  "/never": { mirrors: [{ cluster: "b", share: 0 }] },
  "/refused": { mirrors: [{ cluster: "closed", share: 1 }] },
  "/token": { mirrors: [{ cluster: "token", share: 1 }] },
  "/nobody": { mirrors: [{ cluster: "nobody", share: 1 }] },
  "/brief": { mirrors: [{ cluster: "b", share: 1 }], timeoutMs: 1_000 },
  "/itself": { destinations: [{ cluster: "both", weight: 1 }], mirrors: [{ cluster: "both", share: 1 }] },
  "/full": { mirrors: [{ cluster: "full", share: 1 }] },
  "/held": { destinations: [{ cluster: "narrow", weight: 1, rehearsals: [1] }] },
  "/ended": { destinations: [{ cluster: "b", weight: 1, rehearsals: [3] }] },
  "/broken": { destinations: [{ cluster: "b", weight: 1, rehearsals: [0] }] },
  "/slow": { destinations: [{ cluster: "b", weight: 1, rehearsals: [2] }], timeoutMs: 20 },
};

const LATER = Number.MAX_SAFE_INTEGER;
const HELD = { "x-held": "1" };
const REHEARSALS: readonly RehearsalModel[] = [
  { name: "default/broken", endsAt: LATER, share: 1, abort: { status: 418 } },
  {
    name: "default/held",
    endsAt: LATER,
    share: 1,
    headers: [{ name: "x-held", match: { kind: "present" } }],
    delayMs: 600_000,
  },
  { name: "default/slow", endsAt: LATER, share: 1, delayMs: 60 },
  { name: "default/ended", endsAt: 1, share: 1, abort: { status: 418 } },
];

/** What a call to this service is told of hops; of the mesh's own, a copy among them. */
const hopTo = (name: string): string => `tulle=h:1;p:${hopHash(`${name}.default.svc.cluster.local`)}`;

let issuer: TestIssuer;
interface Copy {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came to the service `b`, the mirror. */
let copies: Copy[] = [];

/** The service `b` under another cluster's name. */
function mirrorCluster(id: string, policySet: number, changes: Partial<Cluster> = {}): Cluster {
  const [cluster] = Object.values(sliceOf("b.default.svc.cluster.local").clusters);
  if (cluster === undefined) throw new Error("a slice has a cluster");
  const endpoints = cluster.endpoints.map((endpoint) => ({ ...endpoint, policySet }));
  return { ...cluster, id, endpoints, ...changes };
}

/** The endpoints of both, in turn. */
function bothOf(one: Cluster | undefined, other: Cluster): Cluster {
  return { ...other, loadBalancer: "ROUND_ROBIN", endpoints: [...(one?.endpoints ?? []), ...other.endpoints] };
}

beforeAll(async () => {
  issuer = await TestIssuer.create(["ES256"]);
  const slice = sliceOf(HOST);
  const [main = ""] = Object.keys(slice.clusters);
  const open = { mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] } as const;
  const rule: JwtRule = {
    name: "default/jwt/0",
    issuer: ISSUER,
    audiences: [],
    keys: { kind: "inline", jwks: JSON.stringify(issuer.jwks) },
    from: { headers: [{ name: "authorization", prefix: "Bearer " }], params: [], cookies: [] },
    forwardOriginalToken: false,
    outputPayloadToHeader: "x-payload",
    outputClaimToHeaders: [],
    spaceDelimitedClaims: [],
  };
  const withToken = {
    from: [{ requestPrincipals: [{ issuer: { kind: "nonempty" }, subject: { kind: "nonempty" } }] }],
  } as const;
  const full = { pool: { maxConnections: 1 } };
  await serveSlices({
    "mesh/*": {
      [HOST]: {
        ...slice,
        routes: Object.entries(ROUTES).map(([path, route]) => ({
          name: path,
          matches: [{ uri: { kind: "exact", value: path } }],
          destinations: [{ cluster: main, weight: 1 }],
          ...route,
        })),
        clusters: {
          ...slice.clusters,
          b: mirrorCluster("b", 0),
          closed: mirrorCluster("closed", 1),
          token: mirrorCluster("token", 2),
          nobody: mirrorCluster("nobody", 0, { endpoints: [] }),
          both: bothOf(slice.clusters[main], mirrorCluster("both", 0)),
          full: mirrorCluster("full", 0, full),
          narrow: mirrorCluster("narrow", 0, { pool: { maxConnections: 1, maxPending: 0 } }),
        },
        rehearsals: REHEARSALS,
        policySets: [
          open,
          { ...open, deny: [{ name: "default/closed", rules: [{}] }] },
          { ...open, jwt: [rule], allow: [{ name: "default/token", rules: [withToken] }] },
        ],
      },
    },
  });
});

beforeEach(() => {
  copies = [];
  serve("a", () => new Response("hello"));
  serve("b", async (request) => {
    await keep(request);
    return new Response("copy", { headers: { "x-copy": "1" } });
  });
});

/** Nothing of a request may be looked at by another one, the test's own. */
async function keep(request: Request): Promise<void> {
  const { url, headers } = request;
  copies.push({ url, headers: Object.fromEntries(headers), body: await request.text() });
}

const call = (path: string, init: RequestInit = {}) => callInMesh(`http://${HOST}${path}`, init);

/** A body that does not tell how long it is. */
function chunked(text: string): ReadableStream {
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  // Whoever reads it may leave it.
  writer
    .write(new TextEncoder().encode(text))
    .then(async () => writer.close())
    .catch(() => undefined);
  return readable;
}

const keyOf = (cluster: string, result: string): string =>
  counterKey("tulle_mirror_requests_total", { source_principal: "-", cluster, result });

/** What the gateway counted since the test began. */
let counts: string[] = [];
beforeEach(() => {
  const { configuration } = meshOf(env);
  const count = configuration.count.bind(configuration);
  counts = [];
  vi.spyOn(configuration, "count").mockImplementation((key) => {
    counts.push(key);
    count(key);
  });
});
afterEach(() => void vi.restoreAllMocks());

/** Waits for a copy with this result. */
async function counted(cluster: string, result: string): Promise<void> {
  await until(() => counts.includes(keyOf(cluster, result)));
}

/** Longer than any event takes on the busiest machine. */
const PATIENCE_MS = 60_000;

/** Waits until the cell was told of a copy with this result. */
async function told(cluster: string, result: string): Promise<void> {
  await vi.waitUntil(async () => {
    const ctx = createExecutionContext();
    meshOf(env).configuration.arm(ctx);
    await waitOnExecutionContext(ctx);
    return tapOf("gateway").ups.some((up) => up.counts?.[keyOf(cluster, result)] !== undefined);
  }, PATIENCE_MS);
}

describe("a route's CORS policy", () => {
  it("answers a preflight without the service, and has the last word on what the service says", async () => {
    const asked: string[] = [];
    serve("a", ({ method }) => {
      asked.push(method);
      return new Response("hello", { headers: { "access-control-allow-origin": "*", vary: "Accept" } });
    });
    const headers = { origin: APP, "access-control-request-method": "GET" };
    const lines = await logged(async () => {
      const preflight = await call("/cors", { method: "OPTIONS", headers });
      expect([preflight.status, await preflight.text()]).toEqual([200, ""]);
      expect(preflight.headers.get("access-control-allow-methods")).toBe("GET");
      expect(preflight.headers.get("access-control-allow-origin")).toBe(APP);
    });
    expect(lines).toMatchObject([{ status: 200, details: "cors_preflight", response_flags: "-", attempts: 0 }]);
    const answer = await call("/cors", { headers });
    expect(await answer.text()).toBe("hello");
    expect(answer.headers.get("access-control-allow-origin")).toBe(APP);
    expect(answer.headers.get("access-control-expose-headers")).toBe("x-a");
    expect(answer.headers.get("vary")).toBe("Accept, Origin");
    expect(asked).toEqual(["GET"]);
  });

  it("tells a page why its request failed, where the gateway answers in the service's place", async () => {
    serve("a", () => {
      throw new Error("broken");
    });
    const answer = await call("/cors", { headers: { origin: APP } });
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([503, APP]);
    const other = await call("/cors", { headers: { origin: "https://evil.test" } });
    expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([503, null]);
  });
});

describe("a route's fault", () => {
  it("answers in the service's place, without a mark against it", async () => {
    serve("a", () => {
      throw new Error("nobody may call it");
    });
    const lines = await logged(async () => {
      const answer = await call("/abort");
      expect([answer.status, await answer.text()]).toEqual([555, "fault filter abort"]);
    });
    expect(lines).toMatchObject([
      { status: 555, response_flags: "FI", details: "fault_filter_abort", attempts: 0, endpoint: null },
    ]);
  });

  it("holds a call back, and says so beside the call's own flags", async () => {
    const [good] = await logged(async () => (await call("/delay")).text());
    expect(good).toMatchObject({ status: 200, response_flags: "DI", details: "via_upstream", attempts: 1 });
    const [both] = await logged(async () => (await call("/both")).text());
    expect(both).toMatchObject({ status: 503, response_flags: "DI,FI", mirrors: 0 });
  });

  it("ends with its client, before anything is sent", async () => {
    const client = new AbortController();
    const [line] = await logged(async () => {
      const answer = call("/long", { signal: client.signal });
      await scheduler.wait(0);
      client.abort();
      await expect(answer).rejects.toThrow();
    });
    expect(line).toMatchObject({ response_flags: "DI,DC", route: "/long", attempts: 0 });
  });
});

describe("a rehearsal", () => {
  it("answers in the service's place as a fault does, and the log says which one it was", async () => {
    const [line] = await logged(async () => {
      const answer = await call("/broken");
      expect([answer.status, await answer.text()]).toEqual([418, "fault filter abort"]);
    });
    expect(line).toMatchObject({
      status: 418,
      response_flags: "FI",
      details: "fault_filter_abort",
      policy: "default/broken",
      attempts: 0,
    });
    expect(copies).toEqual([]);
  });

  it("holds a call before its route's time begins", async () => {
    const [line] = await logged(async () => expect(await (await call("/slow")).text()).toBe("copy"));
    expect(line).toMatchObject({ status: 200, response_flags: "DI", attempts: 1 });
  });

  it("holds a call in its place among those that run, until its client leaves", async () => {
    const client = new AbortController();
    const lines = await logged(async () => {
      const held = call("/held", { signal: client.signal, headers: HELD });
      const status = async () => {
        const answer = await call("/held");
        return [answer.status, await answer.text()];
      };
      const overflow = "upstream connect error or disconnect/reset before headers. reset reason: overflow";
      await vi.waitFor(async () => expect(await status()).toEqual([503, overflow]), PATIENCE_MS);
      client.abort();
      await expect(held).rejects.toThrow();
      await vi.waitFor(async () => expect(await status()).toEqual([200, "copy"]), PATIENCE_MS);
    });
    expect(lines.find(({ response_flags: flags }) => flags === "DI,DC")).toMatchObject({ route: "/held", attempts: 0 });
  });

  it("that has ended meets nobody, though the configuration still has it", async () => {
    expect(await (await call("/ended")).text()).toBe("copy");
  });
});

describe("a mirror", () => {
  it("gets the request as the service does, outside of the trace, and its answer is nobody's", async () => {
    let sent: Record<string, string> = {};
    serve("a", (request) => {
      sent = { url: request.url, ...Object.fromEntries(request.headers) };
      return new Response("hello");
    });
    const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    const [line] = await logged(async () => {
      const answer = await call("/mirror", { headers: { "x-mine": "2", traceparent } });
      expect([await answer.text(), answer.headers.get("x-copy")]).toEqual(["hello", null]);
    });
    expect(line).toMatchObject({ status: 200, attempts: 1, mirrors: 1 });
    await until(() => copies.length === 1);
    const [copy] = copies;
    const got = { url: copy?.url, ...copy?.headers };
    expect(sent).toMatchObject({ url: `http://${HOST}/copied`, "x-route": "1", "x-mine": "2" });
    expect(sent["traceparent"]).toMatch(/-01$/);
    const own = { traceparent: sent["traceparent"]?.replace(/-01$/, "-00"), tracestate: hopTo("b") };
    expect(sent["tracestate"]).toBe(hopTo("a"));
    expect(got).toEqual({ ...sent, ...own });
    await told("b", "2xx");
  });

  it("of the service itself gets copies at each of its endpoints, as each of them gets calls", async () => {
    const seen: string[] = [];
    for (const name of ["a", "b"] as const)
      serve(name, ({ headers }) => {
        seen.push(`${name} ${headers.get("traceparent")?.endsWith("-00") === true ? "copy" : "call"}`);
        return new Response("hello");
      });
    const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    for (let at = 0; at < 4; at += 1) await (await call("/itself", { headers: { traceparent } })).text();
    await until(() => seen.length === 8);
    expect(seen.toSorted()).toEqual(["a call", "a call", "a copy", "a copy", "b call", "b call", "b copy", "b copy"]);
  });

  it("gets a small body whole", async () => {
    let body = "";
    serve("a", async (request) => {
      body = await request.text();
      return new Response("hello");
    });
    const sent = "b".repeat(65_536);
    await (await call("/mirror", { method: "POST", body: sent })).text();
    await until(() => copies.length === 1);
    expect([body, copies[0]?.body]).toEqual([sent, sent]);
  });

  it.each([
    ["body_too_large", "b".repeat(65_537)],
    ["body_length_unknown", null],
  ])("gets none of a request with a body that is not kept: %s", async (result, text) => {
    let length = 0;
    serve("a", async (request) => {
      length = (await request.arrayBuffer()).byteLength;
      return new Response("hello");
    });
    const answer = call("/mirror", { method: "POST", body: text ?? chunked("body") });
    expect(await (await answer).text()).toBe("hello");
    expect(length).toBeGreaterThan(0);
    await counted("b", result);
    expect(copies).toEqual([]);
  });

  describe("of an isolate without room", () => {
    const ROOM = 12 * 1_048_576;
    const fill = (bytes: number): void => {
      const { memory } = meshOf(env);
      expect(memory.take(bytes)).toBe(true);
      onTestFinished(() => memory.give(bytes));
    };

    it.each([
      ["what a kept body needs", "POST", ROOM - 3],
      ["what a copy needs", "GET", ROOM - 8_191],
      ["what a copy needs beside a kept body", "POST", ROOM - 8_192 - 7],
    ])("gets none where less is left than %s", async (_, method, bytes) => {
      fill(bytes);
      let body = "";
      serve("a", async (request) => {
        body = await request.text();
        return new Response("hello");
      });
      const sent = method === "POST" ? "body" : "";
      expect(await (await call("/mirror", { method, ...(sent !== "" && { body: sent }) })).text()).toBe("hello");
      expect(body).toBe(sent);
      await counted("b", "overflow");
      expect(copies).toEqual([]);
    });

    it("gets the next one as soon as the others have ended", async () => {
      fill(ROOM - 8_192 - 8);
      for (let copy = 1; copy <= 3; copy += 1) {
        expect(await (await call("/mirror", { method: "POST", body: "body" })).text()).toBe("hello");
        await until(() => copies.length === copy && counts.filter((key) => key === keyOf("b", "2xx")).length === copy);
      }
    });
  });

  it("fails without a trace in the answer", async () => {
    serve("b", () => {
      throw new Error("broken");
    });
    const [line] = await logged(async () => {
      const answer = await call("/mirror");
      expect([answer.status, await answer.text()]).toEqual([200, "hello"]);
    });
    expect(line).toMatchObject({ status: 200, response_flags: "-" });
    await counted("b", "failed");
  });

  it.each([
    ["/refused", "closed", "refused"],
    ["/token", "token", "refused"],
    ["/nobody", "nobody", "no_endpoint"],
  ])("at %s is not called", async (path, cluster, result) => {
    expect(await (await call(path)).text()).toBe("hello");
    await counted(cluster, result);
    expect(copies).toEqual([]);
  });

  it("is judged by its own rules for tokens, for which the request does not wait", async () => {
    const token = await issuer.sign({ iss: ISSUER, sub: "u", exp: Math.floor(Date.now() / 1_000) + 600 });
    const headers = { authorization: `Bearer ${token}` };
    expect(await (await call("/token", { headers })).text()).toBe("hello");
    await until(() => copies.length === 1);
    expect(copies[0]?.headers["authorization"]).toBeUndefined();
    expect(copies[0]?.headers["x-payload"]).toBe(token.split(".")[1]);
    const bad = { authorization: `Bearer ${token.slice(0, -4)}AAAA` };
    expect(await (await call("/token", { headers: bad })).text()).toBe("hello");
    await counted("token", "refused");
    expect(copies).toHaveLength(1);
  });

  it("gets one copy, however often the request is tried", async () => {
    let tries = 0;
    serve("a", () => {
      tries += 1;
      return new Response("hello", { status: tries < 3 ? 503 : 200 });
    });
    expect(await (await call("/tried")).text()).toBe("hello");
    await counted("b", "2xx");
    expect([tries, copies.length]).toEqual([3, 1]);
  });

  it("gets its copy whole, where the client goes away meanwhile", async () => {
    const held = { yes: true };
    const answer = async (request: Request): Promise<Response> => {
      if (request.headers.has("x-copy-of")) await keep(request);
      while (held.yes) await scheduler.wait(5);
      return new Response("done");
    };
    serve("a", answer);
    serve("b", answer);
    const client = new AbortController();
    const [line] = await logged(async () => {
      const response = call("/mirror", { signal: client.signal, headers: { "x-copy-of": "1" } });
      await until(() => copies.length === 2);
      client.abort();
      await expect(response).rejects.toThrow();
    });
    expect(line).toMatchObject({ response_flags: "DC", mirrors: 1 });
    held.yes = false;
    await counted("b", "2xx");
  });

  it("has the route's time, while the client has its answer long since", async () => {
    serve("b", async () => {
      await scheduler.wait(20_000);
      return new Response("late");
    });
    expect(await (await call("/brief")).text()).toBe("hello");
    await counted("b", "timeout");
  });

  it.each(["hangs", "goes on without end"])("holds nothing past the route's time where its answer %s", async (how) => {
    const { memory, callers } = meshOf(env);
    const bytes = 12 * 1_048_576;
    const isWhole = (): boolean => {
      if (!memory.take(bytes)) return false;
      memory.give(bytes);
      return true;
    };
    const held = { yes: true };
    onTestFinished(() => void (held.yes = false));
    serve("b", () => {
      const { readable, writable } = new IdentityTransformStream();
      const writer = writable.getWriter();
      void (async () => {
        await writer.write(new Uint8Array(10));
        while (held.yes) await (how === "hangs" ? null : writer.write(new Uint8Array(10)), scheduler.wait(20));
      })().catch(() => undefined);
      return new Response(readable);
    });
    expect(await (await call("/brief", { method: "POST", body: "body" })).text()).toBe("hello");
    expect(isWhole()).toBe(false);
    await counted("b", "timeout");
    await until(isWhole);
    expect(callers.active.size).toBe(0);
  });

  it("does not wait for a place among those that run", async () => {
    const held = { yes: true };
    serve("b", async (request) => {
      await keep(request);
      while (held.yes) await scheduler.wait(5);
      return new Response("copy");
    });
    await (await call("/full")).text();
    await until(() => copies.length === 1);
    await (await call("/full")).text();
    await counted("full", "overflow");
    held.yes = false;
    expect(copies).toHaveLength(1);
    await counted("full", "2xx");
  });

  it("with a share of 0 gets nothing, and none of an upgrade", async () => {
    await (await call("/never")).text();
    serve("a", () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      return new Response(null, { status: 101, webSocket: client });
    });
    expect((await call("/mirror", { headers: { upgrade: "websocket" } })).status).toBe(101);
    await counted("b", "websocket");
    expect(copies).toEqual([]);
  });
});
