import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { VerifiedToken } from "../../src/request/token-fact.ts";
import { facts, headers } from "../decide/requests.ts";
import type { NaiveMesh, NaivePeers, NaivePolicy, NaiveRequest } from "./naive.ts";
import type { Dice } from "./random-policies.ts";

export const HOST = "api.shop.svc.cluster.local";

const TOKENS = `
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { jwtRules: [{ issuer: "https://issuer.test", jwksUri: "https://issuer.test/keys" }] }
`;

function document(policy: NaivePolicy, index: number): object {
  const { namespace, selector, action, dryRun, rules } = policy;
  return {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: {
      name: `p${index}`,
      namespace,
      ...(dryRun === true && { annotations: { "istio.io/dry-run": "true" } }),
    },
    spec: {
      ...(selector && { selector: { matchLabels: selector } }),
      ...(action && { action }),
      ...(rules && { rules }),
    },
  };
}

function peersDocument({ namespace, selector, mode, ports }: NaivePeers, index: number): object {
  const portLevelMtls = ports && Object.fromEntries(Object.entries(ports).map(([port, of]) => [port, { mode: of }]));
  return {
    apiVersion: "security.istio.io/v1",
    kind: "PeerAuthentication",
    metadata: { name: `a${index}`, namespace },
    spec: {
      ...(selector && { selector: { matchLabels: selector } }),
      ...(mode && { mtls: { mode } }),
      ...(portLevelMtls && { portLevelMtls }),
    },
  };
}

/** What a gateway of the mesh makes of a request, its token verified. */
export function factsOf(request: NaiveRequest, { domains }: NaiveMesh): RequestFacts {
  const [domain = ""] = domains;
  const { principal, token, entrance, sourceIp, remoteIp, host, authority, method, path } = request;
  const [of = "", , namespace = "", , account = ""] = principal?.split("/") ?? [];
  // A gateway knows an alias by the mesh's own name.
  const trustDomain = domains.includes(of) ? domain : of;
  const peer: Peer =
    principal === null
      ? NO_PEER
      : { principal: `${trustDomain}/ns/${namespace}/sa/${account}`, namespace, trustDomain, by: "certificate" };
  const verified: VerifiedToken | null = token && {
    ok: true,
    principal: `${token.issuer}/${token.subject}`,
    ...token,
    spaceDelimited: ["scope", "permission"],
    rule: 0,
  };
  const shown = token === null ? request.headers : { ...request.headers, authorization: "Bearer x.y.z" };
  const place = { entrance, sourceIp, clientIp: remoteIp, host, authority, method, path, forwardPath: path };
  return facts({ ...place, peer, headers: headers(shown), tokens: [verified, null] });
}

/** A mesh of random policies, as its documents say it. */
export interface RandomMesh extends NaiveMesh {
  readonly port: number;
  /** YAML, without the service `api` of `shop`. */
  readonly documents: readonly string[];
}

export function randomMesh(dice: Dice): RandomMesh {
  const mesh: NaiveMesh = {
    rootNamespace: "istio-system",
    domains: dice.one(0.5) ? ["cluster.local", "old.test"] : ["cluster.local"],
    policies: dice.list(0, 4, () => dice.policy()),
    peers: dice.list(0, 3, () => dice.peers()),
  };
  const aliases = JSON.stringify(mesh.domains.slice(1));
  const port = dice.pick([80, 8080]);
  const documents = [
    `apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nmetadata: { name: default, namespace: istio-system }\nspec: { trustDomainAliases: ${aliases}, egress: { allowedHosts: [issuer.test] } }`,
    TOKENS,
    ...mesh.policies.map((policy, index) => JSON.stringify(document(policy, index))),
    ...mesh.peers.map((peers, index) => JSON.stringify(peersDocument(peers, index))),
  ];
  return { ...mesh, port, documents };
}
