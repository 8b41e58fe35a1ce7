import { describe, expect, it } from "vitest";
import { parseObject } from "../../src/kinds/parse.ts";

const ENTRY = {
  issuer: "https://login.example.com",
  audience: "tulle",
  rules: [{ claims: [{ name: "groups", values: ["ops"] }], role: "admin", namespace: "*" }],
};
const [RULE] = ENTRY.rules;

/** What is said of a MeshConfig with these entries, with the field. */
function said(signIn: unknown, local = false): readonly string[] {
  const value = {
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec: { signIn },
  };
  return parseObject(value, { local }).findings.map(({ field, message }) => `${field}: ${message}`);
}

describe("MeshConfig.signIn", () => {
  it("takes what a mesh needs", () => {
    expect(said([ENTRY, { ...ENTRY, audience: "other", jwksUri: "https://keys.example.com/a" }])).toEqual([]);
    expect(said([{ ...ENTRY, issuer: "https://acme.cloudflareaccess.com" }])).toEqual([]);
    expect(
      said([{ ...ENTRY, rules: [{ ...RULE, claims: [{ name: "[custom][a.b]", values: ["x"] }], namespace: "shop" }] }]),
    ).toEqual([]);
    expect(said([{ ...ENTRY, issuer: "http://127.0.0.1:8080" }], true)).toEqual([]);
    expect(said([{ ...ENTRY, rules: [{ ...RULE, permissions: ["tail", "explain"] }] }])).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ["nobody", [], "spec.signIn"],
    [
      "a permission that there is not",
      [{ ...ENTRY, rules: [{ ...RULE, permissions: ["all"] }] }],
      "rules[0].permissions[0]",
    ],
    ["no permission in a list of them", [{ ...ENTRY, rules: [{ ...RULE, permissions: [] }] }], "rules[0].permissions"],
    ["no rule, which would let nobody in", [{ ...ENTRY, rules: [] }], "spec.signIn[0].rules"],
    ["a rule for everybody", [{ ...ENTRY, rules: [{ ...RULE, claims: [] }] }], "spec.signIn[0].rules[0].claims"],
    [
      "a claim without values",
      [{ ...ENTRY, rules: [{ ...RULE, claims: [{ name: "a", values: [] }] }] }],
      "claims[0].values",
    ],
    ["an empty value", [{ ...ENTRY, rules: [{ ...RULE, claims: [{ name: "a", values: [""] }] }] }], "claims[0].values"],
    [
      "a claim without a name",
      [{ ...ENTRY, rules: [{ ...RULE, claims: [{ name: "[a][]", values: ["x"] }] }] }],
      "claims[0].name",
    ],
    [
      "no namespace, which might mean all",
      [{ ...ENTRY, rules: [{ claims: RULE?.claims, role: "viewer" }] }],
      "rules[0].namespace",
    ],
    ["a namespace that is none", [{ ...ENTRY, rules: [{ ...RULE, namespace: "Shop" }] }], "rules[0].namespace"],
    ["another role", [{ ...ENTRY, rules: [{ ...RULE, role: "root" }] }], "rules[0].role"],
    ["no audience", [{ issuer: ENTRY.issuer, rules: ENTRY.rules }], "spec.signIn[0].audience"],
    ["an empty audience", [{ ...ENTRY, audience: "" }], "spec.signIn[0].audience"],
    ["one entry twice", [ENTRY, ENTRY], "spec.signIn[1].audience"],
    ["a misspelt field", [{ ...ENTRY, rule: [] }], "spec.signIn[0].rule"],
    ["plain http", [{ ...ENTRY, issuer: "http://login.example.com" }], "spec.signIn[0].issuer"],
    ["loopback, but in the local mesh", [{ ...ENTRY, issuer: "http://127.0.0.1:8080" }], "spec.signIn[0].issuer"],
    ["an address", [{ ...ENTRY, issuer: "https://169.254.169.254" }], "spec.signIn[0].issuer"],
    ["a query", [{ ...ENTRY, issuer: "https://login.example.com/?a" }], "spec.signIn[0].issuer"],
    ["a user", [{ ...ENTRY, jwksUri: "https://a@keys.example.com/" }], "spec.signIn[0].jwksUri"],
    ["a team that is none", [{ ...ENTRY, issuer: "https://a.b.cloudflareaccess.com" }], "spec.signIn[0].issuer"],
    ["a team with a slash", [{ ...ENTRY, issuer: "https://acme.cloudflareaccess.com/" }], "spec.signIn[0].issuer"],
  ])("refuses %s", (_, signIn, field) => {
    const found = said(signIn);
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toContain(field);
  });
});
