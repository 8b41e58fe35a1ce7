import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answerOf } from "../../src/decide/answers.ts";
import { decide } from "../../src/decide/decide.ts";
import { describeDecision } from "../../src/decide/describe.ts";
import { readFacts, writeFacts } from "../../src/decide/written.ts";
import type { Forward } from "../../src/decide/types.ts";
import { identifyKey, linkKeys } from "../../src/policy/api-keys.ts";
import type { ApiKey, ApiKeyFact } from "../../src/request/api-key-fact.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { ApiKeyPolicyModel } from "../../src/snapshot/api-key-model.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { LimitModel } from "../../src/snapshot/limit-model.ts";
import type { AuthorizationPolicyModel, Condition, Front, PolicySet, Slice } from "../../src/snapshot/model.ts";
import { cluster, endpoint, facts, headers, OPEN, slice } from "../decide/requests.ts";

const TEXT = `tk_${"A".repeat(32)}_00000000`;
const POLICY: ApiKeyPolicyModel = { name: "shop/keys", namespace: "shop", header: "x-api-key", required: true };
const KEY: ApiKey = {
  id: "1",
  name: "acme",
  namespace: "shop",
  plan: "gold",
  labels: { team: "a", constructor: "b" },
  expiresAt: null,
};
const FRONT: Front = {
  gateway: "edge/public",
  workload: { name: "gw", namespace: "edge", principal: null, app: "gw", version: "v1" },
  policySet: 1,
  clientCertificate: "none",
};

const known = (change: Partial<ApiKey> = {}): ApiKeyFact => ({ state: "known", key: { ...KEY, ...change } });

const guarded = (change: Partial<PolicySet> = {}, more: Partial<Slice> = {}) =>
  slice({ keyHeaders: ["x-api-key"], policySets: [{ ...OPEN, keys: [POLICY], ...change }], ...more });

/** A request as the gateway has it once it knows all there is to know of its key. */
function sent(fact: ApiKeyFact | null, change: Partial<RequestFacts> = {}): RequestFacts {
  return facts({
    headers: headers(fact === null ? {} : { "x-api-key": TEXT }),
    apiKeys: new Map([["x-api-key", fact]]),
    ...change,
  });
}

function verdict(of: LinkedSlice, request: RequestFacts): string {
  const decision = decide(of, request);
  if (decision.effect === "need") throw new Error("a fact is missing");
  return decision.effect === "answer" ? decision.code : "forward";
}

function forwarded(of: LinkedSlice, request: RequestFacts): Forward {
  const decision = decide(of, request);
  if (decision.effect !== "forward") throw new Error(`it is not sent on: ${decision.effect}`);
  return decision;
}

describe("a workload that asks for an API key", () => {
  it.each([
    ["none", null, "api_key_missing"],
    ["one that nobody knows", { state: "unknown" }, "api_key_unknown"],
    ["what has no key's form", { state: "malformed" }, "api_key_unknown"],
    ["another namespace's", known({ namespace: "bank" }), "api_key_unknown"],
    ["one that was revoked", { state: "revoked", namespace: "shop" }, "api_key_revoked"],
    ["another namespace's that was revoked", { state: "revoked", namespace: "bank" }, "api_key_unknown"],
    ["one that has ended at this moment", known({ expiresAt: 0 }), "api_key_expired"],
    ["one that cannot be looked up", { state: "unavailable" }, "api_key_unavailable"],
  ] as const)("refuses %s, and says why", (_, fact, code) => {
    expect(decide(guarded(), sent(fact))).toMatchObject({ effect: "answer", code, policy: "shop/keys", flag: "UAEX" });
  });

  it("answers 401 with what is wrong and the scheme, and 503 where nobody can say", () => {
    const codes = ["api_key_missing", "api_key_unknown", "api_key_expired", "api_key_revoked"] as const;
    for (const code of codes)
      expect(answerOf(code)).toMatchObject({ status: 401, headers: [["www-authenticate", "ApiKey"]] });
    expect(new Set(codes.map((code) => answerOf(code).body)).size).toBe(4);
    expect(answerOf("api_key_unavailable")).toMatchObject({ status: 503, headers: [["retry-after", "1"]] });
  });

  it("takes a good one, and takes it out of what is sent", () => {
    const decision = forwarded(guarded(), sent(known({ expiresAt: 1 })));
    expect(decision.bySet?.get(0)).toEqual([{ op: "remove", name: "x-api-key" }]);
  });

  it("wants to know a key that was not looked up, and names its header alone", () => {
    const request = { ...sent(known()), apiKeys: new Map() };
    expect(decide(guarded(), request)).toEqual({ effect: "need", needs: [{ kind: "api_key", header: "x-api-key" }] });
  });

  it("lets pass without one where it is optional, and refuses a bad one all the same", () => {
    const { required: _, ...optional } = POLICY;
    const of = guarded({ keys: [optional] });
    expect([null, known(), { state: "unknown" } as const].map((fact) => verdict(of, sent(fact)))).toEqual([
      "forward",
      "forward",
      "api_key_unknown",
    ]);
  });

  it("is closed where nothing at all is known of keys", () => {
    expect(verdict(guarded(), facts({ headers: headers({ "x-api-key": TEXT }) }))).toBe("api_key_missing");
  });

  it("does not ask a CORS preflight, and takes a key out of it", () => {
    const preflight = { origin: "https://a.test", "access-control-request-method": "GET", "x-api-key": TEXT };
    const request = sent({ state: "unknown" }, { method: "OPTIONS", headers: headers(preflight) });
    expect(forwarded(guarded(), request).bySet?.get(0)).toEqual([{ op: "remove", name: "x-api-key" }]);
  });

  it("refuses nobody where its namespace observes, and takes the key out", () => {
    const decision = forwarded(guarded({ observe: true }), sent({ state: "revoked", namespace: "shop" }));
    expect(decision.bySet?.get(0)).toEqual([{ op: "remove", name: "x-api-key" }]);
    expect(decision.notes).toMatchObject([{ action: "OBSERVE", policy: "shop/keys", code: "api_key_revoked" }]);
  });

  it("judges by the key that came, whatever a route writes in its place", () => {
    const route = { name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }] };
    const set = (value: string) => ({ routes: [{ ...route, request: { set: [["x-api-key", value] as const] } }] });
    expect(verdict(guarded({}, set(TEXT)), sent(null))).toBe("api_key_missing");
    expect(verdict(guarded({}, set("other")), sent(known()))).toBe("forward");
  });
});

describe("a copy of a request with a key", () => {
  const route = {
    name: "r",
    matches: [],
    destinations: [{ cluster: "a", weight: 1 }],
    mirrors: [{ cluster: "b", share: 1 }],
  };
  const { clusters } = slice({}).model;
  const copyOf = (sets: readonly PolicySet[], change: Partial<Slice["routes"][number]> = {}, fact = known()) => {
    const [a, b] = [cluster("a", [endpoint("EP_A", 0)]), cluster("b", [endpoint("EP_B", 1)])];
    const of = slice({
      keyHeaders: ["x-api-key"],
      policySets: sets,
      clusters: { ...clusters, a, b },
      routes: [{ ...route, ...change }],
    });
    return forwarded(of, sent(fact)).mirrors[0]?.copy;
  };
  const asks = { ...OPEN, keys: [POLICY] };

  it("has none where the destination takes it: the key is that one's", () => {
    const copy = copyOf([asks, OPEN]);
    expect(copy).toMatchObject({ effect: "forward" });
    expect(copy).not.toHaveProperty("headers.x-api-key");
  });

  it("is judged by it where the mirror takes keys itself, and has what a route writes there where it takes none", () => {
    expect(copyOf([asks, asks])).toMatchObject({ effect: "forward" });
    const foreign = { ...OPEN, keys: [{ ...POLICY, name: "bank/keys", namespace: "bank" }] };
    expect(copyOf([asks, foreign])).toMatchObject({ effect: "answer", code: "api_key_unknown" });
    const request = { set: [["x-api-key", "the mirror's"] as const] };
    expect(copyOf([asks, OPEN], { request })).toHaveProperty("headers.x-api-key", "the mirror's");
  });

  it("has it in no header that a route fills from it either", () => {
    const request = { set: [["x-other", "<%REQ(x-api-key)%>"] as const] };
    expect(copyOf([asks, OPEN], { request })).toHaveProperty("headers.x-other", "<>");
    expect(copyOf([asks, OPEN], { request })).toHaveProperty("request.0.value", "<>");
    expect(copyOf([OPEN, OPEN], { request })).toHaveProperty("headers.x-other", `<${TEXT}>`);
  });

  it("has it as it came where the destination takes none", () => {
    expect(copyOf([OPEN, OPEN])).toHaveProperty("headers.x-api-key", TEXT);
  });
});

describe("the key of a request", () => {
  const when = (condition: Condition): AuthorizationPolicyModel => ({ name: "shop/p", rules: [{ when: [condition] }] });
  const exact = (value: string) => [{ kind: "exact", value } as const];

  it.each([
    [{ key: { kind: "request.auth.key.id" }, values: exact("1") }, true],
    [{ key: { kind: "request.auth.key.name" }, values: exact("acme") }, true],
    [{ key: { kind: "request.auth.key.plan" }, values: exact("gold") }, true],
    [{ key: { kind: "request.auth.key.plan" }, notValues: exact("gold") }, false],
    [{ key: { kind: "request.auth.key.labels", name: "team" }, values: exact("a") }, true],
    [{ key: { kind: "request.auth.key.labels", name: "constructor" }, values: exact("b") }, true],
    [{ key: { kind: "request.auth.key.labels", name: "toString" }, values: [{ kind: "present" }] }, false],
  ] as const)("is what policies look at: %j", (condition, allows) => {
    const code = allows ? "forward" : "rbac_denied_no_allow";
    expect(verdict(guarded({ allow: [when(condition as Condition)] }), sent(known()))).toBe(code);
    const denied = allows ? "rbac_denied_matched_policy" : "forward";
    expect(verdict(guarded({ deny: [when(condition as Condition)] }), sent(known()))).toBe(denied);
  });

  it("is nobody's where none came: an ALLOW by it does not hold", () => {
    const { required: _, ...optional } = POLICY;
    const allow = [when({ key: { kind: "request.auth.key.plan" }, values: [{ kind: "present" }] })];
    expect(verdict(guarded({ keys: [optional], allow }), sent(null))).toBe("rbac_denied_no_allow");
  });

  it("that a Gateway took is known to the service's policies, and reaches no service", () => {
    const allow = [when({ key: { kind: "request.auth.key.name" }, values: exact("acme") })];
    const own = { ...OPEN, keys: [{ ...POLICY, name: "edge/keys", namespace: "edge" }] };
    const policySets = [{ ...OPEN, allow, keysOf: ["shop", "edge"] }, own];
    const of = slice({ keyHeaders: ["x-api-key"], front: FRONT, policySets });
    const decision = forwarded(of, sent(known({ namespace: "edge" })));
    expect(decision.request).toContainEqual({ op: "remove", name: "x-api-key" });
    expect(decision.headers).not.toHaveProperty("x-api-key");
    expect(verdict(of, sent(known({ namespace: "edge", name: "other" })))).toBe("rbac_denied_no_allow");
  });

  it("that the Gateway of another namespace took says nothing to the service's policies, which that namespace could forge", () => {
    const { required: _, ...optional } = { ...POLICY, header: "x-own" };
    const gold = [when({ key: { kind: "request.auth.key.plan" }, values: exact("gold") })];
    const edge = { ...OPEN, keys: [{ ...POLICY, name: "edge/keys", namespace: "edge" }] };
    const of = (change: Partial<PolicySet>) => {
      const policySets = [{ ...OPEN, keysOf: ["shop", "istio-system"], ...change }, edge];
      return slice({ keyHeaders: ["x-api-key", "x-own"], front: FRONT, policySets });
    };
    const both = (own: ApiKeyFact | null) =>
      sent(null, {
        apiKeys: new Map([
          ["x-api-key", known({ namespace: "edge" })],
          ["x-own", own],
        ]),
      });
    expect(verdict(of({ allow: gold }), both(null))).toBe("rbac_denied_no_allow");
    expect(verdict(of({ allow: gold, keys: [optional] }), both(null))).toBe("rbac_denied_no_allow");
    expect(verdict(of({ allow: gold, keys: [optional] }), both(known()))).toBe("forward");
    expect(verdict(of({ deny: gold }), both(null))).toBe("forward");
  });

  it("is what limits count by and choose their rates by", () => {
    const of = (name: string) => ({ kind: "attribute", name }) as const;
    const limit: LimitModel = {
      name: "shop/l/l",
      scope: "GLOBAL",
      when: { kind: "==", left: of("request.auth.key.labels.team"), right: { kind: "value", value: "a" } },
      key: [of("request.auth.key.id")],
      missing: "REFUSE",
      rates: [{ limit: 1, windowMs: 1_000 }],
      tiers: [
        {
          when: { kind: "==", left: of("request.auth.key.plan"), right: { kind: "value", value: "gold" } },
          rates: [{ limit: 100, windowMs: 1_000 }],
        },
      ],
      keysOf: ["shop"],
    };
    const route = { name: "r", matches: [], destinations: [{ cluster: "a", weight: 1 }], limits: [0] };
    const limited = guarded({}, { routes: [route], limits: [limit] });
    const asks = (change: Partial<ApiKey>) => {
      const decision = decide(limited, sent(known(change)));
      return decision.effect === "need"
        ? decision.limits?.map(({ counter, rates }) => [counter.at(-1), rates[0]?.limit])
        : null;
    };
    expect(asks({})).toEqual([["1", 100]]);
    expect(asks({ id: "2", plan: null })).toEqual([["2", 1]]);
    expect(asks({ labels: { team: "b" } })).toBeNull();
  });

  it("stands in a record without the key, by which the decision is made again", () => {
    const allow = [when({ key: { kind: "request.auth.key.plan" }, values: exact("gold") })];
    const of = guarded({ allow });
    const written = writeFacts(of, sent(known()));
    expect(JSON.stringify(written)).not.toContain(TEXT);
    expect(written).toMatchObject({ headers: { "x-api-key": "*" }, apiKeys: { "x-api-key": known() } });
    const again = decide(of, readFacts(of, JSON.parse(JSON.stringify(written))));
    expect(again.effect === "need" || describeDecision(again)).toEqual(describeDecision(forwarded(of, sent(known()))));
    const older = writeFacts(slice(), sent(known()));
    expect(older.headers).not.toHaveProperty("x-api-key");
  });

  it("of a namespace that nobody asks for here stands in no record, not even that it is one", () => {
    for (const fact of [known({ namespace: "bank" }), { state: "revoked", namespace: "bank" } as const]) {
      const written = writeFacts(guarded(), sent(fact));
      expect(written.apiKeys).toEqual({ "x-api-key": { state: "unknown" } });
      expect(verdict(guarded(), readFacts(guarded(), written))).toBe(verdict(guarded(), sent(fact)));
    }
  });

  it("a record that says nothing of a key that was there decides nothing", () => {
    const { apiKeys: _, ...written } = writeFacts(guarded(), sent(known()));
    expect(() => readFacts(guarded(), written)).toThrow("API key in x-api-key");
  });
});

describe("keys and policies of any kind", () => {
  const HEADERS = ["x-a", "x-b"];
  const namespace = fc.constantFrom("one", "two");
  const policy = fc.record({ namespace, header: fc.constantFrom(...HEADERS), required: fc.boolean() });
  const fact = fc.oneof(
    fc.constant(null),
    fc.constantFrom<ApiKeyFact>({ state: "unknown" }, { state: "malformed" }, { state: "unavailable" }),
    namespace.map((of): ApiKeyFact => ({ state: "revoked", namespace: of })),
    fc
      .record({ of: namespace, expiresAt: fc.constantFrom(null, 9, 10, 11) })
      .map(({ of, expiresAt }) => known({ namespace: of, expiresAt })),
  );

  it("pass exactly where every key that came is good for a policy of its header, and one came where one is asked for", () => {
    fc.assert(
      fc.property(fc.array(policy, { minLength: 1, maxLength: 4 }), fact, fact, (all, a, b) => {
        const came = new Map([
          ["x-a", a],
          ["x-b", b],
        ]);
        const models = all.map(({ required, ...one }, at) => ({
          ...one,
          name: `${one.namespace}/${at}`,
          ...(required && { required: true as const }),
        }));
        const keys = linkKeys(models);
        if (keys === null) throw new Error("there are policies");
        const found = identifyKey(keys, facts({ apiKeys: came, startedAt: 10 }));
        const looked = HEADERS.filter(
          (header) => all.some((one) => one.header === header) && came.get(header) !== null,
        );
        const isGood = (header: string): boolean => {
          const one = came.get(header);
          if (one?.state !== "known" || (one.key.expiresAt ?? 11) <= 10) return false;
          return all.some((of) => of.header === header && of.namespace === one.key.namespace);
        };
        const passes = looked.every(isGood) && (looked.length > 0 || all.every(({ required }) => !required));
        expect(found.kind).toBe(passes ? "identified" : "refused");
        if (found.kind === "need") return;
        expect(found.changes.map(({ name }) => name)).toEqual(looked);
      }),
      { seed: 20_261_130, numRuns: 500 },
    );
  });
});
