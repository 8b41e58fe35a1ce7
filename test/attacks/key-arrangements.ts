import type { Arrangement } from "./arrangement.ts";
import { revokeKey } from "./api-keys.ts";
import { mirrorTo } from "./arranged-documents.ts";
import { mirrorHost } from "./outside.ts";
import { CLOCKED } from "./stand-ins.ts";
import { hostOf, namespaceOf, routes, TO_API } from "./worlds.ts";

const SECOND = 1_000;

export const KEYS_ARRANGED: readonly (readonly [string, Arrangement])[] = [
  [
    "the gateway's clock is 2 minutes ahead",
    { gateway: CLOCKED, before: async ({ mesh }) => mesh.setClock(120 * SECOND) },
  ],
  [
    "the second request comes 62 seconds later",
    { gateway: CLOCKED, beforeRequest: async ({ mesh }, nth) => mesh.setClock(nth * 62 * SECOND) },
  ],
  [
    "the key `good` is revoked after the first request; each next one comes 61 seconds later",
    {
      gateway: CLOCKED,
      beforeRequest: async ({ mesh, keys }, nth) => {
        if (nth === 1) await revokeKey(mesh, keys.get("good")?.id ?? "");
        await mesh.setClock(nth * 61 * SECOND);
      },
    },
  ],
  [
    "a Gateway of its own asks for the key; a mirror, and one attempt more",
    { documents: keyedGateway, behaviour: (_, nth) => (nth === 1 ? { status: 503 } : null) },
  ],
];

function keyedGateway(index: number): readonly object[] {
  const namespace = namespaceOf(index);
  const labels = { istio: `keyed-${namespace}` };
  const [mirrored] = mirrorTo(index, mirrorHost(index));
  const mirror = { host: `mirror-${namespace}.test` };
  const retries = { attempts: 2, retryOn: "5xx" };
  const server = {
    port: { number: 443, name: "https", protocol: "HTTPS" },
    hosts: [hostOf(index)],
    tls: { mode: "SIMPLE", credentialName: "x" },
  };
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "Gateway",
      metadata: { name: "keyed", namespace },
      spec: { selector: labels, servers: [server] },
    },
    {
      apiVersion: "tulle.dev/v1alpha1",
      kind: "APIKeyPolicy",
      // A Gateway's workload stands there, as in Istio.
      metadata: { name: `keys-${namespace}`, namespace: "istio-system" },
      spec: { selector: { matchLabels: labels } },
    },
    ...(mirrored === undefined ? [] : [mirrored]),
    routes(index, [{ route: TO_API, mirror, retries }], [`${namespace}/keyed`]),
  ];
}
