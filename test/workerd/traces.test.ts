import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Route } from "../../src/snapshot/model.ts";
import type { Collector, MeshTracing } from "../../src/snapshot/tracing-model.ts";
import { meshOf } from "../../workers/gateway/mesh.ts";
import { sendBatch } from "../../workers/gateway/send-batch.ts";
import { connected, type ToldSpan, toldSpans } from "../support/otlp.ts";
import { env } from "./support/env.ts";
import { callFromOutside, callInMesh, callMethod, logged, serveSlices, until } from "./support/gateway.ts";
import { serve, serveRpc } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${PARENT}-01`;
const NOT_SAMPLED = `00-${TRACE}-${PARENT}-00`;

const INGRESS = { name: "ingress", namespace: "edge", principal: null, app: "ingress", version: "v1" };

const ROUTES: Readonly<Record<string, Partial<Route>>> = {
  "/": {},
  "/default/does": {},
  "/tried": { retries: { attempts: 2, on: ["5xx"], statusCodes: [], backoffMs: 1 } },
  "/mirrored": { mirrors: [{ cluster: "copies", share: 1 }] },
  "/own": { request: { set: [["traceparent", "the route's"]] } },
};

function collectorOf(host: string, timeoutMs: number): Collector {
  return {
    cluster: Object.values(sliceOf(host).clusters)[0]!,
    path: "/v1/traces",
    headers: [["x-key", "1"]],
    timeoutMs,
  };
}

/** @param told what differs of a mesh in which one provider gets spans, and of what nobody decided about none is sampled */
async function traced(told: Partial<MeshTracing> = {}): Promise<void> {
  const slice = sliceOf(HOST);
  const [cluster] = Object.values(slice.clusters);
  const routes = Object.entries(ROUTES).map(([path, more]) => ({
    name: path,
    matches: [{ uri: { kind: "exact" as const, value: path } }],
    destinations: [{ cluster: cluster!.id, weight: 1 }],
    ...more,
  }));
  const copies = { ...cluster!, id: "copies" };
  const served = { ...slice, routes, clusters: { ...slice.clusters, copies } };
  const collectors = { otel: collectorOf("b.default.svc.cluster.local", 5_000) };
  const front = { gateway: "default/gw", workload: INGRESS, policySet: 0, clientCertificate: "none" } as const;
  await serveSlices({ "mesh/*": { [HOST]: served }, "gw/*": { "a.test": { ...served, front } } }, [], {
    collectors,
    providers: ["otel"],
    sampling: 0,
    keepErrors: true,
    slowMs: 60_000,
    ...told,
  });
}

let spans: ToldSpan[];
/** What came to the service, the last. */
let got: Record<string, string>;
/** What the collector does with what it got. */
let collect: (request: Request) => Response | Promise<Response>;

beforeEach(async () => {
  // Of the last test's, where the machine was slow.
  await meshOf(env).spans.flush();
  spans = [];
  got = {};
  collect = () => Response.json({});
  serve("b", async (request) => {
    const answer = await collect(request.clone());
    if (answer.ok) spans.push(...toldSpans(await request.json()));
    return answer;
  });
  serve("a", (request) => {
    got = Object.fromEntries(request.headers);
    return new Response("hello");
  });
  serveRpc("a", () => "done");
});

const call = (path: string, headers: Record<string, string> = {}) =>
  callInMesh(`http://${HOST}${path}`, { headers }).then(async (answer) => answer.text());

/** Sends what waits, as the timer of the exchange does, until all have arrived. */
async function told(count: number): Promise<void> {
  await vi.waitUntil(
    async () => {
      await meshOf(env).spans.flush();
      return spans.length >= count;
    },
    { timeout: 60_000, interval: 5 },
  );
  expect(spans).toHaveLength(count);
}

const ofKind = (kind: ToldSpan["kind"]) => spans.filter((span) => span.kind === kind);

describe("spans", () => {
  beforeAll(() => traced({ b3: "SINGLE" }));

  it("continue the caller's trace, and the attempt's is the parent of what the service does", async () => {
    await call("/?token=5ecre7", { traceparent: SAMPLED, authorization: "Bearer 5ecre7", cookie: "a=5ecre7" });
    await told(2);
    const [server] = ofKind("server");
    const [client] = ofKind("client");
    expect(server).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    expect(client).toMatchObject({ traceId: TRACE, parentSpanId: server?.spanId });
    expect(got["traceparent"]).toBe(`00-${TRACE}-${client?.spanId}-01`);
    expect(JSON.stringify(spans)).not.toContain("5ecre7");
  });

  it("are the log line's", async () => {
    const [line] = await logged(() => call("/", { traceparent: SAMPLED }));
    await told(2);
    expect(line).toMatchObject({ trace_id: TRACE, span_id: ofKind("server")[0]?.spanId });
  });

  it("are one for each attempt", async () => {
    const parents: string[] = [];
    serve("a", (request) => {
      parents.push(request.headers.get("traceparent")?.slice(36, 52) ?? "");
      return new Response("", { status: parents.length < 3 ? 503 : 200 });
    });
    await call("/tried", { traceparent: SAMPLED });
    await told(4);
    expect(ofKind("client").map(({ spanId }) => spanId)).toEqual(parents);
    expect(ofKind("client").map(({ attributes }) => attributes["http.response.status_code"])).toEqual([503, 503, 200]);
    expect(new Set(parents).size).toBe(3);
  });

  it("are one for a mirror's copy, whose service is not asked for any", async () => {
    const parents: string[] = [];
    serve("a", (request) => {
      parents.push(request.headers.get("traceparent") ?? "");
      return new Response("");
    });
    await call("/mirrored", { traceparent: SAMPLED });
    await told(3);
    const copy = spans.find(({ attributes }) => attributes["tulle.mirror"] === true);
    expect(parents).toContain(`00-${TRACE}-${copy?.spanId}-00`);
    expect(copy?.parentSpanId).toBe(ofKind("server")[0]?.spanId);
  });

  it("are none of what was not sampled, but for what failed", async () => {
    await call("/", { traceparent: NOT_SAMPLED });
    expect(got["traceparent"]).toMatch(/-00$/);
    serve("a", () => new Response("", { status: 500 }));
    await call("/", { traceparent: NOT_SAMPLED });
    await told(2);
    expect(ofKind("server")[0]?.attributes).toMatchObject({ "http.response.status_code": 500, "tulle.kept": "error" });
    expect(ofKind("server")[0]?.flags).toBe(0);
  });

  it("are not for a caller from outside to order", async () => {
    await callFromOutside("http://a.test/", {
      headers: { host: "a.test", traceparent: SAMPLED, tracestate: "tulle=h:9;p:aaaaaa,v=1" },
    });
    expect(got["traceparent"]).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    expect(got["tracestate"]).toMatch(/^tulle=h:1;p:[0-9a-f]{6},v=1$/);
  });

  it("continue what Zipkin's header says, and say it to the service", async () => {
    await call("/", { b3: `${TRACE}-${PARENT}-1` });
    await told(2);
    expect(ofKind("server")[0]).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    const span = ofKind("client")[0]?.spanId;
    expect(got["traceparent"]).toBe(`00-${TRACE}-${span}-01`);
    expect(got["b3"]).toBe(`${TRACE}-${span}-1-${ofKind("server")[0]?.spanId}`);
  });

  it("go out by the exchange's timer", async () => {
    await call("/", { traceparent: SAMPLED });
    await until(() => spans.length === 2);
  });

  it("leave what a route says of the context", async () => {
    await call("/own", { traceparent: SAMPLED });
    expect(got["traceparent"]).toBe("the route's");
    await told(2);
  });

  it("tell, as the log does, of a call that comes back", async () => {
    serve("a", async (request) => {
      got = Object.fromEntries(request.headers);
      const { traceparent = "", tracestate = "" } = got;
      const { length } = tracestate.split(".");
      return new Response(length < 3 ? await call("/", { traceparent, tracestate }) : "");
    });
    const lines = await logged(() => call("/", { traceparent: SAMPLED }), 3);
    await told(6);
    expect(lines.map((line) => line["loop"])).toEqual([2, 1, undefined]);
    expect(ofKind("server").map(({ attributes }) => [attributes["tulle.hops"], attributes["tulle.loop"]])).toEqual([
      [3, 2],
      [2, 1],
      [1, undefined],
    ]);
    expect(connected(spans, TRACE)).toHaveLength(6);
  });
});

describe("what is decided here", () => {
  beforeAll(() => traced({ sampling: 100, b3: "MULTI", slowMs: 150 }));

  it("is drawn where no decision came", async () => {
    await callFromOutside("http://a.test/", { headers: { host: "a.test", traceparent: NOT_SAMPLED } });
    expect(got["traceparent"]).toMatch(/-01$/);
    await call("/");
    expect(got["traceparent"]).toMatch(/-01$/);
    await told(4);
    await call("/", { traceparent: NOT_SAMPLED });
    expect(got["traceparent"]).toMatch(/-00$/);
  });

  it("is of calls of Workers RPC, too", async () => {
    await callMethod({ namespace: "default", serviceAccount: "web", service: HOST, port: 80 });
    await told(2);
    expect(ofKind("server")[0]).toMatchObject({
      name: "default/does",
      attributes: { "rpc.system": "workers-rpc", "tulle.source.principal": "cluster.local/ns/default/sa/web" },
    });
  });

  it("keeps what was slow, though its caller decided that nobody asks", async () => {
    serve("a", async () => {
      await scheduler.wait(200);
      return new Response("");
    });
    await call("/", { traceparent: NOT_SAMPLED });
    await told(2);
    expect(ofKind("server")[0]?.attributes["tulle.kept"]).toBe("slow");
  });

  it("is what Zipkin's headers say, in several of them", async () => {
    await call("/", { "x-b3-traceid": TRACE, "x-b3-spanid": PARENT, "x-b3-sampled": "1" });
    await told(2);
    expect(ofKind("server")[0]).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    const span = ofKind("client")[0]?.spanId;
    expect(got).toMatchObject({ "x-b3-traceid": TRACE, "x-b3-spanid": span, "x-b3-sampled": "1" });
  });

  it("is what a traceparent says, where both are there", async () => {
    await call("/", { traceparent: NOT_SAMPLED, b3: `${"1".repeat(32)}-${PARENT}-1` });
    expect(got).toMatchObject({ "x-b3-traceid": TRACE, "x-b3-sampled": "0" });
    expect(got).not.toHaveProperty("b3");
  });
});

describe("sendBatch", () => {
  const COLLECTOR = collectorOf("b.default.svc.cluster.local", 200);
  const sent = () => sendBatch(meshOf(env), COLLECTOR, "{}");

  beforeEach(() => {
    serve("b", (request) => collect(request));
  });

  it("calls the collector as its provider says", async () => {
    let asked: Request | undefined;
    collect = (request) => {
      asked = request;
      return Response.json({});
    };
    expect(await sent()).toEqual({ kind: "taken", rejected: 0 });
    expect([asked?.method, asked?.url]).toEqual(["POST", "http://b.default.svc.cluster.local/v1/traces"]);
    expect(Object.fromEntries(asked?.headers ?? [])).toMatchObject({
      host: "b.default.svc.cluster.local:80",
      "content-type": "application/json",
      "x-key": "1",
    });
  });

  it.each([
    ["status", () => new Response("no", { status: 500 })],
    ["status", () => Response.redirect("http://elsewhere.test/")],
    ["answer", () => new Response("<html>")],
    ["answer", () => new Response(" ".repeat(70_000))],
    ["timeout", () => scheduler.wait(60_000).then(() => new Response(""))],
    ["timeout", () => new Response(new ReadableStream({ pull: () => scheduler.wait(60_000) }))],
  ])("ends in time by %s", async (reason, does) => {
    collect = does;
    expect(await sent()).toEqual({ kind: "failed", reason });
  });

  it("tells what was not taken", async () => {
    collect = () => Response.json({ partialSuccess: { rejectedSpans: "3", errorMessage: "old" } });
    expect(await sent()).toEqual({ kind: "taken", rejected: 3 });
  });

  it("knows a collector that is gone, and one that has no endpoint", async () => {
    expect(await sendBatch(meshOf(env), collectorOf("gone.test", 5_000), "{}")).toMatchObject({
      reason: "unreachable",
    });
    expect(await sendBatch(meshOf(env), collectorOf("no-such-binding.test", 200), "{}")).toMatchObject({
      reason: "no_endpoint",
    });
  });
});

describe("hops, where nobody is told of traces", () => {
  const B = "b.default.svc.cluster.local";
  const FORGED = { traceparent: SAMPLED, tracestate: "tulle=h:15;p:aaaaaa.aaaaaa" };

  beforeAll(async () => {
    const front = { gateway: "default/gw", workload: INGRESS, policySet: 0, clientCertificate: "none" } as const;
    const [a, b] = [sliceOf(HOST), sliceOf(B)];
    // Whose endpoints are not told who calls.
    const clusters = Object.fromEntries(
      Object.entries(a.clusters).map(([id, cluster]) => [id, { ...cluster, anonymous: true as const }]),
    );
    const mesh = { [HOST]: a, [B]: b, "outside.test": { ...a, clusters } };
    await serveSlices({ "mesh/*": mesh, "gw/*": { "a.test": { ...a, front } } });
  });

  const outside = async (headers: Record<string, string>): Promise<string | undefined> => {
    const answer = await callFromOutside("http://a.test/", { headers: { host: "a.test", ...headers } });
    expect([answer.status, await answer.text()]).toEqual([200, "hello"]);
    return got["tracestate"];
  };

  it("end a loop of two services that pass the context on, and warn of it once a minute for each route", async () => {
    const asked: string[] = [];
    const other = { a: B, b: HOST };
    for (const name of ["a", "b"] as const)
      serve(name, async ({ headers }) => {
        asked.push(name);
        // What never ends would keep the test from saying so.
        if (asked.length > 20) return new Response("without end");
        const context = ["traceparent", "tracestate"].map((one) => [one, headers.get(one) ?? ""]);
        const answer = await callInMesh(`http://${other[name]}/`, { headers: Object.fromEntries(context) });
        return new Response(await answer.text(), { status: answer.status });
      });
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    try {
      let answer = "";
      const lines = await logged(async () => {
        const last = await callInMesh(`http://${HOST}/`);
        answer = `${last.status} ${await last.text()}`;
      }, 16);
      expect(answer).toBe("508 the request goes round in a loop of services");
      expect(asked.join("")).toBe("abababababababa");
      expect(lines.map(({ status }) => status)).toEqual(Array.from({ length: 16 }, () => 508));
      expect(lines.filter(({ details }) => details === "request_loop")).toMatchObject([{ response_flags: "LOOP" }]);
      const warned = warn.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>);
      const told = warned.filter(({ event }) => event === "many_hops");
      expect(told.map(({ service, hops }) => [service, hops])).toEqual([
        [B, 12],
        [HOST, 13],
      ]);
    } finally {
      warn.mockRestore();
    }
  });

  it("count what the mesh says alone: from outside nobody makes a request a loop, or hides one", async () => {
    expect(await outside(FORGED)).toBeUndefined();
    expect(await outside({ ...FORGED, tracestate: `${FORGED.tracestate}, vendor=1` })).toBe("vendor=1");
    const answer = await callInMesh(`http://${HOST}/`, { headers: FORGED });
    expect([answer.status, await answer.text()]).toEqual([508, "the request goes round in a loop of services"]);
  });

  it("cost a caller from outside no header, and are begun by the first call in the mesh", async () => {
    expect(await outside({})).toBeUndefined();
    await call("/");
    expect(got["tracestate"]).toMatch(/^tulle=h:1;p:[0-9a-f]{6}$/);
  });

  it("are told to nobody outside of the mesh", async () => {
    const passed = { traceparent: SAMPLED, tracestate: "tulle=h:1;p:aaaaaa, vendor=1" };
    expect((await callInMesh("http://outside.test/", { headers: passed })).status).toBe(200);
    expect(got["tracestate"]).toBe("vendor=1");
    expect((await callInMesh("http://outside.test/")).status).toBe(200);
    expect(got["tracestate"]).toBeUndefined();
  });
});
