import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReadToken } from "../../src/identity/jwt.ts";
import { claimsOf, type Identity, rightsOf, signInProblem, subjectOf } from "../../src/kube/sign-in.ts";
import type { SignInSpec } from "../../src/resources/sign-in.ts";

const NOW = 1_000_000_000_000;
const ISSUER = "https://login.example.com";
const ACCESS = "https://acme.cloudflareaccess.com";

const rule = (
  name: string,
  values: readonly string[],
  role: SignInSpec["rules"][number]["role"],
  namespace: string,
) => ({
  claims: [{ name, values: [...values] }],
  role,
  namespace,
});
const entry = (change: Partial<SignInSpec> = {}): SignInSpec => ({
  issuer: ISSUER,
  audience: "tulle",
  rules: [rule("groups", ["ops"], "admin", "*"), rule("groups", ["shop", "all"], "editor", "shop")],
  ...change,
});
const token = (claims: Record<string, unknown>): ReadToken => ({
  text: "",
  algorithm: "ES256",
  keyId: null,
  claims: { iss: ISSUER, aud: "tulle", sub: "eve", iat: NOW / 1_000, exp: NOW / 1_000 + 60, ...claims },
});
const identity = (groups: readonly string[], change: Partial<Identity> = {}): Identity => ({
  issuer: ISSUER,
  audience: "tulle",
  subject: "eve",
  claims: { groups },
  ...change,
});

describe("signInProblem", () => {
  it.each<[string, Record<string, unknown>, unknown, string | null]>([
    ["takes an ID token", {}, "JWT", null],
    ["takes one without a type", {}, undefined, null],
    ["takes one of several audiences that was made for this one", { aud: ["tulle", "b"], azp: "tulle" }, "JWT", null],
    ["refuses another issuer", { iss: `${ISSUER}/` }, "JWT", "token_issuer"],
    ["refuses another audience", { aud: "tulle2" }, "JWT", "token_audience"],
    ["refuses another case of it", { aud: "Tulle" }, "JWT", "token_audience"],
    ["refuses no audience", { aud: undefined }, "JWT", "token_audience"],
    ["refuses several audiences without a word for whom", { aud: ["tulle", "b"] }, "JWT", "token_audience"],
    ["refuses what was made for another", { aud: ["tulle"], azp: "b" }, "JWT", "token_audience"],
    ["refuses an access token", {}, "at+jwt", "token_kind"],
    ["refuses a logout token", {}, "logout+jwt", "token_kind"],
    ["refuses a logout token that does not say so", { events: {} }, "JWT", "token_kind"],
    ["refuses a type that is no text", {}, ["JWT"], "token_kind"],
    ["refuses an access token of Keycloak", { typ: "Bearer", azp: "tulle" }, "JWT", "token_kind"],
    ["takes an ID token of Keycloak", { typ: "ID", azp: "tulle" }, "JWT", null],
    ["refuses an access token of Cognito", { token_use: "access" }, "JWT", "token_kind"],
    ["takes an ID token of Cognito", { token_use: "id" }, "JWT", null],
    ["refuses an access token of Entra for the same application", { scp: "User.Read" }, "JWT", "token_kind"],
    ["refuses an access token that says what it opens", { scope: "openid profile" }, "JWT", "token_kind"],
    ["refuses a kind that is no text", { typ: 1 }, "JWT", "token_kind"],
    ["takes what was made a day ago", { iat: NOW / 1_000 - 86_400 }, "JWT", null],
    ["refuses what was made before that", { iat: NOW / 1_000 - 86_461 }, "JWT", "token_times"],
    ["refuses what has ended", { exp: NOW / 1_000 - 61 }, "JWT", "token_times"],
    ["refuses what never ends", { exp: undefined }, "JWT", "token_times"],
    ["refuses what was made later", { iat: NOW / 1_000 + 61 }, "JWT", "token_times"],
    ["refuses what was made at no time", { iat: undefined }, "JWT", "token_times"],
    ["refuses what was made at infinity", { iat: Number.NaN }, "JWT", "token_times"],
    ["refuses nobody", { sub: undefined }, "JWT", "token_subject"],
    ["refuses an empty name", { sub: "" }, "JWT", "token_subject"],
    ["refuses a name with a line break", { sub: "a\nb" }, "JWT", "token_subject"],
    ["refuses a name that is too long", { sub: "x".repeat(256) }, "JWT", "token_subject"],
  ])("%s", (_, claims, type, problem) => {
    expect(signInProblem(token(claims), type, entry(), NOW)).toBe(problem);
  });

  it("takes of Cloudflare Access the tokens of applications alone", () => {
    const of = (type: unknown) =>
      signInProblem(token({ iss: ACCESS, aud: ["tulle"], type }), "JWT", entry({ issuer: ACCESS }), NOW);
    expect([of("app"), of("org"), of(undefined)]).toEqual([null, "token_kind", "token_kind"]);
  });

  it("takes of Access a token as long as it holds: it makes sessions again and again", () => {
    const old = { iss: ACCESS, aud: ["tulle"], type: "app", iat: NOW / 1_000 - 30 * 86_400 };
    expect(signInProblem(token(old), "JWT", entry({ issuer: ACCESS }), NOW)).toBeNull();
  });

  it("names a service token of Access by its name, and so that nobody else has that", () => {
    expect(subjectOf({ sub: "", common_name: "ci.access" }, ACCESS)).toBe("service:ci.access");
    expect(subjectOf({ sub: "", common_name: "ci.access" }, ISSUER)).toBeNull();
    expect(subjectOf({ sub: "eve", common_name: "ci.access" }, ACCESS)).toBe("eve");
  });
});

describe("claimsOf", () => {
  const asking = (...names: readonly string[]) =>
    entry({ rules: names.map((name) => rule(name, ["x"], "viewer", "*")) });

  it("keeps what the rules ask for, and nothing else", () => {
    const claims = { groups: ["a", "b", 1, null], team: "shop", secret: "s", custom: { groups: ["c"] }, "a.b": "d" };
    expect(claimsOf(asking("groups", "team", "none", "[custom][groups]", "a.b"), claims)).toEqual({
      groups: ["a", "b"],
      team: ["shop"],
      none: [],
      "[custom][groups]": ["c"],
      "a.b": ["d"],
    });
  });

  it("finds nothing in what every object has", () => {
    const found = claimsOf(asking("__proto__", "constructor", "[toString][name]"), {});
    expect(Object.values(found)).toEqual([[], [], []]);
  });

  it("counts an address only where the provider has verified it", () => {
    const email = "eve@example.com";
    expect(claimsOf(asking("email"), { email })).toEqual({ email: [] });
    expect(claimsOf(asking("email"), { email, email_verified: "true" })).toEqual({ email: [] });
    expect(claimsOf(asking("email"), { email, email_verified: true })).toEqual({ email: [email] });
    expect(claimsOf({ ...asking("email"), issuer: ACCESS }, { email })).toEqual({ email: [email] });
  });
});

describe("rightsOf", () => {
  it.each([
    {
      name: "gives what the first rule says that holds",
      groups: ["all", "ops"],
      want: { role: "admin", namespace: null },
    },
    { name: "gives one namespace", groups: ["all"], want: { role: "editor", namespace: "shop" } },
    { name: "gives nothing where no rule holds", groups: ["op", "OPS", ""], want: null },
    { name: "gives nothing to whoever has nothing", groups: [], want: null },
  ])("$name", ({ groups, want }) => {
    expect(rightsOf([entry()], identity(groups), null)).toEqual(want);
  });

  it("gives the permissions that the rule names, and none by itself", () => {
    const [first] = entry().rules;
    const given = entry({ rules: [{ ...first!, role: "viewer", permissions: ["tail"] }] });
    expect(rightsOf([given], identity(["ops"]), null)).toEqual({
      role: "viewer",
      namespace: null,
      permissions: ["tail"],
    });
    expect(rightsOf([entry()], identity(["shop"]), null)).not.toHaveProperty("permissions");
  });

  it("gives nothing by rules of another issuer or audience, nor without any", () => {
    expect(rightsOf([entry({ issuer: "https://other.example.com" })], identity(["ops"]), null)).toBeNull();
    expect(rightsOf([entry({ audience: "other" })], identity(["ops"]), null)).toBeNull();
    expect(rightsOf([], identity(["ops"]), null)).toBeNull();
  });

  it("gives the namespace that was asked for, and never more than the rule", () => {
    expect(rightsOf([entry()], identity(["ops"]), "shop")).toEqual({ role: "admin", namespace: "shop" });
    expect(rightsOf([entry()], identity(["shop"]), "shop")).toEqual({ role: "editor", namespace: "shop" });
    expect(rightsOf([entry()], identity(["shop"]), "other")).toBeNull();
  });

  it("wants all claims of a rule", () => {
    const both = entry({
      rules: [
        {
          ...rule("groups", ["ops"], "admin", "*"),
          claims: [
            { name: "groups", values: ["ops"] },
            { name: "mfa", values: ["yes"] },
          ],
        },
      ],
    });
    expect(rightsOf([both], identity(["ops"]), null)).toBeNull();
    expect(rightsOf([both], identity([], { claims: { groups: ["ops"], mfa: ["yes"] } }), null)).not.toBeNull();
  });

  it("says what a naive reading of the rules says, of any rules and anybody", () => {
    const word = fc.constantFrom("a", "b", "c", "__proto__");
    const rules = fc.array(
      fc.record({
        claims: fc.array(fc.record({ name: word, values: fc.array(word, { minLength: 1 }) }), {
          minLength: 1,
          maxLength: 3,
        }),
        role: fc.constantFrom("viewer" as const, "editor" as const, "admin" as const),
        namespace: fc.constantFrom("*", "a", "b"),
      }),
    );
    const entries = fc.array(fc.record({ issuer: word, audience: word, rules }), { maxLength: 3 });
    const person = fc.record({
      issuer: word,
      audience: word,
      subject: word,
      claims: fc.array(fc.tuple(word, fc.array(word))).map((pairs) => Object.fromEntries(pairs)),
    });
    fc.assert(
      fc.property(entries, person, fc.option(fc.constantFrom("a", "b")), (all, who, wish) => {
        const flat = all.flatMap((each) =>
          each.rules.map((one) => ({ ...one, issuer: each.issuer, audience: each.audience })),
        );
        const found = flat.find(
          (one) =>
            one.issuer === who.issuer &&
            one.audience === who.audience &&
            one.claims.every(({ name, values }) =>
              Object.entries(who.claims).some(
                ([claim, has]) => claim === name && has.some((value) => values.includes(value)),
              ),
            ) &&
            (wish === null || one.namespace === "*" || one.namespace === wish),
        );
        const namespace = wish ?? (found?.namespace === "*" ? null : (found?.namespace ?? null));
        expect(rightsOf(all, who, wish)).toEqual(found ? { role: found.role, namespace } : null);
      }),
    );
  });
});
