import type { AttackCase } from "./corpus.ts";
import { parseAllDocuments } from "yaml";

const MESH_CONFIG = {
  rootNamespace: "mesh-root",
  egress: { allowedHosts: ["issuer.test", "*.issuer.test"] },
  privateRanges: [{ range: "10.0.0.0/8", namespaces: ["*"] }],
};

/** The mesh's settings, with those that a case asks for. */
export function meshConfig(changes: object = {}): object {
  return {
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec: { ...MESH_CONFIG, ...changes },
  };
}

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
${JSON.stringify(meshConfig())}
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

/** Its policies hold for all cases: it is tried by itself. */
export function isMeshWide({ setup }: AttackCase): boolean {
  return setup?.policies?.includes("namespace: mesh-root") ?? false;
}

/** Each case has a namespace and hosts of its own, so that all stand side by side and are waited for once. */
export function own(text: string, index: number): string {
  return text
    .replaceAll(/namespace: prod\b/g, `namespace: p${index}`)
    .replaceAll(/\.prod\.svc\b/g, `.p${index}.svc`)
    .replaceAll(/(?<![\w.-])(api|secret|admin|other|public|a|b|x)\.test\b/gi, (host) =>
      host.replace(/\.test$/i, `-c${index}.test`),
    );
}

export const namespaceOf = (index: number): string => `p${index}`;
export const hostOf = (index: number): string => `api-c${index}.test`;

/** The route of a case's host with these fields in place of its usual ones. */
export function routes(index: number, http: readonly object[], gateways = ["mesh", "attacks/front"]): object {
  const hosts = ["api", "secret", "admin"].map((name) => `${name}-c${index}.test`);
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "api", namespace: namespaceOf(index) },
    spec: { hosts, gateways, http },
  };
}

export const TO_API = [{ destination: { host: "api" } }];

/** Namespace, service, endpoint and route of one case. */
export function world(index: number): string {
  const namespace = namespaceOf(index);
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "api", namespace },
      spec: { selector: { app: "api" }, ports: [{ name: "http", port: 80 }] },
    },
    endpoint(index, 1),
    routes(index, [{ route: TO_API }]),
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
}

/** The n-th endpoint of a case's service. */
export function endpoint(index: number, nth: number): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "WorkloadEntry",
    metadata: { name: nth === 1 ? "api" : `api-${nth}`, namespace: namespaceOf(index) },
    spec: {
      address: `10.${Math.floor(index / 250) + 1}.${index % 250}.${nth}`,
      labels: { app: "api" },
      serviceAccount: "api",
    },
  };
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

/** Where the API has the objects of a text, so that they can be taken away again. */
export function pathsOf(text: string): readonly string[] {
  return parseAllDocuments(text).map((document) => {
    const { apiVersion, kind, metadata } = document.toJS() as {
      readonly apiVersion: string;
      readonly kind: string;
      readonly metadata: { readonly name: string; readonly namespace?: string };
    };
    const plural = kind.toLowerCase().replace(/y$/, "ie");
    return `/k8s/apis/${apiVersion}/namespaces/${metadata.namespace ?? "default"}/${plural}s/${metadata.name}`;
  });
}
