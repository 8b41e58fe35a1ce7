import { generateKeyPairSync } from "node:crypto";
import { expect, it } from "vitest";
import type { KubeObject } from "../../src/resources/object.ts";
import { Publisher } from "../../workers/control/publisher.ts";

it("Telemetry that would make a gateway's root larger than it reads is told before it is stored", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const publisher = new Publisher({
    local: false,
    trustDomain: "cluster.local",
    signingKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    authority: { version: 0, authorities: [], revoked: { serials: [], ids: [] } },
    generation: 1,
    deployments: [
      {
        props: { gateway: "a", fronts: ["*"], gateways: ["*"] },
        registration: { bindings: [], hasPrivate: true, format: 4 },
      },
    ],
  });
  const telemetry = (at: number): KubeObject => ({
    apiVersion: "telemetry.istio.io/v1",
    kind: "Telemetry",
    metadata: { name: "t", namespace: `n${at}`, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      metrics: [
        {
          providers: [{ name: "prometheus" }],
          overrides: [{ tagOverrides: { [`t${at}${"x".repeat(150_000)}`]: { operation: "UPSERT", value: "'a'" } } }],
        },
      ],
    },
  });
  const told = (count: number) => {
    const changes = Array.from({ length: count }, (_, at) => ({ before: null, after: telemetry(at) }));
    const attempt = publisher.attempt(changes);
    const oversized = publisher.oversized();
    attempt.reject();
    return oversized;
  };
  expect(told(5)).toBeNull();
  expect(told(20)).toMatchObject({ kind: "telemetry" });
  expect(told(5)).toBeNull();
});
