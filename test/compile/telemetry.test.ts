import { describe, expect, it } from "vitest";
import type { TelemetrySettings } from "../../src/snapshot/telemetry-model.ts";
import { service, TestWorld } from "./world.ts";

function telemetry(name: string, spec: string, namespace = "istio-system"): string {
  return `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

function settings(spec: string): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec: ${spec}`;
}

function worldOf(...objects: readonly string[]): TestWorld {
  const world = new TestWorld();
  for (const object of objects)
    expect(world.apply(object).filter((message) => message.startsWith("error"))).toEqual([]);
  return world;
}

/** What holds for one side of a namespace's workloads, or of one caller's. */
function of(world: TestWorld, name: string, side: "client" | "server" = "client"): TelemetrySettings | undefined {
  const told = world.compiler.telemetry;
  if (told === null) return undefined;
  const number = told.callers?.[name] ?? (told.namespaces?.[name] ?? told.mesh)[side];
  return told.settings[number];
}

const LOGS = "accessLogging: [{ filter: { expression: 'response.code >= 500' } }]";

describe("Telemetry", () => {
  it("is nothing where nobody says anything", () => {
    expect(worldOf().compiler.telemetry).toBeNull();
    expect(worldOf(settings("{ rootNamespace: istio-system }")).compiler.telemetry).toBeNull();
  });

  it("of the root namespace holds for the mesh, of another for that, field by field", () => {
    const world = worldOf(
      telemetry(
        "mesh",
        "{ tracing: [{ randomSamplingPercentage: 10, customTags: { a: { literal: { value: b } } } }] }",
      ),
      telemetry("shop", `{ tracing: [{ disableSpanReporting: true }], ${LOGS} }`, "shop"),
    );
    expect(of(world, "default")).toEqual({
      tracing: { providers: [], sampling: 10, tags: [{ name: "a", literal: "b" }] },
    });
    expect(of(world, "shop")).toMatchObject({
      tracing: { sampling: 10, off: true, tags: [{ name: "a", literal: "b" }] },
      accessLog: { sinks: [{ provider: "envoy", filter: { kind: ">=" } }] },
    });
  });

  it("may be for one side of calls alone", () => {
    const world = worldOf(
      telemetry(
        "mesh",
        "{ accessLogging: [{ match: { mode: SERVER }, disabled: true }, { match: { mode: CLIENT } }] }",
      ),
    );
    expect(of(world, "default", "server")).toEqual({ accessLog: { sinks: [] } });
    expect(of(world, "default", "client")).toEqual({ accessLog: { sinks: [{ provider: "envoy" }] } });
  });

  it("of workloads stands in the slice of their endpoints, and holds for the calls of their service account", () => {
    const world = worldOf(
      service("reviews", { versions: ["v1", "v2"] }),
      telemetry("v1", `{ selector: { matchLabels: { version: v1 } }, ${LOGS} }`, "default"),
    );
    const slice = world.slice("mesh/*", "reviews.default.svc.cluster.local");
    const endpoints = Object.values(slice?.clusters ?? {}).flatMap((cluster) => cluster.endpoints);
    expect(endpoints.map(({ telemetry: number }) => number)).toEqual([0, undefined]);
    expect(slice?.telemetry).toMatchObject([{ accessLog: { sinks: [{ filter: { kind: ">=" } }] } }]);
    world.delete("Telemetry", "v1");
    expect(world.slice("mesh/*", "reviews.default.svc.cluster.local")?.telemetry).toBeUndefined();
  });

  it("may be for the endpoints of a service", () => {
    const world = worldOf(
      service("reviews"),
      telemetry("r", `{ targetRefs: [{ kind: Service, group: '', name: reviews }], ${LOGS} }`, "default"),
    );
    expect(world.slice("mesh/*", "reviews.default.svc.cluster.local")?.telemetry).toHaveLength(1);
  });

  it("holds for a Gateway by the labels of its workload", () => {
    const world = worldOf(
      `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: shop }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [a.test] }] }`,
      telemetry("gw", `{ selector: { matchLabels: { istio: ingressgateway } }, ${LOGS} }`),
    );
    expect(of(world, "gw/shop/front")?.accessLog?.sinks).toHaveLength(1);
  });

  it("sends the log to the providers of the narrowest object that names any", () => {
    const world = worldOf(
      settings(
        "{ extensionProviders: [{ name: text, envoyFileAccessLog: { logFormat: { text: '%DURATION%\\n' } } }, { name: json, envoyFileAccessLog: { path: /dev/stdout, logFormat: { labels: { ms: '%DURATION%' } } } }], defaultProviders: { accessLogging: [text] } }".replace(
          "'%DURATION%\\n'",
          '"%DURATION%\\n"',
        ),
      ),
      telemetry("shop", "{ accessLogging: [{ providers: [{ name: json }, { name: nobody }] }] }", "shop"),
    );
    expect(of(world, "default")).toEqual({
      accessLog: { sinks: [{ provider: "text", format: { text: "%DURATION%" } }] },
    });
    expect(of(world, "shop")?.accessLog).toEqual({
      sinks: [{ provider: "json", format: { fields: { ms: "%DURATION%" } } }],
    });
  });

  it("sends the log to an OpenTelemetry collector as its provider says: Istio's text, where that says nothing", () => {
    const world = worldOf(
      settings(
        "{ extensionProviders: [{ name: plain, envoyOtelAls: { service: otel.a, port: 4318 } }, { name: own, envoyOtelAls: { service: otel.a, port: 4318, logName: shop, logFormat: { text: '%DURATION%', labels: { code: '%RESPONSE_CODE%' } } } }], defaultProviders: { accessLogging: [plain, own] } }",
      ),
    );
    expect(of(world, "default")?.accessLog?.sinks).toEqual([
      {
        provider: "plain",
        format: { text: expect.stringContaining("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%") },
        otlp: { name: "otel_envoy_accesslog", labels: {} },
      },
      {
        provider: "own",
        format: { text: "%DURATION%" },
        otlp: { name: "shop", labels: { code: "%RESPONSE_CODE%" } },
      },
    ]);
  });

  it.each([
    ["accessLogFile: ''", []],
    [
      "accessLogFile: /dev/stdout, accessLogFormat: '%DURATION%'",
      [{ provider: "envoy", format: { text: "%DURATION%" } }],
    ],
    [
      `accessLogEncoding: JSON, accessLogFormat: '{"a":"%DURATION%"}'`,
      [{ provider: "envoy", format: { fields: { a: "%DURATION%" } } }],
    ],
  ])("reads the mesh's older %s", (fields, sinks) => {
    expect(of(worldOf(settings(`{ ${fields} }`)), "default")).toEqual({ accessLog: { sinks } });
  });

  it("changes metrics by name, each override over those before it", () => {
    const world = worldOf(
      telemetry(
        "mesh",
        "{ metrics: [{ overrides: [{ tagOverrides: { method: { value: request.method }, source_app: { operation: REMOVE } } }, { match: { metric: REQUEST_SIZE, mode: CLIENT }, disabled: true }] }] }",
      ),
      telemetry(
        "shop",
        "{ metrics: [{ overrides: [{ match: { metric: REQUEST_SIZE }, disabled: false, tagOverrides: { method: { operation: REMOVE } } }] }] }",
        "shop",
      ),
      telemetry("quiet", "{ metrics: [{ overrides: [{ match: { metric: ALL_METRICS }, disabled: true }] }] }", "quiet"),
    );
    const tags = [{ name: "method", value: { kind: "attribute", name: "request.method" } }, { name: "source_app" }];
    const overrideOf = (name: string, metric: string, side: "client" | "server" = "client") =>
      of(world, name, side)?.metrics?.overrides.find((one) => one.metric === metric);
    expect(overrideOf("default", "REQUEST_COUNT")).toEqual({ metric: "REQUEST_COUNT", tags });
    expect(overrideOf("default", "REQUEST_SIZE")).toEqual({ metric: "REQUEST_SIZE", disabled: true, tags });
    expect(overrideOf("default", "REQUEST_SIZE", "server")).toEqual({ metric: "REQUEST_SIZE", tags });
    expect(overrideOf("shop", "REQUEST_SIZE")).toEqual({
      metric: "REQUEST_SIZE",
      tags: [{ name: "method" }, { name: "source_app" }],
    });
    expect(of(world, "quiet")?.metrics?.off).toBe(true);
  });
});
