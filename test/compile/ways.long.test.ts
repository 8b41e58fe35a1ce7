import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Decision } from "../../src/decide/types.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import { decided, facts, headers, peer } from "../decide/requests.ts";
import { times } from "../support/scale.ts";
import { service, TestWorld } from "./world.ts";

/**
 * Policies follow the endpoint: whoever reaches one by another host, route, registration, mirror, subset, delegate, Gateway or
 * by Workers RPC meets the verdict that he meets by the service's own name.
 */
const OWN = "vault.default.svc.cluster.local";
const PROTECTED = new Set(["binding:EP_DEFAULT_VAULT_V1", "binding:EP_DEFAULT_VAULT_V2"]);
const GATEWAY = "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account";

const to = (host: string, more = ""): string => `{ destination: { host: ${host}${more} } }`;
const virtualService = (name: string, host: string, http: string, more = ""): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: [${host}]${more}, http: [${http}] }`;
const hostOnly = (name: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec: { hosts: [${name}.test], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: "binding:EP_OTHER_${name.toUpperCase().replaceAll("-", "_")}" }] }`;

interface Way {
  readonly name: string;
  readonly documents: readonly string[];
  readonly scope?: string;
  readonly host: string;
  /** The request as it is sent, so that the same arrives. */
  readonly sent?: (request: RequestFacts) => RequestFacts;
  /** The request by the own name that must meet the same verdict. */
  readonly same?: (request: RequestFacts) => RequestFacts;
  /** Among the copies, not the request itself. */
  readonly mirrored?: true;
}

const withHeader = (request: RequestFacts, name: string, value: string): RequestFacts => ({
  ...request,
  headers: headers({ ...request.headers, [name]: value }),
});

const WAYS: readonly Way[] = [
  {
    name: "a ServiceEntry with its addresses",
    host: "alias.test",
    documents: [
      `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: alias }
spec:
  hosts: [alias.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "binding:EP_DEFAULT_VAULT_V1" }, { address: "binding:EP_DEFAULT_VAULT_V2", labels: { app: open } }]`,
    ],
  },
  {
    name: "a second registration with other labels",
    host: "decoy.default.svc.cluster.local",
    documents: [
      `
apiVersion: v1
kind: Service
metadata: { name: decoy }
spec: { selector: { app: decoy }, ports: [{ name: http, port: 80 }] }`,
      `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: decoy }
spec: { address: "binding:EP_DEFAULT_VAULT_V1", labels: { app: decoy } }`,
    ],
  },
  {
    name: "another port of another service",
    host: "ported.default.svc.cluster.local",
    sent: (request) => ({ ...request, port: 8080 }),
    documents: [
      `
apiVersion: v1
kind: Service
metadata: { name: ported }
spec: { selector: { app: vault }, ports: [{ name: other, port: 8080, targetPort: 80 }] }`,
    ],
  },
  {
    name: "another namespace's registration",
    host: "thief.shop.svc.cluster.local",
    documents: [
      `
apiVersion: v1
kind: Service
metadata: { name: thief, namespace: shop }
spec: { selector: { app: thief }, ports: [{ name: http, port: 80 }] }`,
      `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: thief, namespace: shop }
spec: { address: "binding:EP_DEFAULT_VAULT_V1", labels: { app: thief } }`,
    ],
  },
  {
    name: "a route",
    host: "route.test",
    documents: [hostOnly("route"), virtualService("route", "route.test", `{ route: [${to("vault")}] }`)],
  },
  {
    name: "a route with retries, a timeout and a fault",
    host: "retry.test",
    documents: [
      hostOnly("retry"),
      virtualService(
        "retry",
        "retry.test",
        `{ timeout: 5s, retries: { attempts: 3, retryOn: "5xx" }, fault: { delay: { fixedDelay: 1s, percentage: { value: 50 } } }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "a rewritten authority",
    host: "authority.test",
    documents: [
      hostOnly("authority"),
      virtualService("authority", "authority.test", `{ rewrite: { authority: open.test }, route: [${to("vault")}] }`),
    ],
  },
  {
    name: "a rewritten path",
    host: "path.test",
    sent: (request) => ({ ...request, path: `/in${request.path}`, forwardPath: `/in${request.path}` }),
    documents: [
      hostOnly("path"),
      virtualService(
        "path",
        "path.test",
        `{ match: [{ uri: { prefix: /in/ } }], rewrite: { uri: / }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "a path rewritten by a pattern",
    host: "pattern.test",
    sent: (request) => ({ ...request, path: `/in${request.path}`, forwardPath: `/in${request.path}` }),
    documents: [
      hostOnly("pattern"),
      virtualService(
        "pattern",
        "pattern.test",
        `{ rewrite: { uriRegexRewrite: { match: "^/in(/.*)$", rewrite: "\\\\1" } }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "headers that a route sets",
    host: "headers.test",
    same: (request) => withHeader(request, "x-tier", "gold"),
    documents: [
      hostOnly("headers"),
      virtualService(
        "headers",
        "headers.test",
        `{ headers: { request: { set: { x-tier: gold } } }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "headers that a destination takes away",
    host: "removed.test",
    same: (request) => {
      const { "x-tier": _, ...rest } = request.headers;
      return { ...request, headers: headers(rest) };
    },
    documents: [
      hostOnly("removed"),
      virtualService(
        "removed",
        "removed.test",
        `{ route: [{ destination: { host: vault }, headers: { request: { remove: [x-tier] } } }] }`,
      ),
    ],
  },
  {
    name: "a subset",
    host: "subset.test",
    documents: [
      `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: vault }
spec: { host: vault, subsets: [{ name: two, labels: { version: v2 } }] }`,
      hostOnly("subset"),
      virtualService("subset", "subset.test", `{ route: [${to("vault", ", subset: two")}] }`),
    ],
  },
  {
    name: "one of several destinations",
    host: "weights.test",
    documents: [
      hostOnly("weights"),
      virtualService(
        "weights",
        "weights.test",
        `{ route: [{ destination: { host: vault }, weight: 50 }, { destination: { host: open }, weight: 50 }] }`,
      ),
    ],
  },
  {
    name: "a mirror",
    host: "mirror.test",
    mirrored: true,
    documents: [
      hostOnly("mirror"),
      virtualService("mirror", "mirror.test", `{ route: [${to("open")}], mirror: { host: vault } }`),
    ],
  },
  {
    name: "a delegate",
    host: "delegate.test",
    documents: [
      hostOnly("delegate"),
      virtualService("root", "delegate.test", "{ match: [{ uri: { prefix: / } }], delegate: { name: leaf } }"),
      `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: leaf }
spec: { http: [{ route: [${to("vault")}] }] }`,
    ],
  },
  {
    name: "Workers RPC",
    host: OWN,
    sent: (request) => ({ ...request, protocol: "workers-rpc", method: "POST" }),
    same: (request) => ({ ...request, method: "POST" }),
    documents: [],
  },
  {
    name: "Workers RPC by a route",
    host: "rpc.test",
    sent: (request) => ({ ...request, protocol: "workers-rpc", method: "POST" }),
    same: (request) => ({ ...request, method: "POST" }),
    documents: [hostOnly("rpc"), virtualService("rpc", "rpc.test", `{ route: [${to("vault")}] }`)],
  },
  {
    name: "a Gateway",
    scope: "gw/default/front/80",
    host: "public.test",
    sent: (request) => ({ ...request, entrance: "public" }),
    same: (request) => ({ ...request, peer: peerOf(GATEWAY) }),
    documents: [
      `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }`,
      virtualService("public", "public.test", `{ route: [${to("vault")}] }`, ", gateways: [front]"),
    ],
  },
];

function peerOf(principal: string): RequestFacts["peer"] {
  return { principal, namespace: principal.split("/")[2] ?? null, trustDomain: "cluster.local", by: "gateway" };
}

const scope = fc.constantFrom(
  "selector: { matchLabels: { app: vault } }",
  "selector: { matchLabels: { app: vault, version: v1 } }",
  "selector: { matchLabels: { app: vault, version: v2 } }",
  "selector: { matchLabels: { app: decoy } }",
  'targetRefs: [{ group: "", kind: Service, name: vault }]',
  "targetRefs: [{ group: networking.istio.io, kind: ServiceEntry, name: alias }]",
);

const source = fc.constantFrom(
  "{ principals: [cluster.local/ns/default/sa/web] }",
  "{ notPrincipals: [cluster.local/ns/default/sa/web] }",
  "{ namespaces: [default, istio-system] }",
  "{ notNamespaces: [shop] }",
  '{ requestPrincipals: ["*"] }',
  '{ notRequestPrincipals: ["i/u"] }',
);
const operation = fc.constantFrom(
  "{ methods: [GET] }",
  "{ notMethods: [GET, POST] }",
  "{ paths: [/a/*] }",
  "{ notPaths: [/a/b] }",
  "{ methods: [POST], paths: [/a/b, /c] }",
);
const condition = fc.constantFrom(
  "{ key: 'request.headers[x-tier]', values: [gold] }",
  "{ key: 'request.headers[x-tier]', notValues: [gold] }",
  "{ key: 'request.auth.claims[tier]', values: [gold] }",
  "{ key: source.namespace, values: [default] }",
);

const rule = fc
  .tuple(fc.option(source, { nil: null }), fc.option(operation, { nil: null }), fc.option(condition, { nil: null }))
  .map(([from, where, when]) => {
    const parts = [
      ...(from === null ? [] : [`from: [{ source: ${from} }]`]),
      ...(where === null ? [] : [`to: [{ operation: ${where} }]`]),
      ...(when === null ? [] : [`when: [${when}]`]),
    ];
    return `{ ${parts.join(", ")} }`;
  });

const policies = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(scope, fc.constantFrom("ALLOW", "DENY"), fc.array(rule, { minLength: 1, maxLength: 2 }))
        .map(
          ([where, action, rules]) =>
            ["AuthorizationPolicy", `{ ${where}, action: ${action}, rules: [${rules.join(", ")}] }`] as const,
        ),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(scope, fc.constantFrom("OPTIONAL", "REQUIRED"), fc.boolean())
        .map(
          ([where, presence, kept]) =>
            [
              "RequestAuthentication",
              `{ ${where}, jwtRules: [{ issuer: i, presence: ${presence}, forwardOriginalToken: ${kept} }] }`,
            ] as const,
        ),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom("version: v1", "app: vault", "app: decoy")
        .map(
          (label) =>
            ["PeerAuthentication", `{ selector: { matchLabels: { ${label} } }, mtls: { mode: STRICT } }`] as const,
        ),
    },
  ),
  { minLength: 1, maxLength: 4 },
);

const TOKEN: TokenFact = {
  ok: true,
  principal: "i/u",
  issuer: "i",
  subject: "u",
  audiences: [],
  presenter: null,
  claims: { tier: "gold" },
  spaceDelimited: [],
  rule: 0,
  alsoBy: [1, 2, 3],
};
const KNOWN = { good: TOKEN, bad: { ok: false, code: "jwt_invalid", detail: "" } } as const;

const request = fc
  .record({
    method: fc.constantFrom("GET", "POST", "PUT"),
    path: fc.constantFrom("/", "/a/b", "/a/c", "/c"),
    peer: fc.constantFrom(peer("web"), peer("other"), peer("web", "shop"), facts().peer),
    tier: fc.constantFrom(undefined, "gold", "free"),
    token: fc.constantFrom(undefined, undefined, "good", "bad"),
    seed: fc.integer({ min: 0, max: 0xff_ff_ff_ff }),
  })
  .map(({ method, path, peer: caller, tier, token, seed }) =>
    facts({
      method,
      path,
      peer: caller,
      seed,
      headers: headers({
        ...(tier !== undefined && { "x-tier": tier }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      }),
    }),
  );

/** Whether each endpoint that is reached would be called. */
function verdicts(decision: Decision, mirrored: boolean): ReadonlyMap<string, boolean> {
  if (mirrored) {
    const copies = decision.effect === "forward" ? decision.mirrors : [];
    const found = copies.flatMap(({ cluster, copy }) =>
      copy.effect === "need"
        ? []
        : cluster.model.endpoints.map(({ id, policySet }) => [id, isCalled(copy, policySet)] as const),
    );
    return new Map(found);
  }
  const endpoints = decision.cluster?.model.endpoints ?? [];
  return new Map(endpoints.map(({ id, policySet }) => [id, isCalled(decision, policySet)]));
}

function isCalled(decision: Decision, policySet: number): boolean {
  return decision.effect === "forward" && decision.refusals?.get(policySet) === undefined;
}

function linked(world: TestWorld, of: string, host: string): LinkedSlice | null {
  const slice = world.slice(of, host);
  return slice && link(slice);
}

describe("whatever the way", () => {
  it("an endpoint's policies give the verdict that they give by its own name", () => {
    const reached = new Map(WAYS.map(({ name }) => [name, 0]));
    const seen = { called: 0, refused: 0 };
    fc.assert(
      fc.property(policies, fc.array(request, { minLength: 3, maxLength: 6 }), (made, requests) => {
        const world = new TestWorld();
        const guards = made.map(
          ([kind, spec], at) => `
apiVersion: security.istio.io/v1
kind: ${kind}
metadata: { name: p${at} }
spec: ${spec}`,
        );
        const base = [service("vault", { versions: ["v1", "v2"] }), service("open")];
        world.apply([...base, ...WAYS.flatMap(({ documents }) => documents), ...guards].join("\n---\n"));
        const own = linked(world, "mesh/*", OWN);
        if (own === null) throw new Error("the service is not served");
        for (const way of WAYS) {
          const other = linked(world, way.scope ?? "mesh/*", way.host);
          if (other === null) continue;
          for (const each of requests) {
            const sent = way.sent?.(each) ?? each;
            const target = { ...sent, host: way.host, authority: way.host };
            const same = { ...(way.same?.(each) ?? each), host: OWN, authority: OWN };
            const want = verdicts(decided(own, same, KNOWN), false);
            const got = verdicts(decided(other, target, KNOWN), way.mirrored === true);
            for (const [id, called] of got) {
              if (!PROTECTED.has(id)) continue;
              reached.set(way.name, (reached.get(way.name) ?? 0) + 1);
              seen[called ? "called" : "refused"] += 1;
              expect([way.name, id, called]).toEqual([way.name, id, want.get(id)]);
            }
          }
        }
      }),
      { numRuns: times(30, 400) },
    );
    expect(seen.called).toBeGreaterThan(100);
    expect(seen.refused).toBeGreaterThan(100);
    const unreached = [...reached].filter(([, count]) => count === 0).map(([name]) => name);
    // An address is its first namespace's: nobody else gets there at all.
    expect(unreached).toEqual(["another namespace's registration"]);
  });
});
