import { FORMAT, type Slice } from "../../../src/snapshot/model.ts";

/** A host that one route leads to one endpoint behind the binding `EP_<NAME>`, without policies. */
export function sliceOf(host: string, changes: Partial<Slice> = {}): Slice {
  const name = host.split(".")[0] ?? host;
  const cluster = `outbound|80||${host}`;
  const binding = `EP_${name.toUpperCase().replaceAll("-", "_")}`;
  return {
    format: FORMAT,
    host,
    ports: [80],
    path: { mergeSlashes: true, escapedSlashes: "REFUSE", params: "CUT" },
    routes: [{ name: "default", matches: [], destinations: [{ cluster, weight: 1 }] }],
    clusters: {
      [cluster]: {
        id: cluster,
        service: { host, name, namespace: "default" },
        port: 80,
        loadBalancer: "ROUND_ROBIN",
        pool: {},
        endpoints: [
          {
            id: `binding:${binding}`,
            address: { kind: "binding", name: binding },
            weight: 1,
            workload: { name, namespace: "default", principal: null, app: name, version: "v1" },
            policySet: 0,
          },
        ],
      },
    },
    policySets: [{ mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] }],
    ...changes,
  };
}
