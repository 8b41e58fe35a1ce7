import { beforeEach, describe, expect, it } from "vitest";
import type { JwtRule } from "../../src/snapshot/model.ts";
import { TokenVerifier } from "../../workers/gateway/tokens.ts";
import { rawToken, TestIssuer } from "../identity/tokens.ts";

const ISSUER = "https://issuer.test";
const RULES = "1";
const ctx = { waitUntil: () => undefined };

function rule(change: Partial<JwtRule> = {}): JwtRule {
  return {
    name: "default/jwt/0",
    issuer: ISSUER,
    audiences: ["api"],
    keys: { kind: "remote", uri: "https://issuer.test/jwks.json", timeoutMs: 5_000 },
    from: { headers: [], params: [], cookies: [] },
    forwardOriginalToken: false,
    outputClaimToHeaders: [],
    spaceDelimitedClaims: [],
    ...change,
  };
}

describe("TokenVerifier", () => {
  let issuer: TestIssuer;
  let now: number;
  let fetches: string[];
  let answer: () => Response | Promise<Response>;
  let verifier: TokenVerifier;

  beforeEach(async () => {
    issuer = await TestIssuer.create(["ES256"]);
    now = 1_800_000_000_000;
    fetches = [];
    answer = () => Response.json(issuer.jwks);
    verifier = new TokenVerifier({
      now: () => now,
      fetch: async (url) => {
        fetches.push(url);
        return answer();
      },
      local: false,
    });
    // The runtime's, which Node lacks.
    Object.assign(globalThis, { scheduler: { wait: (ms: number) => new Promise((done) => setTimeout(done, ms)) } });
  });

  const claims = () => ({ iss: ISSUER, sub: "u1", aud: "api", exp: now / 1_000 + 600, azp: "app" });
  const verify = async (token: string, rules: readonly JwtRule[] = [rule()]) =>
    verifier.verify({ place: { rulesId: RULES, rules }, token }, ctx);

  it("verifies once: then the token is a fact until it ends", async () => {
    const token = await issuer.sign(claims());
    expect(verifier.cached(RULES, token)).toBeUndefined();
    expect(await verify(token)).toMatchObject({ ok: true, principal: `${ISSUER}/u1`, presenter: "app", rule: 0 });
    expect(verifier.cached(RULES, token)).toMatchObject({ ok: true });
    now += 661_000;
    expect(verifier.cached(RULES, token)).toBeUndefined();
  });

  it("remembers nothing of a token too long to be one: a flood of them must not fill the memory", async () => {
    const token = "a".repeat(16_385);
    expect(await verify(token)).toMatchObject({ ok: false, detail: "token_too_long" });
    expect(verifier.cached(RULES, token)).toBeUndefined();
    await verify("a");
    expect(verifier.cached(RULES, "a")).toMatchObject({ ok: false });
  });

  it("accepts by any rule of the issuer, and says which", async () => {
    const token = await issuer.sign(claims());
    const fact = await verify(token, [rule({ issuer: "https://other.test" }), rule({ audiences: ["x"] }), rule()]);
    expect(fact).toMatchObject({ ok: true, rule: 2 });
  });

  it.each<{ name: string; change: Record<string, unknown>; code: string; detail?: string }>([
    { name: "another issuer", change: { iss: "https://evil.test" }, code: "jwt_invalid", detail: "token_issuer" },
    { name: "an issuer with a slash more", change: { iss: `${ISSUER}/` }, code: "jwt_invalid" },
    { name: "another audience", change: { aud: "web" }, code: "jwt_audience" },
    { name: "an audience that begins the same", change: { aud: "api2" }, code: "jwt_audience" },
    { name: "no audience", change: { aud: undefined }, code: "jwt_audience" },
    { name: "an end in the past", change: { exp: 1 }, code: "jwt_invalid", detail: "token_expired" },
  ])("refuses a token with $name", async ({ change, code, detail }) => {
    const fact = await verify(await issuer.sign({ ...claims(), ...change }));
    expect(fact).toMatchObject({ ok: false, code, ...(detail !== undefined && { detail }) });
  });

  it("takes one audience of a list, and any where the rule names none", async () => {
    expect((await verify(await issuer.sign({ ...claims(), aud: ["web", "api"] }))).ok).toBe(true);
    expect((await verify(await issuer.sign({ ...claims(), aud: "x" }), [rule({ audiences: [] })])).ok).toBe(true);
  });

  it("refuses a token that another key signed, and remembers that for a moment", async () => {
    const other = await TestIssuer.create(["ES256"]);
    const token = await other.sign(claims());
    expect(await verify(token)).toMatchObject({ ok: false, detail: "token_signature" });
    expect(verifier.cached(RULES, token)).toMatchObject({ ok: false });
    now += 11_000;
    expect(verifier.cached(RULES, token)).toBeUndefined();
  });

  it("does not ask the issuer for tokens that are no tokens", async () => {
    for (const token of ["x", rawToken('{"alg":"none"}', JSON.stringify(claims()), "")]) await verify(token);
    expect(fetches).toEqual([]);
  });

  it("keeps a verified token through a flood of bad ones", async () => {
    const token = await issuer.sign(claims());
    await verify(token);
    for (let i = 0; i < 6_000; i += 1) await verify(`bad${i}`);
    expect(verifier.cached(RULES, token)).toMatchObject({ ok: true });
    expect(verifier.cached(RULES, "bad0")).toBeUndefined();
  });

  it("fetches a key set once for many tokens, again for a key that it lacks, and then not for 30 s", async () => {
    for (let i = 0; i < 5; i += 1) await verify(await issuer.sign({ ...claims(), jti: String(i) }));
    expect(fetches).toHaveLength(1);
    issuer = await TestIssuer.create(["EdDSA"]);
    expect(await verify(await issuer.sign(claims(), {}, "EdDSA"))).toMatchObject({ ok: true });
    expect(fetches).toHaveLength(2);
    issuer = await TestIssuer.create(["ES384"]);
    const rotated = await issuer.sign(claims(), {}, "ES384");
    expect(await verify(rotated)).toMatchObject({ ok: false, detail: "token_key" });
    expect(fetches).toHaveLength(2);
    now += 31_000;
    expect(await verify(rotated)).toMatchObject({ ok: true });
    expect(fetches).toHaveLength(3);
  });

  it("forgets tokens whose key the issuer took away, within 5 minutes", async () => {
    const token = await issuer.sign(claims());
    await verify(token);
    now += 3 * 60_000;
    expect(verifier.cached(RULES, token)).toMatchObject({ ok: true });
    issuer = await TestIssuer.create(["ES256", "EdDSA"]);
    // A token of the new key brings the new keys.
    await verify(await issuer.sign(claims(), {}, "EdDSA"));
    expect(verifier.cached(RULES, token)).toBeUndefined();
    expect(await verify(token)).toMatchObject({ ok: false, detail: "token_signature" });
  });

  it("asks for newer keys also where all tokens are known, and knows them on meanwhile", async () => {
    const token = await issuer.sign(claims());
    await verify(token);
    answer = async () => new Promise(() => undefined);
    now += 4 * 60_000;
    expect(verifier.cached(RULES, token)).toBeUndefined();
    expect(await verify(token)).toMatchObject({ ok: true });
    expect(fetches).toHaveLength(2);
    expect(verifier.cached(RULES, token)).toMatchObject({ ok: true });
  });

  it("knows a token no longer than its issuer's last keys count", async () => {
    const token = await issuer.sign({ ...claims(), exp: now / 1_000 + 86_400 });
    await verify(token);
    answer = () => new Response("", { status: 503 });
    for (let minute = 0; minute < 59; minute += 1) {
      now += 60_000;
      expect(await verify(token)).toMatchObject({ ok: true });
    }
    now += 60_000;
    expect(await verify(token)).toMatchObject({ ok: false, code: "jwks_unavailable" });
  });

  it("says by which rules that ask for a token it was accepted", async () => {
    const asks = { required: true as const };
    const rules = [
      rule(),
      rule({ ...asks, audiences: ["x"] }),
      rule(asks),
      rule({ ...asks, issuer: "https://other.test" }),
      rule(),
      rule(asks),
    ];
    expect(await verify(await issuer.sign(claims()), rules)).toMatchObject({ ok: true, rule: 0, alsoBy: [2, 5] });
    expect(fetches).toHaveLength(1);
    const other = await TestIssuer.create(["ES256"]);
    expect(await verify(await other.sign(claims()), rules)).toMatchObject({ ok: false, code: "jwt_invalid" });
  });

  it.each<{ name: string; bad: () => Response }>([
    { name: "an error", bad: () => new Response("no", { status: 500 }) },
    { name: "a redirect", bad: () => Response.redirect("https://evil.test/", 302) },
    { name: "no JSON", bad: () => new Response("{") },
    { name: "too much", bad: () => new Response(" ".repeat(300_000)) },
  ])("has no keys where the issuer answers $name, and keeps those it had", async ({ bad }) => {
    answer = bad;
    expect(await verify(await issuer.sign(claims()))).toMatchObject({ ok: false, code: "jwks_unavailable" });
    answer = () => Response.json(issuer.jwks);
    now += 6_000;
    expect((await verify(await issuer.sign(claims()), [rule()])).ok).toBe(true);
    answer = bad;
    now += 30 * 60_000;
    expect((await verify(await issuer.sign(claims()), [rule()])).ok).toBe(true);
    now += 30 * 60_000;
    expect(await verify(await issuer.sign(claims()), [rule()])).toMatchObject({ code: "jwks_unavailable" });
  });

  it("asks nothing by plain http, nor with a user, outside of the local mesh", async () => {
    for (const uri of ["http://127.0.0.1/jwks", "https://me@issuer.test/jwks", "data:application/json,{}"]) {
      const keys = { kind: "remote" as const, uri, timeoutMs: 1_000 };
      expect(await verify(await issuer.sign(claims()), [rule({ keys })])).toMatchObject({
        code: "jwks_unavailable",
      });
    }
    expect(fetches).toEqual([]);
  });

  it("reads keys that stand in the policy itself", async () => {
    const keys = { kind: "inline" as const, jwks: JSON.stringify(issuer.jwks) };
    expect((await verify(await issuer.sign(claims()), [rule({ keys })])).ok).toBe(true);
    expect(fetches).toEqual([]);
  });
});
