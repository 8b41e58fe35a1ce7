import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Decision } from "../../src/decide/types.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import { link, type LinkedSlice } from "../../src/snapshot/link.ts";
import { decided, facts, headers, peer } from "../decide/requests.ts";
import { times } from "../support/scale.ts";
import { meshOf, shape } from "./random-shapes.ts";
import { OWN, type Way, WAYS } from "./ways.ts";
import { service, TestWorld } from "./world.ts";

/**
 * Policies follow the endpoint: whoever reaches one by another host, route, registration, mirror, subset, delegate, Gateway or
 * by Workers RPC meets the verdict that he meets by the service's own name.
 */
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

/** What was reached, by the names of ways, and how it went. */
class Seen {
  readonly reached = new Map<string, number>();
  called = 0;
  refused = 0;

  /** Every endpoint of `vault` that a way reaches meets the verdict that it meets by the own name. */
  compare(world: TestWorld, ways: readonly Way[], requests: readonly RequestFacts[]): void {
    const own = linked(world, "mesh/*", OWN);
    if (own === null) throw new Error("the service is not served");
    const clusters = Object.values(own.model.clusters);
    const protectedIds = new Set(clusters.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)));
    for (const way of ways) {
      const other = linked(world, way.scope ?? "mesh/*", way.host);
      if (other === null) continue;
      for (const each of requests) {
        const sent = way.sent?.(each) ?? each;
        const target = { ...sent, host: way.host, authority: way.host };
        const same = { ...(way.same?.(each) ?? each), host: OWN, authority: OWN };
        const want = verdicts(decided(own, same, KNOWN), false);
        const got = verdicts(decided(other, target, KNOWN), way.mirrored === true);
        for (const [id, called] of got) {
          if (!protectedIds.has(id)) continue;
          this.reached.set(way.name, (this.reached.get(way.name) ?? 0) + 1);
          this[called ? "called" : "refused"] += 1;
          if (called !== want.get(id))
            expect([way.name, way.host, id, called]).toEqual([way.name, way.host, id, want.get(id)]);
        }
      }
    }
  }
}

const guardsOf = (made: readonly (readonly [kind: string, spec: string])[]): readonly string[] =>
  made.map(
    ([kind, spec], at) => `
apiVersion: security.istio.io/v1
kind: ${kind}
metadata: { name: p${at} }
spec: ${spec}`,
  );

const requestsOfOne = fc.array(request, { minLength: 3, maxLength: 6 });

describe("whatever the way", () => {
  it("an endpoint's policies give the verdict that they give by its own name", () => {
    const seen = new Seen();
    const base = [service("vault", { versions: ["v1", "v2"] }), service("open")];
    fc.assert(
      fc.property(policies, requestsOfOne, (made, requests) => {
        const world = new TestWorld();
        world.apply([...base, ...WAYS.flatMap(({ documents }) => documents), ...guardsOf(made)].join("\n---\n"));
        seen.compare(world, WAYS, requests);
      }),
      { numRuns: times(30, 400) },
    );
    expect(seen.called).toBeGreaterThan(100);
    expect(seen.refused).toBeGreaterThan(100);
    const unreached = WAYS.map(({ name }) => name).filter((name) => !seen.reached.has(name));
    // An address is its first namespace's: nobody else gets there at all.
    expect(unreached).toEqual(["another namespace's registration"]);
  });

  it("and whatever the mesh's shape: names, subsets, routes, weights, rewrites, delegates and mirrors as they come", () => {
    const seen = new Seen();
    fc.assert(
      fc.property(shape, policies, requestsOfOne, (drawn, made, requests) => {
        const world = new TestWorld();
        const { documents, ways } = meshOf(drawn);
        world.apply([...documents, ...guardsOf(made)].join("\n---\n"));
        seen.compare(world, ways, requests);
      }),
      { numRuns: times(30, 150) },
    );
    expect(seen.called).toBeGreaterThan(500);
    expect(seen.refused).toBeGreaterThan(500);
    expect(new Set(seen.reached.keys())).toEqual(
      new Set([
        "another name",
        ...["mesh", "gateway"].flatMap((at) => [
          `a route of ${at}`,
          `a route of ${at}, delegated`,
          `a mirror of ${at}`,
        ]),
        "Workers RPC",
      ]),
    );
  });
});
