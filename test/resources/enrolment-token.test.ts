import { describe, expect, it } from "vitest";
import type { ReadToken } from "../../src/identity/jwt.ts";
import { checkEnrolmentToken, entitlementOf, isOfKubernetes, onceOf } from "../../src/resources/enrolment-token.ts";

const NOW = 1_800_000_000_000;
const S = NOW / 1_000;
const token = (claims: Record<string, unknown>): ReadToken => ({
  text: "head.payload.signature",
  algorithm: "ES256",
  keyId: null,
  claims: {
    iss: "https://i.test",
    sub: "a:b",
    aud: "tulle://cluster.local",
    iat: S,
    exp: S + 600,
    jti: "1",
    ...claims,
  },
});
const check = (claims: Record<string, unknown>) => checkEnrolmentToken(token(claims), "cluster.local", NOW);

describe("checkEnrolmentToken", () => {
  it("takes a token for this mesh, now", () => {
    expect(check({})).toBeNull();
    expect(check({ aud: ["tulle://cluster.local"], jti: undefined, nbf: S - 1 })).toBeNull();
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["that has ended", { iat: S - 700, exp: S - 61 }, "token_times"],
    ["that begins later", { nbf: S + 61 }, "token_times"],
    ["of the future", { iat: S + 61, exp: S + 600 }, "token_times"],
    ["without its time", { iat: undefined }, "token_times"],
    ["without an end", { exp: undefined }, "token_times"],
    ["that lives too long", { exp: S + 86_461 }, "token_life"],
    ["that ended before it began", { iat: S + 10, exp: S + 5 }, "token_life"],
    ["of nobody", { sub: "" }, "token_subject"],
    ["for another mesh", { aud: "tulle://other.test" }, "token_audience"],
    ["for the API server", { aud: "https://kubernetes.default.svc" }, "token_audience"],
    ["for another one too", { aud: ["tulle://cluster.local", "https://kubernetes.default.svc"] }, "token_audience"],
    ["for what is no text too", { aud: ["tulle://cluster.local", 1] }, "token_audience"],
    ["for the mesh in capitals", { aud: "tulle://Cluster.local" }, "token_audience"],
    ["for nobody", { aud: undefined }, "token_audience"],
    ["with a number of another type", { jti: 7 }, "token_form"],
  ])("refuses one %s", (_, claims, code) => {
    expect(check(claims)).toBe(code);
  });
});

describe("entitlementOf", () => {
  const rule = (subject: string, namespace = "shop", serviceAccount = "web") => ({
    name: subject,
    subject,
    namespace,
    serviceAccount,
  });
  const roots = new Set(["istio-system", "mesh-root"]);
  const of = (subject: string, ...rules: readonly ReturnType<typeof rule>[]) => {
    const found = entitlementOf(subject, rules, roots);
    return found.ok ? `${found.value.namespace}/${found.value.serviceAccount}` : found.error;
  };

  it("is the workload of the rule that matches", () => {
    expect(of("a:b", rule("a:b"))).toBe("shop/web");
    expect(of("sa:pay:cart", rule("a:b"), rule("sa:{n}:{a}", "{n}", "{a}"))).toBe("pay/cart");
    expect(of("a:b", rule("a:b"), rule("a:*"))).toBe("shop/web");
  });

  it("is none where no rule matches, where two differ, and where a part makes no name", () => {
    expect(of("a:c", rule("a:b"))).toBe("rule_none");
    expect(of("a:b", rule("a:b"), rule("a:*", "other"))).toBe("rules_ambiguous");
    expect(of("a:B", rule("a:{n}", "{n}"))).toBe("rule_none");
    expect(of("a:..", rule("a:{n}", "{n}"))).toBe("rule_none");
  });

  it("is none of the mesh's own namespaces, unless the rule writes it out", () => {
    expect(of("sa:istio-system:x", rule("sa:{n}:{a}", "{n}", "{a}"))).toBe("root_namespace");
    expect(of("sa:mesh-root:x", rule("sa:{n}:x", "{n}", "x"))).toBe("root_namespace");
    expect(of("sa:any:x", rule("sa:any:{a}", "istio-system", "{a}"))).toBe("root_namespace");
    expect(of("a:b", rule("a:b", "istio-system", "edge"))).toBe("istio-system/edge");
  });
});

describe("onceOf", () => {
  it("is the same for all spellings of one signature, and another for each issuer and number", () => {
    const text = (text: string) => onceOf({ ...token({ jti: undefined }), text });
    expect(text("a.b.c")).toBe(text("a.b.d"));
    expect(
      new Set([onceOf(token({})), onceOf(token({ jti: "2" })), onceOf(token({ iss: "x" })), text("a.b.c")]).size,
    ).toBe(4);
  });
});

describe("isOfKubernetes", () => {
  it.each([
    "https://kubernetes.default.svc",
    "https://kubernetes.default.svc.cluster.local",
    "kubernetes",
    "api",
    "https://oidc.eks.eu-west-1.amazonaws.com/id/A",
    "https://container.googleapis.com/v1/projects/p",
  ])("holds of %s", (audience) => {
    expect(isOfKubernetes(audience)).toBe(true);
  });

  it("does not hold of a mesh's", () => {
    expect(isOfKubernetes("tulle://kubernetes.default.svc")).toBe(false);
  });
});
