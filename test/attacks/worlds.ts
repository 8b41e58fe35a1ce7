import { ARRANGED } from "./arrangements.ts";
import type { AttackCase } from "./corpus.ts";

/** What all cases share. */
export const BASE = `
apiVersion: v1
kind: Namespace
metadata: { name: attacks }
---
apiVersion: v1
kind: Namespace
metadata: { name: mesh-root }
---
apiVersion: v1
kind: Namespace
metadata: { name: dev }
---
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default, namespace: istio-system }
spec:
  rootNamespace: mesh-root
  egress: { allowedHosts: [issuer.test, "*.issuer.test"] }
  privateRanges: [{ range: 10.0.0.0/8, namespaces: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: attacks }
spec:
  selector: { istio: front }
  servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: ["*"], tls: { mode: OPTIONAL_MUTUAL, credentialName: x } }]
---
apiVersion: v1
kind: Service
metadata: { name: echo, namespace: attacks }
spec: { selector: { app: echo }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: echo, namespace: attacks }
spec: { address: 10.0.0.1, labels: { app: echo } }
`;

/** Its policies hold for all cases: it comes last. */
export function isMeshWide({ setup }: AttackCase): boolean {
  return setup?.policies?.includes("namespace: mesh-root") ?? false;
}

/** Each case has a namespace and hosts of its own, so that all stand side by side and are waited for once. */
export function own(text: string, index: number): string {
  return text
    .replaceAll(/namespace: prod\b/g, `namespace: p${index}`)
    .replaceAll(/\b(api|secret|admin|other|public|a|b|x)\.test\b/gi, (host) =>
      host.replace(/\.test$/i, `-c${index}.test`),
    )
    .replaceAll(/\bwww\.api-c/g, "api-c");
}

/** The policies of a case and what its setting asks for, in its own namespace; empty where there are none. */
export function policiesOf({ setup = {} }: AttackCase, index: number): string {
  const { jwksHost = "issuer.test", documents } = ARRANGED.get(setup.words ?? "base") ?? {};
  const policies = own(setup.policies ?? "", index).replaceAll("https://issuer.test/jwks", `https://${jwksHost}/jwks`);
  const more = documents?.(`p${index}`) ?? [];
  return [policies, ...more.map((document) => JSON.stringify(document))].filter((text) => text !== "").join("\n---\n");
}

/** Namespace, service, endpoint and route of one case. */
export function world(index: number): string {
  const address = `10.${Math.floor(index / 250) + 1}.${index % 250}.1`;
  const hosts = ["api", "secret", "admin"].map((name) => `${name}-c${index}.test`);
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: `p${index}` } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "api", namespace: `p${index}` },
      spec: { selector: { app: "api" }, ports: [{ name: "http", port: 80 }] },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: { name: "api", namespace: `p${index}` },
      spec: { address, labels: { app: "api" }, serviceAccount: "api" },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: "api", namespace: `p${index}` },
      spec: { hosts, gateways: ["mesh", "attacks/front"], http: [{ route: [{ destination: { host: "api" } }] }] },
    },
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

/** A host of its own: once a gateway serves it, it has all that was applied before. */
export function marker(count: number): { readonly host: string; readonly text: string } {
  const host = `applied-${count}.test`;
  const spec = {
    hosts: [host],
    gateways: ["attacks/front"],
    http: [{ route: [{ destination: { host: "echo" } }] }],
  };
  const metadata = { name: `applied-${count}`, namespace: "attacks" };
  return {
    host,
    text: JSON.stringify({ apiVersion: "networking.istio.io/v1", kind: "VirtualService", metadata, spec }),
  };
}
