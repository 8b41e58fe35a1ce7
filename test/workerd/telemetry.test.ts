import { beforeEach, describe, expect, it, vi } from "vitest";
import type { JwtRule, Slice } from "../../src/snapshot/model.ts";
import type { CompiledExpression, TelemetrySettings } from "../../src/snapshot/telemetry-model.ts";
import type { Collector } from "../../src/snapshot/tracing-model.ts";
import { meshOf } from "../../workers/gateway/mesh.ts";
import { toldLogs, type ToldSpan, toldSpans } from "../support/otlp.ts";
import { env } from "./support/env.ts";
import { callInMesh, logged, serveSlices } from "./support/gateway.ts";
import { serve } from "./support/services.ts";
import { sliceOf } from "./support/slices.ts";

const HOST = "a.default.svc.cluster.local";
const SHOP = { namespace: "shop", serviceAccount: "cart" };

const above = (code: number): CompiledExpression => ({
  kind: ">=",
  left: { kind: "attribute", name: "response.code" },
  right: { kind: "value", value: code },
});

let spans: ToldSpan[];
let lines: ReturnType<typeof toldLogs>;
/** What the collector of lines answers. */
let takes: number;
let got: Record<string, string>;
let status: number;

beforeEach(() => {
  spans = [];
  lines = [];
  takes = 200;
  got = {};
  status = 200;
  serve("a", (request) => {
    got = Object.fromEntries(request.headers);
    return new Response("hello", { status, headers: { "x-answer": "yes" } });
  });
  serve("b", async (request) => {
    const body = await request.json();
    if (new URL(request.url).pathname === "/v1/traces") spans.push(...toldSpans(body));
    else if (takes === 200) lines.push(...toldLogs(body));
    else return new Response("no", { status: takes });
    return Response.json({});
  });
});

/** @param shop what is told of calls that the namespace `shop` makes @param server and of calls to the service */
async function tell(
  shop: TelemetrySettings,
  server: TelemetrySettings = { accessLog: { sinks: [] } },
  changes: Partial<Slice> = {},
): Promise<void> {
  const [cluster] = Object.values(sliceOf("b.default.svc.cluster.local").clusters);
  const otel: Collector = { cluster: cluster!, path: "/v1/traces", timeoutMs: 5_000 };
  const logs: Collector = { cluster: cluster!, path: "/v1/logs", timeoutMs: 5_000 };
  const settings: TelemetrySettings[] = [{ accessLog: { sinks: [] } }, shop, server];
  await serveSlices(
    { "mesh/*": { [HOST]: sliceOf(HOST, changes) } },
    [],
    { collectors: { otel }, providers: ["otel"], sampling: 0, slowMs: 60_000, logs: { logs } },
    { settings, mesh: { client: 0, server: 2 }, namespaces: { shop: { client: 1, server: 2 } } },
  );
}

const call = (headers: Record<string, string> = {}, props = SHOP) =>
  callInMesh(`http://${HOST}/path?token=5ecre7&b`, { headers, props }).then(async (answer) => answer.text());

const until = async (condition: () => Promise<boolean>) => vi.waitUntil(condition, { timeout: 60_000, interval: 5 });

describe("the log", () => {
  it("has a line where an expression holds, in the form that the provider has", async () => {
    await tell({
      accessLog: {
        sinks: [
          {
            provider: "json",
            filter: above(500),
            format: {
              fields: {
                path: "%REQ(:PATH)%",
                code: "%RESPONSE_CODE%",
                answer: "%RESP(X-ANSWER)%",
                key: "%REQ(COOKIE)%",
              },
            },
          },
        ],
      },
    });
    const lines = await logged(async () => {
      await call({ cookie: "5ecre7" });
      status = 503;
      await call({ cookie: "5ecre7" });
      await call({}, { namespace: "other", serviceAccount: "a" });
    });
    expect(lines).toEqual([{ path: "/path?token&b", code: 503, answer: "yes", key: null }]);
  });

  it("tells no header that the host's rules take tokens from", async () => {
    const jwt: JwtRule = {
      name: "default/jwt/0",
      issuer: "https://issuer.test",
      audiences: [],
      keys: { kind: "inline", jwks: '{"keys":[]}' },
      from: { headers: [{ name: "x-user-jwt", prefix: "Bearer " }], params: [], cookies: [] },
      forwardOriginalToken: true,
      outputClaimToHeaders: [],
      spaceDelimitedClaims: [],
    };
    const format = { fields: { token: "%REQ(X-USER-JWT)%", tier: "%REQ(X-TIER)%" } };
    const policySets = [{ mtls: "PERMISSIVE", jwt: [jwt], deny: [], allow: [] }] as const;
    await tell({ accessLog: { sinks: [{ provider: "json", format }] } }, undefined, { policySets });
    const lines = await logged(() => call({ "x-user-jwt": "5ecre7", "x-tier": "gold" }));
    expect(lines).toEqual([{ token: null, tier: "gold" }]);
  });

  it("is one line for a provider that both sides name", async () => {
    const usual: TelemetrySettings = {};
    await tell(usual, usual);
    const lines = await logged(() => call());
    expect(lines).toMatchObject([{ event: "access", status: 200 }]);
  });
});

describe("the log of a collector", () => {
  const otlp = { name: "shop", labels: { code: "%RESPONSE_CODE%", answer: "%RESP(X-ANSWER)%", key: "%REQ(COOKIE)%" } };
  const sink = { provider: "logs", format: { text: "%REQ(:METHOD)% %REQ(:PATH)%" }, otlp };

  it("gets lines where an expression holds, and the platform's log has none of them", async () => {
    await tell({ accessLog: { sinks: [{ ...sink, filter: above(500) }] } });
    const printed = await logged(async () => {
      await call({ cookie: "5ecre7" });
      status = 503;
      await call({ cookie: "5ecre7" });
      await until(async () => {
        await meshOf(env).lines.flush();
        return lines.length > 0;
      });
    }, 0);
    expect(printed).toEqual([]);
    expect(lines).toEqual([
      {
        log: "shop",
        service: "gateway",
        body: "GET /path?token&b",
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
        attributes: { code: "503", answer: "yes", key: "-" },
      },
    ]);
  });

  it("loses lines while it refuses them, and they are counted", async () => {
    await tell({ accessLog: { sinks: [sink] } });
    takes = 500;
    const reasons: string[] = [];
    const drop = vi.spyOn(meshOf(env).configuration, "drop").mockImplementation((reason) => void reasons.push(reason));
    await call();
    await until(async () => {
      await meshOf(env).lines.flush();
      return reasons.length > 0;
    });
    drop.mockRestore();
    expect([reasons, lines]).toEqual([["logs_status"], []]);
  });
});

describe("spans", () => {
  const flushed = async (count: number) => {
    await until(async () => {
      await meshOf(env).spans.flush();
      return spans.length >= count;
    });
    return spans;
  };
  const tracing = { providers: ["otel"], sampling: 100, tags: [] };

  it("are sampled and tagged as each side says", async () => {
    await tell(
      { tracing: { ...tracing, tags: [{ name: "who", header: "x-who", fallback: "nobody" }], plain: true } },
      {
        tracing: {
          ...tracing,
          tags: [
            { name: "side", literal: "server" },
            { name: "code", format: "%RESPONSE_CODE%" },
          ],
        },
      },
    );
    await call({ "x-who": "me" });
    const told = await flushed(2);
    expect(told.find(({ kind }) => kind === "client")?.attributes).toMatchObject({ who: "me" });
    expect(told.find(({ kind }) => kind === "client")?.attributes).not.toHaveProperty("istio.mesh_id");
    expect(told.find(({ kind }) => kind === "server")?.attributes).toMatchObject({
      side: "server",
      code: "200",
      "istio.mesh_id": "cluster.local",
    });
  });

  it("are not told of a side that says so, while the context passes", async () => {
    await tell({ tracing: { ...tracing, off: true } }, { tracing });
    await call();
    expect((await flushed(1)).map(({ kind }) => kind)).toEqual(["server"]);
    expect(got["traceparent"]).toMatch(/-01$/);
  });

  it("leave the service without a context where none is to pass", async () => {
    await tell({ tracing: { ...tracing, cut: true } });
    await call({ "x-b3-traceid": "463ac35c9f6413ad48485a3953bb6124" });
    expect(got).not.toHaveProperty("traceparent");
    expect(got).not.toHaveProperty("tracestate");
    expect(got).not.toHaveProperty("x-b3-traceid");
  });
});
