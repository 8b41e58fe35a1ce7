import { decide } from "../../src/decide/decide.ts";
import { missingFacts } from "../../src/decide/mirrors.ts";
import type { CheckNeed, Decision } from "../../src/decide/types.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { emptyHeaders, type HeaderRecord } from "../../src/request/headers.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import { programsOf } from "../../src/compile/programs.ts";
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

export function headers(fields: Readonly<Record<string, string>> = {}): HeaderRecord {
  return Object.assign(emptyHeaders(), fields);
}

export function facts(change: Partial<RequestFacts> = {}): RequestFacts {
  const path = change.path ?? "/";
  return {
    method: "GET",
    protocol: "http",
    scheme: "http",
    host: "api.test",
    authority: "api.test",
    port: 80,
    path,
    forwardPath: path,
    query: "",
    headers: headers(),
    entrance: "mesh",
    sourceIp: null,
    clientIp: null,
    peer: NO_PEER,
    tls: null,
    startedAt: 0,
    seed: 0,
    tokens: [],
    conclusions: null,
    ...change,
  };
}

/**
 * Gets what is missing from the tokens that the test knows, by their text, and from its providers, until nothing is.
 *
 * @param answer what a provider says
 */
export function complete(
  of: LinkedSlice,
  request: RequestFacts,
  known: Readonly<Record<string, TokenFact>>,
  answer: (need: CheckNeed) => CheckFact = unanswered,
): RequestFacts {
  const tokens = [...request.tokens];
  const checks = new Map(request.checks);
  const whole = { ...request, tokens, checks };
  for (let round = 0; round < 4 + checks.size; round += 1) {
    const missing = missingFacts(decide(of, whole));
    if (missing.length === 0) return checks.size === 0 ? { ...request, tokens } : whole;
    for (const need of missing) {
      if (need.kind === "ext_authz") {
        checks.set(need.key, answer(need));
        continue;
      }
      if (need.kind === "api_key") throw new Error(`the test does not say whose the key in ${need.header} is`);
      const { place, token } = need;
      const fact = known[token];
      if (!fact) throw new Error(`the test knows no token ${token}`);
      tokens[place.index] = fact;
    }
  }
  throw new Error("a fact is missing after four rounds");
}

function unanswered({ key }: CheckNeed): never {
  throw new Error(`the test does not say what is answered to ${key}`);
}

export function decided(
  of: LinkedSlice,
  request: RequestFacts,
  known: Readonly<Record<string, TokenFact>> = {},
  answer: (need: CheckNeed) => CheckFact = unanswered,
): Decision {
  const decision = decide(of, complete(of, request, known, answer));
  if (decision.effect === "need") throw new Error("a fact is missing");
  return decision;
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

/** With the programs of its patterns, as control compiles them. */
export function withPrograms(model: Slice): Slice {
  const programs = programsOf(model);
  return { ...model, ...(programs && { programs }) };
}

/** A slice of one cluster `a` with one endpoint, and what the test changes of it. */
export function slice(change: Partial<Slice> = {}): LinkedSlice {
  const model: Slice = {
    format: FORMAT,
    host: "api.test",
    path: { mergeSlashes: true, escapedSlashes: "REFUSE", params: "CUT" },
    routes: [{ name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }] }],
    clusters: { a: cluster("a", [endpoint("EP_A")]) },
    policySets: [OPEN],
    ...change,
  };
  return link(withPrograms(model));
}
