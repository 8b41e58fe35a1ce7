import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Peer } from "../../src/identity/peer.ts";
import { filledBy, linkAuthorizers } from "../../src/policy/external-authorization.ts";
import type { Cluster, Endpoint, Slice } from "../../src/snapshot/model.ts";
import type { CompiledExpression, MeshTelemetry, TelemetrySettings } from "../../src/snapshot/telemetry-model.ts";
import { Journal } from "../../src/telemetry/journal.ts";
import { linkOfCall } from "../../src/telemetry/attributes.ts";
import { linkLogFormat } from "../../src/telemetry/log-format.ts";
import { foldedKey, MetricSums, sumOf, underLabels } from "../../src/telemetry/metrics.ts";
import type { MetricDelta } from "../../src/snapshot/rpc.ts";
import { pieceText } from "../support/piece-text.ts";
import { prometheusPieces } from "../../src/telemetry/prometheus-text.ts";
import { reachedIn } from "../../src/telemetry/seen-callers.ts";
import { SeriesIndex } from "../../src/telemetry/series.ts";
import { spanSettings } from "../../src/telemetry/span-settings.ts";
import { TelemetryIndex, wants } from "../../src/telemetry/told.ts";

const NOW = 1_700_000_000_000;
const CART: Peer = {
  principal: "cluster.local/ns/shop/sa/cart",
  namespace: "shop",
  trustDomain: "cluster.local",
  by: "binding",
};
const ROOT = { trust: { domain: "cluster.local", aliases: [], authorities: [] } };
const ENDPOINT = {
  id: "binding:EP_REVIEWS",
  workload: { name: "reviews-v1", namespace: "default", principal: null, app: "reviews", version: "v1" },
} as Endpoint;
const CLUSTER = {
  id: "outbound|9080||reviews",
  port: 9_080,
  service: { host: "reviews", name: "reviews", namespace: "default" },
} as Cluster;

function call(more: Partial<Journal> = {}): Journal {
  const journal = new Journal(NOW - 12, "id-1", "GET");
  return Object.assign(journal, { path: "/a", status: 200, peer: CART, endpoint: ENDPOINT, cluster: CLUSTER, ...more });
}

const above = (code: number): CompiledExpression => ({
  kind: ">=",
  left: { kind: "attribute", name: "response.code" },
  right: { kind: "value", value: code },
});
const logging = (code: number): TelemetrySettings => ({
  accessLog: { sinks: [{ provider: "envoy", filter: above(code) }] },
});

describe("what is told of a call", () => {
  const model: MeshTelemetry = {
    settings: [{}, logging(400), logging(500), { accessLog: { sinks: [] } }],
    mesh: { client: 3, server: 3 },
    namespaces: { shop: { client: 1, server: 0 }, default: { client: 0, server: 2 } },
    callers: { "shop/quiet": 3 },
  };
  const sinksOf = (journal: Journal, slice?: Slice) => new TelemetryIndex(model, ROOT).of(journal, slice).sinks;

  it("is what either side wants, in one line a provider", () => {
    const [sink, ...others] = sinksOf(call());
    expect(others).toEqual([]);
    expect([200, 404, 503].map((status) => sink && wants(sink, call({ status }), NOW))).toEqual([false, true, true]);
  });

  it("is the service's side alone where the caller wants nothing", () => {
    const journal = call({ peer: { ...CART, principal: "cluster.local/ns/shop/sa/quiet" } });
    const [sink] = sinksOf(journal);
    expect([404, 503].map((status) => sink && wants(sink, call({ status }), NOW))).toEqual([false, true]);
  });

  it("is the mesh's where nobody is known, and the caller's where no endpoint was chosen", () => {
    const nobody: Peer = { principal: null, namespace: null, trustDomain: null, by: "none" };
    expect(sinksOf(call({ peer: nobody, endpoint: null }))).toEqual([]);
    expect(sinksOf(call({ endpoint: null }))).toHaveLength(1);
  });

  it("is an endpoint's own where its slice says so", () => {
    const slice = { telemetry: [{ accessLog: { sinks: [] } }] } as unknown as Slice;
    const journal = call({
      endpoint: { ...ENDPOINT, telemetry: 0 },
      peer: { ...CART, principal: "c/ns/shop/sa/quiet" },
    });
    expect(sinksOf(journal, slice)).toEqual([]);
  });
});

describe("a line for a collector", () => {
  const otlp = {
    name: "shop",
    labels: { code: "%RESPONSE_CODE%", who: '"%REQ(USER-AGENT)%" é', none: "%ROUTE_NAME%" },
  };
  const model: MeshTelemetry = {
    settings: [{ accessLog: { sinks: [{ provider: "otel", format: { text: '"%REQ(:METHOD)%" %DURATION%' }, otlp }] } }],
    mesh: { client: 0, server: 0 },
  };
  const logs = { otel: { cluster: CLUSTER, path: "/v1/logs", timeoutMs: 1 } };
  const tracing = { collectors: {}, providers: [], sampling: 0, logs };

  it("has the provider's text as its body, each label as an attribute, and the call's time and trace", () => {
    const [sink] = new TelemetryIndex(model, { ...ROOT, tracing }).of(call(), undefined).sinks;
    expect(sink?.to).toEqual({ collector: logs.otel, name: "shop" });
    const traced = { traceId: "a".repeat(32), spanId: "b".repeat(16), headers: { "user-agent": 'x"é' } };
    expect(JSON.parse(sink?.write?.(call(traced), "edge", NOW) ?? "")).toEqual({
      timeUnixNano: `${NOW - 12}000000`,
      observedTimeUnixNano: `${NOW}000000`,
      traceId: traced.traceId,
      spanId: traced.spanId,
      flags: 0,
      body: { stringValue: '"GET" 12' },
      attributes: [
        { key: "code", value: { stringValue: "200" } },
        { key: "who", value: { stringValue: '"x"é" é' } },
        { key: "none", value: { stringValue: "-" } },
      ],
    });
  });

  it("is bounded, whatever the client sent, and readable", () => {
    const [sink] = new TelemetryIndex(
      {
        ...model,
        settings: [
          {
            accessLog: {
              sinks: [
                {
                  provider: "otel",
                  format: { text: "%REQ(A)%".repeat(20) },
                  otlp: {
                    name: "",
                    labels: Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`l${at}`, "%REQ(A)%"])),
                  },
                },
              ],
            },
          },
        ],
      },
      { ...ROOT, tracing },
    ).of(call(), undefined).sinks;
    const text = sink?.write?.(call({ headers: { a: '\u00e9"'.repeat(40_000) } }), "edge", NOW) ?? "";
    expect(text.length).toBeLessThan(17_000);
    expect(JSON.parse(text)).toHaveProperty("body.stringValue");
  });

  it("is none, and nothing is printed in its stead, where the gateway was not told of the collector", () => {
    expect(new TelemetryIndex(model, ROOT).of(call(), undefined).sinks).toEqual([]);
  });
});

describe("a format of the log", () => {
  const line = (text: string, more: Partial<Journal> = {}) => linkLogFormat({ text })(call(more), "edge", NOW);

  it.each([
    ["%START_TIME% %DURATION% %RESPONSE_CODE%", "2023-11-14T22:13:19.988Z 12 200"],
    ["%START_TIME(%H:%M)% %HOSTNAME% %%", "22:13 edge %"],
    ["%REQ(:METHOD)% %REQ(X-A?:PATH)% %REQ(X-B)%", "GET /a?token&b -"],
    ["%REQ(X-LONG):3% %RESP(Y)% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", "abc z 7"],
    ["%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %ROUTE_NAME%", "binding:EP_REVIEWS outbound|9080||reviews -"],
    ["%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_REMOTE_ADDRESS%", "spiffe://cluster.local/ns/shop/sa/cart [::1]:0"],
    ["%REQ(AUTHORIZATION)%|%REQ(REFERER)%|%PROTOCOL%", "-|https://a.test/b|-"],
  ])("%s", (text, want) => {
    const headers = { "x-long": "abcdef", authorization: "Bearer s", referer: "https://a.test/b?token=s" };
    const answer = new Headers({ y: "z" });
    expect(line(text, { query: "token=s&b", headers, answer, upstreamMs: 7, clientIp: "::1" })).toBe(want);
  });

  it("stays JSON, whatever stands beside the operators", () => {
    const write = linkLogFormat({ fields: { took: 'about "%DURATION%" \\ ms', plain: 'a"b' } });
    expect(JSON.parse(write(call(), "edge", NOW))).toEqual({ took: 'about "12" \\ ms', plain: 'a"b' });
  });

  it("tells no header that a rule of the host takes tokens from, no more than a span's tag or a label does", () => {
    const journal = call({ headers: { "x-user-jwt": "a.b.c", "x-tier": "gold" }, secret: new Set(["x-user-jwt"]) });
    const format = "%REQ(X-USER-JWT)% %REQ(X-USER-JWT?X-TIER)%";
    expect(linkLogFormat({ text: format })(journal, "edge", NOW)).toBe("- gold");
    const told = {
      providers: ["p"],
      tags: [
        { name: "raw", header: "x-user-jwt" },
        { name: "instead", header: "x-user-jwt", fallback: "none" },
        { name: "tier", header: "x-tier" },
      ],
    };
    const plan = {
      provider: "p",
      collector: null,
      share: 1,
      b3: null,
      keepsErrors: true,
      slowMs: 1,
      meshId: "m",
      told,
    };
    expect(spanSettings(plan, journal, "edge", NOW).tags).toEqual([
      ["instead", "none"],
      ["tier", "gold"],
    ]);
    const label = linkOfCall({ kind: "header", of: "request", name: "x-user-jwt" });
    expect(label(journal, NOW)).toBeUndefined();
  });

  it("tells no header that an external authorizer may fill, by a pattern either, whoever wrote it", () => {
    const authorizers = { a: { cluster: "c", toService: [{ kind: "prefix", value: "x-auth-" }] } };
    const provided = filledBy([...linkAuthorizers({ authorizers } as unknown as Slice).values()]);
    const journal = call({ headers: { "x-auth-session": "s3", x_auth_id: "s4", "x-tier": "gold" }, provided });
    const format = "%REQ(X-AUTH-SESSION)% %REQ(X_AUTH_ID)% %REQ(X-TIER)%";
    expect(linkLogFormat({ text: format })(journal, "edge", NOW)).toBe("- - gold");
  });

  it("lets nothing from outside end a line or its quotes, and grows no longer than 8 KiB", () => {
    const text = line('"%REQ(X)%"', { headers: { x: 'a"\n\u2028\\' } });
    expect(text).toBe(String.raw`"a\"\n\u2028\\"`);
    expect(line("%REQ(X)%".repeat(50), { headers: { x: "é".repeat(9_000) } }).length).toBeLessThan(8_192);
  });

  it("as JSON keeps numbers and what is not there, and leaves out what has no room", () => {
    const write = linkLogFormat({
      fields: { code: "%RESPONSE_CODE%", who: "%REQ(X)%", both: "%RESPONSE_CODE% %REQ(X)%", ...many() },
    });
    const written = write(call(), "edge", NOW);
    expect(JSON.parse(written)).toMatchObject({ code: 200, who: null, both: "200 -" });
    const long = write(call({ path: "/".padEnd(9_000, '"') }), "edge", NOW);
    expect(long.length).toBeLessThan(8_192);
    expect(JSON.parse(long)).toHaveProperty("code", 200);
  });
});

function many(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`path-${at}`, "%REQ(:PATH)%"]));
}

describe("metrics that a Telemetry changes", () => {
  const said: CompiledExpression = { kind: "attribute", name: "request.url_path" };

  function count(metrics: TelemetrySettings["metrics"], journals: readonly Journal[]): MetricSums {
    const sums = new MetricSums();
    const index = new SeriesIndex(sums, new MetricSums(), () => undefined);
    const settings = metrics === undefined ? [{}] : [{}, { metrics }];
    const telemetry = new TelemetryIndex({ settings, mesh: { client: 0, server: settings.length - 1 } }, ROOT);
    for (const journal of journals) index.add(journal, NOW, telemetry);
    return sums;
  }

  function scraped(series: readonly MetricDelta[]): readonly string[] {
    const meta = { routes: [], exemplars: () => [], dropped: {}, folded: 0, gauges: {}, counts: {} };
    return pieceText(prometheusPieces({ series, ...meta }, "prometheus"))
      .split("\n")
      .filter((text) => text.startsWith("istio_"));
  }

  function shown(sums: MetricSums): readonly string[] {
    return scraped(sums.all()).filter((text) =>
      /^istio_(requests_total|request_duration_milliseconds_count)\{reporter="destination"/.test(text),
    );
  }

  it("get labels that calls fill, lose others, and stay apart from the metrics that are not changed", () => {
    const tags = [{ name: "path", value: said }, { name: "source_app" }];
    const sums = count({ overrides: [{ metric: "REQUEST_COUNT", tags }] }, [call(), call(), call({ path: "/b" })]);
    const texts = shown(sums);
    expect(texts).toHaveLength(3);
    expect(texts[0]).toMatch(/^istio_requests_total\{.*source_app="".*path="\/a"\} 2$/);
    expect(texts[1]).toMatch(/^istio_requests_total\{.*path="\/b"\} 1$/);
    expect(texts[2]).toMatch(/^istio_request_duration_milliseconds_count\{.*source_app="unknown".*[^}]*\} 3$/);
  });

  it("are not counted where they are disabled, one or all", () => {
    const only = shown(count({ overrides: [{ metric: "REQUEST_DURATION", disabled: true, tags: [] }] }, [call()]));
    expect(only.map((text) => text.split("{")[0])).toEqual(["istio_requests_total"]);
    expect(shown(count({ off: true, overrides: [] }, [call()]))).toEqual([]);
    expect(shown(count(undefined, [call()]))).toHaveLength(2);
  });

  it("read `unknown` where an expression cannot be worked out, and `other` past what an isolate finds", () => {
    const tags = [{ name: "x", value: { kind: "header", of: "request", name: "x" } as const }];
    const calls = Array.from({ length: 2_100 }, (_, at) => call({ headers: { x: String(at) } }));
    const texts = shown(count({ overrides: [{ metric: "REQUEST_COUNT", tags }] }, [call(), ...calls]));
    expect(texts.filter((text) => text.includes('x="unknown"'))).toHaveLength(1);
    expect(texts.find((text) => text.includes('x="other"'))).toMatch(/ 1601$/);
  });

  it("leave an isolate's room to other namespaces, whatever one of them finds", () => {
    const tags = [{ name: "x", value: { kind: "header", of: "request", name: "x" } as const }];
    const calls = Array.from({ length: 2_100 }, (_, at) => call({ headers: { x: String(at) } }));
    const elsewhere = { ...ENDPOINT, workload: { ...ENDPOINT.workload, namespace: "bank" } };
    const late = call({ headers: { x: "late" }, endpoint: elsewhere });
    const texts = shown(count({ overrides: [{ metric: "REQUEST_COUNT", tags }] }, [...calls, late]));
    expect(texts.find((text) => text.includes('x="late"'))).toMatch(/ 1$/);
  });

  it("tell who was seen calling once, and not where the caller's label is gone", () => {
    const tags = [{ name: "path", value: said }];
    const keys = (more: typeof tags) =>
      count({ overrides: [{ metric: "REQUEST_COUNT", tags: more }] }, [call()])
        .all()
        .map(({ labels }) => reachedIn(labels)?.caller);
    expect(keys(tags).filter((caller) => caller !== undefined)).toEqual(["cluster.local/ns/shop/sa/cart"]);
    const without = keys([...tags, { name: "source_principal" } as unknown as (typeof tags)[number]]);
    expect(without.filter((caller) => caller !== undefined)).toEqual([]);
  });

  it("are one series each of one name and its labels, which only grows, however settings follow each other", () => {
    const tags = fc.subarray([
      { name: "path", value: said },
      { name: "via", value: { kind: "value", value: "edge" } as const },
      { name: "source_app" } as unknown as { name: string; value: typeof said },
    ]);
    const override = fc.record({
      metric: fc.constantFrom("REQUEST_COUNT", "REQUEST_DURATION", "REQUEST_SIZE", "RESPONSE_SIZE"),
      disabled: fc.boolean(),
      tags: tags.chain((some) => fc.shuffledSubarray(some, { minLength: some.length })),
    });
    const settings = fc.record({ overrides: fc.uniqueArray(override, { selector: ({ metric }) => metric }) });
    const calls = fc.array(fc.constantFrom("/a", "/b"), { minLength: 1, maxLength: 3 });
    const turn = fc.record({ metrics: fc.option(settings, { nil: undefined }), paths: calls });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 2, maxLength: 6 }), (turns) => {
        const sums = new Map<string, MetricDelta>();
        let before = new Map<string, number>();
        const counted = {
          istio_requests_total: 0,
          istio_request_duration_milliseconds_count: 0,
          istio_request_bytes_count: 0,
        };
        for (const { metrics, paths } of turns) {
          const journals = paths.map((path) => call({ path, requestBytes: 7, bytes: 9 }));
          for (const one of count(metrics as TelemetrySettings["metrics"], journals)
            .take()
            .map(underLabels)) {
            const known = sums.get(one.labels);
            sums.set(one.labels, known === undefined ? one : sumOf(known, one));
          }
          const lines = scraped([...sums.values()]).map((line) => line.split(/ (?=\S+$)/));
          const now = new Map(lines.map(([name = "", value]) => [name, Number(value)]));
          expect(now.size).toBe(lines.length);
          for (const [name, value] of before) expect(now.get(name)).toBeGreaterThanOrEqual(value);
          before = now;
          const isOff = (metric: string) => metrics?.overrides.find((one) => one.metric === metric)?.disabled === true;
          if (!isOff("REQUEST_COUNT")) counted.istio_requests_total += paths.length;
          if (!isOff("REQUEST_DURATION")) counted.istio_request_duration_milliseconds_count += paths.length;
          if (!isOff("REQUEST_SIZE")) counted.istio_request_bytes_count += paths.length;
        }
        // As many as there were calls for which somebody wanted it, by each of the two reporters: the caller's side is never changed.
        for (const [name, wanted] of Object.entries(counted)) {
          const own = [...before].filter(([text]) => text.startsWith(`${name}{reporter="destination"`));
          expect([name, own.reduce((sum, [, value]) => sum + value, 0)]).toEqual([name, wanted]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("are folded as what they are of", () => {
    const first = count({ overrides: [{ metric: "REQUEST_COUNT", tags: [{ name: "path", value: said }] }] }, [call()])
      .all()
      .map(({ labels }) => labels)
      .find((labels) => labels.includes("REQUEST_COUNT"));
    expect(foldedKey(first ?? "")).toMatch(/^\["destination","other",.*\{"only":\["REQUEST_COUNT"\]\}\]$/);
  });
});
