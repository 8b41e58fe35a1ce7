import { generateKeyPairSync } from "node:crypto";
import type { ObjectChange } from "../src/compile/inventory.ts";
import type { KubeObject } from "../src/resources/object.ts";
import { FORMAT } from "../src/snapshot/model.ts";
import { Publisher } from "../workers/control/publisher.ts";

export const GATEWAY = "bench";
/** Each with a Service, a WorkloadEntry, a VirtualService and an AuthorizationPolicy: 10,000 objects. */
const SERVICES = 2_500;
const NAMESPACES = 10;
const MESH_CONFIG: KubeObject = {
  apiVersion: "tulle.dev/v1alpha1",
  kind: "MeshConfig",
  metadata: { name: "default", namespace: "istio-system" },
  spec: { privateRanges: [{ range: "10.0.0.0/8", namespaces: ["*"] }] },
};
const SAMPLES = 45;

/**
 * Milliseconds from one changed object among 10,000 to the signed root with it, for each of some changes: of a route, an
 * endpoint and a policy in turn.
 */
export async function compileTimes(): Promise<readonly number[]> {
  const publisher = startPublisher();
  const objects = Array.from({ length: SERVICES }, (_, index) => objectsOf(index, 0));
  let generation = 1;
  const publish = async (changes: readonly ObjectChange[]): Promise<number> => {
    generation += 1;
    const began = performance.now();
    const attempt = publisher.attempt(changes);
    attempt.accept();
    publisher.publish(generation, generation);
    const answer = await publisher.root(GATEWAY, null, undefined, generation);
    const took = performance.now() - began;
    const wrong = [...attempt.findings.values()].flat().find(({ severity }) => severity === "error");
    if (wrong || answer.kind !== "root") throw new Error(`no root: ${JSON.stringify(wrong ?? answer.kind)}`);
    return took;
  };
  await publish([MESH_CONFIG, ...objects.flat()].map((after) => ({ before: null, after })));
  const times: number[] = [];
  for (let sample = 1; sample <= SAMPLES; sample += 1) {
    const service = (sample * 53) % SERVICES;
    // The Service itself stays: what changes is one of the three others.
    const kind = 1 + (sample % 3);
    const [before, after] = [objectsOf(service, 0)[kind] ?? null, objectsOf(service, sample)[kind] ?? null];
    times.push(await publish([{ before, after }]));
    await publish([{ before: after, after: before }]);
  }
  return times;
}

/** One that no object was given to, with a gateway that gets everything. */
export function startPublisher(): Publisher {
  const { privateKey } = generateKeyPairSync("ed25519");
  return new Publisher({
    local: false,
    trustDomain: "cluster.local",
    signingKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    authority: { version: 0, authorities: [], revoked: { serials: [], ids: [] } },
    generation: 1,
    deployments: [
      {
        props: { gateway: GATEWAY, fronts: ["*"], gateways: ["*"] },
        registration: { bindings: [], hasPrivate: true, format: FORMAT },
      },
    ],
  });
}

/** @param variant tells apart what a change changes */
function objectsOf(index: number, variant: number): readonly KubeObject[] {
  const name = `svc-${index}`;
  const metadata = { name, namespace: `ns-${index % NAMESPACES}`, creationTimestamp: "2026-01-01T00:00:00Z" };
  const selector = { app: name };
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec: { selector, ports: [{ name: "http", port: 80 }] } },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata,
      spec: { address: `10.${index >> 8}.${index & 255}.${variant + 1}`, labels: selector },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata,
      spec: {
        hosts: [name],
        http: [{ match: [{ uri: { prefix: `/v${variant}` } }], route: [{ destination: { host: name } }] }],
      },
    },
    {
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata,
      spec: {
        selector: { matchLabels: selector },
        rules: [{ to: [{ operation: { paths: [`/v${variant}/*`] } }] }],
      },
    },
  ];
}
