import type { Facts, HeaderView, TokenFact } from "../../src/decide/types.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import { type Cluster, type Endpoint, FORMAT, type PolicySet, type Slice } from "../../src/snapshot/model.ts";

export const OPEN: PolicySet = { mtls: "PERMISSIVE", jwt: [], deny: [], allow: [] };

export function peer(account: string, namespace = "default"): Peer {
  return {
    principal: `cluster.local/ns/${namespace}/sa/${account}`,
    namespace,
    trustDomain: "cluster.local",
    by: "binding",
  };
}

export function headers(fields: Readonly<Record<string, string>> = {}): HeaderView {
  return new Headers(fields);
}

export function facts(change: Partial<Facts> & { readonly tokens?: Readonly<Record<string, TokenFact>> } = {}): Facts {
  const { tokens = {}, ...rest } = change;
  const path = change.path ?? "/";
  return {
    method: "GET",
    scheme: "http",
    host: "api.test",
    authority: "api.test",
    port: 80,
    path,
    forwardPath: path,
    query: "",
    headers: headers(),
    peer: NO_PEER,
    token: (key) => tokens[key.slice(key.indexOf(" ") + 1)],
    ...rest,
  };
}

export function endpoint(id: string, policySet = 0): Endpoint {
  return {
    id,
    address: { kind: "binding", name: id },
    weight: 1,
    workload: { name: id, namespace: "default", principal: null, app: id, version: "v1" },
    policySet,
  };
}

export function cluster(id: string, endpoints: readonly Endpoint[]): Cluster {
  return {
    id,
    service: { host: `${id}.test`, name: id, namespace: "default" },
    port: 80,
    loadBalancer: "ROUND_ROBIN",
    pool: {},
    endpoints,
  };
}

/** A slice of one cluster `a` with one endpoint, and what the test changes of it. */
export function slice(change: Partial<Slice> = {}): LinkedSlice {
  return link({
    format: FORMAT,
    host: "api.test",
    path: { mergeSlashes: true, escapedSlashes: "REFUSE", params: "CUT" },
    routes: [{ name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }] }],
    clusters: { a: cluster("a", [endpoint("EP_A")]) },
    policySets: [OPEN],
    ...change,
  });
}
