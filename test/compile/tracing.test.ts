import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

const HOST = "otel.observability.svc.cluster.local";
const SERVICE = service("otel", { namespace: "observability", port: 4318 });

function settings(more = "", host = HOST): string {
  return `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  extensionProviders:
    - name: otel
      opentelemetry: { service: ${host}, port: 4318, http: { path: /v1/traces, headers: [{ name: X-Key, value: "1" }] } }
${more}`;
}

function made(...objects: readonly string[]) {
  const world = new TestWorld();
  for (const object of objects) world.apply(object);
  return world;
}

const all = () => true;

describe("what gateways do about traces", () => {
  it("is nothing, where nobody is to be told", () => {
    expect(made(service("reviews")).compiler.tracing(all)).toBeNull();
    expect(made(settings().replace(/extensionProviders:[^]*/, "mode: Enforce")).compiler.tracing(all)).toBeNull();
  });

  it("is as in Istio, where the settings name a provider alone: they sample one of a hundred", () => {
    const tracing = made(SERVICE, settings("  defaultProviders: { tracing: [otel] }")).compiler.tracing(all);
    expect(tracing).toMatchObject({
      providers: ["otel"],
      sampling: 1,
      keepErrors: true,
      slowMs: 1_000,
      collectors: {
        otel: {
          path: "/v1/traces",
          headers: [["x-key", "1"]],
          timeoutMs: 10_000,
          cluster: { id: `outbound|4318||${HOST}`, endpoints: [{ address: { name: "EP_OBSERVABILITY_OTEL_V1" } }] },
        },
      },
    });
    expect(tracing).not.toHaveProperty("b3");
  });

  it("is what the settings say", () => {
    const more = `  defaultConfig: { tracing: { sampling: 12.5 } }
  tracing: { b3: MULTI, keepErrors: false, keepSlowerThan: 0s }`;
    const tracing = made(SERVICE, settings(more)).compiler.tracing(all);
    expect(tracing).toMatchObject({ providers: [], sampling: 12.5, b3: "MULTI" });
    expect(tracing).not.toHaveProperty("keepErrors");
    expect(tracing).not.toHaveProperty("slowMs");
  });

  it("leaves out endpoints to which a gateway has no way", () => {
    const { compiler } = made(SERVICE, settings());
    expect(compiler.tracing(() => false)?.collectors["otel"]?.cluster.endpoints).toEqual([]);
  });

  it("sends lines of the log to collectors, too", () => {
    const lines = settings().replace(/opentelemetry: .*/, `envoyOtelAls: { service: ${HOST}, port: 4318 }`);
    const { compiler } = made(SERVICE, lines);
    expect(compiler.tracing(all)).toMatchObject({
      collectors: {},
      providers: [],
      logs: { otel: { path: "/v1/logs", timeoutMs: 10_000, cluster: { endpoints: [{}] } } },
    });
    expect(made(SERVICE, settings()).compiler.tracing(all)).not.toHaveProperty("logs");
    const codes = [...made(lines).verdicts.values()].flatMap((found) => found.map(({ code }) => code));
    expect(codes).toEqual(["TULLE0122"]);
  });

  it("follows the service, whose absence is warned of", () => {
    const world = made(settings());
    const codes = () => [...world.verdicts.values()].flatMap((found) => found.map(({ code }) => code));
    const endpoints = () => world.compiler.tracing(all)?.collectors["otel"]?.cluster.endpoints.length;
    expect([codes(), endpoints()]).toEqual([["TULLE0122"], 0]);
    world.apply(SERVICE);
    expect([codes(), endpoints()]).toEqual([[], 1]);
    world.delete("Service", "otel", "observability");
    expect([codes(), endpoints()]).toEqual([["TULLE0122"], 0]);
  });

  it("finds a service by its namespace", () => {
    const found = (host: string) => made(SERVICE, settings("", host)).verdicts.values().next().value;
    expect(
      made(SERVICE, settings("", `observability/${HOST}`)).compiler.tracing(all)?.collectors["otel"]?.cluster.endpoints,
    ).toHaveLength(1);
    expect(found(`shop/${HOST}`)).toBeDefined();
  });
});
