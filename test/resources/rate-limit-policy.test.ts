import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const TARGET = { kind: "Service", name: "orders" };
const RATES = [{ limit: 10, window: "1m" }];

/** Each as `severity field`. */
const ofSpec = (spec: object) =>
  found("tulle.dev/v1alpha1", "RateLimitPolicy", JSON.stringify(spec)).map((one) => one.replace(/ \w+ /, " "));
const ofTarget = (target: object) =>
  ofSpec({ targetRefs: [{ ...TARGET, ...target }], limits: [{ name: "a", rates: RATES }] });
const ofLimit = (limit: object) => ofSpec({ targetRefs: [TARGET], limits: [{ name: "a", rates: RATES, ...limit }] });

const ISTIO = { group: "networking.istio.io" };

describe("RateLimitPolicy", () => {
  it.each([
    [{}],
    [{ ...ISTIO, kind: "Gateway" }],
    [{ ...ISTIO, kind: "ServiceEntry" }],
    [{ ...ISTIO, kind: "VirtualService", sectionName: "a", host: "a.test" }],
  ])("takes the target %j", (target) => expect(ofTarget(target)).toEqual([]));

  it.each([
    [{ kind: "HTTPRoute", group: "gateway.networking.k8s.io" }, "error spec.targetRefs[0].kind"],
    [{ kind: "Deployment", group: "apps" }, "error spec.targetRefs[0].kind"],
    [{ ...ISTIO, kind: "Service" }, "error spec.targetRefs[0].kind"],
    [{ namespace: "other" }, "error spec.targetRefs[0].namespace"],
    [{ sectionName: "a" }, "error spec.targetRefs[0].sectionName"],
    [{ ...ISTIO, kind: "Gateway", host: "a.test" }, "error spec.targetRefs[0].host"],
  ])("refuses the target %j", (target, finding) => expect(ofTarget(target)).toEqual([finding]));

  it.each([
    [{ when: 'request.method == "POST" && request.url_path.startsWith("/a")' }],
    [{ key: ["source.address", 'request.headers["x-a"]', 'request.auth.claims["sub"]', "request.auth.principal"] }],
    [{ tiers: [{ when: 'request.auth.claims.plan == "gold"', rates: [{ limit: 5, window: "24h" }] }] }],
    [{ key: ["source.principal"], onMissingKey: "Refuse", overrides: [{ key: ["a"], rates: RATES }] }],
    [{ cost: { request: 'request.method == "POST" ? 5 : 1' }, scope: "Location", onError: "Refuse", timeout: "1s" }],
    [{ cost: { answer: 'response.code == 200 ? int(response.headers["x-tokens"]) + response.size / 1024 : 0' } }],
    [{ cost: { answer: 'request.method == "POST" ? 2 : 1' } }],
    [{ cost: { request: "0", answer: "response.size - 100" } }],
    [{ rates: [...RATES, { limit: 5, window: "1s", burst: 9 }], headers: "Both", onExceeded: "Audit", shared: true }],
  ])("takes the limit %j", (limit) => expect(ofLimit(limit)).toEqual([]));

  it.each([
    [{ name: "A b" }, "error spec.limits[0].name"],
    [{ rates: [] }, "error spec.limits[0].rates"],
    [{ rates: [{ limit: 0, window: "1m" }] }, "error spec.limits[0].rates[0].limit"],
    [{ rates: [{ limit: 1, window: "1500ms" }] }, "error spec.limits[0].rates[0].window"],
    [{ rates: [{ limit: 1, window: "1h", burst: 2 }] }, "error spec.limits[0].rates[0].burst"],
    [{ rates: [...RATES, { limit: 1, window: "60s" }] }, "error spec.limits[0].rates[1].window"],
    [{ when: "request.url_path" }, "error spec.limits[0].when"],
    [{ when: "response.code == 200" }, "error spec.limits[0].when"],
    [{ key: ["request.path"] }, "error spec.limits[0].key[0]"],
    [{ key: ["request.auth.claims"] }, "error spec.limits[0].key[0]"],
    [{ key: ["request.auth.other"] }, "error spec.limits[0].key[0]"],
    [{ key: ["host"] }, "error spec.limits[0].key[0]"],
    [{ cost: { request: '"much"' } }, "error spec.limits[0].cost.request"],
    [{ cost: { request: "-1" } }, "error spec.limits[0].cost.request"],
    [{ cost: { request: "5 * -2" } }, "error spec.limits[0].cost.request"],
    [{ cost: { answer: "1 - 2" } }, "error spec.limits[0].cost.answer"],
    [{ cost: { answer: "response.code == 200" } }, "error spec.limits[0].cost.answer"],
    [{ cost: { answer: "response.flags" } }, "error spec.limits[0].cost.answer"],
    [{ cost: { request: "response.size" } }, "error spec.limits[0].cost.request"],
    [{ key: ['response.headers["x-a"]'] }, "error spec.limits[0].key[0]"],
    [{ onMissingKey: "Skip" }, "error spec.limits[0].onMissingKey"],
    [
      { key: ["source.address"], overrides: [{ key: ["a", "b"], rates: RATES }] },
      "error spec.limits[0].overrides[0].key",
    ],
    [
      { key: ["source.address"], overrides: ["a", "b", "a"].map((key) => ({ key: [key], rates: RATES })) },
      "error spec.limits[0].overrides[2].key",
    ],
    [{ scope: "Local", onError: "Refuse" }, "error spec.limits[0].onError"],
    [{ scope: "Local", timeout: "1s" }, "error spec.limits[0].timeout"],
  ])("refuses the limit %j", (limit, finding) => expect(ofLimit(limit)).toEqual([finding]));

  it("takes overrides whose parts only look alike, and refuses more than 1,000 of all its limits together", () => {
    const key = ["source.address", "request.method"];
    const of = (...keys: readonly (readonly string[])[]) => keys.map((parts) => ({ key: parts, rates: RATES }));
    expect(ofLimit({ key, overrides: of(["a\n", "b"], ["a", "\nb"]) })).toEqual([]);
    const limits = (count: number) =>
      ["a", "b"].map((name) => ({
        name,
        key: ["source.address"],
        rates: RATES,
        overrides: of(...Array.from({ length: count / 2 }, (_, at) => [`k${at}`])),
      }));
    expect(ofSpec({ targetRefs: [TARGET], limits: limits(1_000) })).toEqual([]);
    expect(ofSpec({ targetRefs: [TARGET], limits: limits(1_002) })).toEqual(["error spec.limits"]);
  });
});
