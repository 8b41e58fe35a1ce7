import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ObjectChange } from "../../src/compile/inventory.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { Publisher } from "../../workers/control/publisher.ts";

const GATEWAY = {
  props: { gateway: "a", fronts: ["*"], gateways: ["*"] },
  registration: { bindings: [], hasPrivate: true, format: 4 },
};

function publisher(deployments = [GATEWAY]): Publisher {
  const { privateKey } = generateKeyPairSync("ed25519");
  return new Publisher({
    local: false,
    trustDomain: "cluster.local",
    signingKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    authority: { version: 0, authorities: [], revoked: { serials: [], ids: [] } },
    generation: 1,
    deployments,
  });
}

const metadata = { namespace: "n0", creationTimestamp: "2026-01-01T00:00:00Z" };

function telemetry(at: number, length = 10): KubeObject {
  return {
    apiVersion: "telemetry.istio.io/v1",
    kind: "Telemetry",
    metadata: { ...metadata, name: "t", namespace: `n${at}` },
    spec: {
      metrics: [
        {
          providers: [{ name: "prometheus" }],
          overrides: [{ tagOverrides: { [`t${at}${"x".repeat(length)}`]: { operation: "UPSERT", value: "'a'" } } }],
        },
      ],
    },
  };
}

const service: KubeObject = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { ...metadata, name: "web" },
  spec: { ports: [{ port: 80, name: "http" }] },
};

/** A host's patterns, of some 4,000 instructions each. */
const route = (count: number): KubeObject => ({
  apiVersion: "networking.istio.io/v1",
  kind: "VirtualService",
  metadata: { ...metadata, name: "web" },
  spec: {
    hosts: ["web"],
    http: Array.from({ length: count }, (_, at) => ({
      match: [{ uri: { regex: `(?i)${"[\\x{0}-\\x{3000}]".repeat(18)}${at}` } }],
      directResponse: { status: 204 },
    })),
  },
});

const many = (count: number, length: number): readonly ObjectChange[] =>
  Array.from({ length: count }, (_, at) => ({ before: null, after: telemetry(at, length) }));

/** Four of these are more than a root holds. */
const LARGE = 700_000;

/** As a write is tried: what it is refused for. */
function told(to: Publisher, changes: readonly ObjectChange[]) {
  const attempt = to.attempt(changes);
  const oversized = to.oversized();
  attempt.reject();
  return oversized;
}

describe("what is too much already", () => {
  const change = (length: number): readonly ObjectChange[] => [
    { before: telemetry(3, LARGE), after: telemetry(3, length) },
  ];

  it("keeps nobody from writing something else, or from making it less, and is a finding; more it does not become", () => {
    const made = publisher([]);
    made.attempt(many(4, LARGE)).accept();
    expect(told(made, change(LARGE + 1))).toBeNull();
    // A gateway that comes later makes it too much.
    made.register(GATEWAY);
    expect(told(made, change(LARGE + 1))).toMatchObject({ kind: "telemetry", gateway: "a" });
    const codes = (object: KubeObject) => made.verdict(object).map(({ code }) => code);
    expect([codes(telemetry(3)).includes("TULLE0012"), codes(service)]).toEqual([true, []]);
    const other = made.attempt([{ before: null, after: service }]);
    expect(made.oversized()).toBeNull();
    other.accept();
    const smaller = made.attempt(change(LARGE - 1_000));
    expect(made.oversized()).toBeNull();
    smaller.accept();
    // What was made less is the new measure.
    const back = { before: telemetry(3, LARGE - 1_000), after: telemetry(3, LARGE - 999) };
    expect(told(made, [back])).toMatchObject({ kind: "telemetry" });
  });

  it("is told of a host alike, by whatever names it", () => {
    const made = publisher();
    const changes = [service, route(30)].map((after) => ({ before: null, after }));
    made.attempt(changes).accept();
    expect(told(made, [{ before: null, after: telemetry(1, 10) }])).toBeNull();
    expect(told(made, [{ before: route(30), after: route(31) }])).toMatchObject({ kind: "cost" });
    for (const object of [service, route(30)])
      expect(made.verdict(object).map(({ code }) => code)).toContain("TULLE0012");
    expect(made.verdict(telemetry(1))).toEqual([]);
  });
});
