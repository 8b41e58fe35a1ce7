import { expect, it } from "vitest";
import { decide } from "../../src/decide/decide.ts";
import { NO_PEER, type Peer } from "../../src/identity/peer.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { VerifiedToken } from "../../src/request/token-fact.ts";
import { link } from "../../src/snapshot/link.ts";
import { service, TestWorld } from "../compile/world.ts";
import { facts, headers } from "../decide/requests.ts";
import { times } from "../support/scale.ts";
import { type NaiveMesh, type NaivePeers, type NaivePolicy, type NaiveRequest, naiveVerdict } from "./naive.ts";
import { Dice } from "./random-policies.ts";

const MESHES = times(60, 1_000);
const REQUESTS = 40;
const HOST = "api.shop.svc.cluster.local";
const CODES = {
  mtls: "mtls_required",
  denied: "rbac_denied_matched_policy",
  "no-allow": "rbac_denied_no_allow",
} as const;

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

function factsOf(request: NaiveRequest, domain: string, isOwn: (of: string) => boolean): RequestFacts {
  const { principal, token, entrance, sourceIp, remoteIp, host, authority, method, path } = request;
  const [of = "", , namespace = "", , account = ""] = principal?.split("/") ?? [];
  // A gateway knows an alias by the mesh's own name.
  const trustDomain = isOwn(of) ? domain : of;
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

it(`decides as a naive reading of the documents does, ${MESHES * REQUESTS} times`, () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const dice = new Dice(seed);
  const seen = new Map<string, number>();
  for (let round = 0; round < MESHES; round += 1) {
    const mesh: NaiveMesh = {
      rootNamespace: "istio-system",
      domains: dice.one(0.5) ? ["cluster.local", "old.test"] : ["cluster.local"],
      policies: dice.list(0, 4, () => dice.policy()),
      peers: dice.list(0, 3, () => dice.peers()),
    };
    const [domain = "", ...aliases] = mesh.domains;
    const port = dice.pick([80, 8080]);
    const labels = { app: "api", version: "v1" };
    const world = new TestWorld();
    world.apply(
      [
        `apiVersion: tulle.dev/v1alpha1\nkind: MeshConfig\nmetadata: { name: default, namespace: istio-system }\nspec: { trustDomainAliases: ${JSON.stringify(aliases)}, egress: { allowedHosts: [issuer.test] } }`,
        service("api", { namespace: "shop", port }),
        TOKENS,
        ...mesh.policies.map((policy, index) => JSON.stringify(document(policy, index))),
        ...mesh.peers.map((peers, index) => JSON.stringify(peersDocument(peers, index))),
      ].join("\n---\n"),
    );
    const slice = world.slice("mesh/*", HOST);
    if (slice === null) throw new Error("no slice");
    const linked = link(slice);
    for (let at = 0; at < REQUESTS; at += 1) {
      const request = dice.request(HOST, port);
      const wanted = naiveVerdict(mesh, { namespace: "shop", labels, port }, request);
      const asked = { ...factsOf(request, domain, (of) => mesh.domains.includes(of)), port };
      const decision = decide(linked, asked);
      const got = decision.effect === "answer" ? decision.code : decision.effect;
      const told = () => `SEED=${seed}, ${JSON.stringify({ mesh, port, request }, null, 1)}`;
      if (got !== (wanted === "allowed" ? "forward" : CODES[wanted])) expect(got, told()).toBe(wanted);
      seen.set(wanted, (seen.get(wanted) ?? 0) + 1);
    }
  }
  for (const verdict of ["allowed", "mtls", "denied", "no-allow"])
    expect(seen.get(verdict) ?? 0, verdict).toBeGreaterThan((MESHES * REQUESTS) / 50);
});
