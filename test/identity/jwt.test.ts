import * as fc from "fast-check";
import type { JWK } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { hasDuplicateNames } from "../../src/identity/json-names.ts";
import { readKeySet } from "../../src/identity/jwk.ts";
import { candidates, checkTimes, isSigned, readToken } from "../../src/identity/jwt.ts";
import { rawToken, TestIssuer } from "./tokens.ts";
import { times } from "../support/scale.ts";

const NOW = 1_800_000_000_000;
const CLAIMS = { iss: "https://issuer.test", sub: "u", exp: NOW / 1_000 + 600 };
const ALGORITHMS = ["ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"];
const HEADER = '{"alg":"ES256","kid":"es256"}';
const PAYLOAD = JSON.stringify(CLAIMS);

describe("readToken", () => {
  const encode = (bytes: string | Buffer) => Buffer.from(bytes).toString("base64url");

  it.each<readonly [string, string, string]>([
    ["an algorithm of none", rawToken('{"alg":"none"}', PAYLOAD, ""), "token_algorithm"],
    ["a symmetric algorithm", rawToken('{"alg":"HS256"}', PAYLOAD), "token_algorithm"],
    ["a curve that is not taken", rawToken('{"alg":"ES256K"}', PAYLOAD), "token_algorithm"],
    ["an algorithm in small letters", rawToken('{"alg":"es256"}', PAYLOAD), "token_algorithm"],
    ["an algorithm named as what every object has", rawToken('{"alg":"constructor"}', PAYLOAD), "token_algorithm"],
    ["two parts", "YQ.YQ", "token_form"],
    ["four parts", "YQ.YQ.YQ.YQ", "token_form"],
    ["padding", `${encode(HEADER)}=.e30.AAAA`, "token_form"],
    ["base64 that is not url-safe", rawToken(HEADER, '{"a":"???"}').replace("_", "/"), "token_form"],
    ["a last character with bits that no byte has", rawToken(HEADER, "{}").replace("e30", "e31"), "token_form"],
    ["a blank inside", rawToken(HEADER, PAYLOAD).replace(".", " ."), "token_form"],
    ["a header that is a list", rawToken("[]", PAYLOAD), "token_json"],
    ["a payload that is text", rawToken(HEADER, '"x"'), "token_json"],
    ["a payload that is null", rawToken(HEADER, "null"), "token_json"],
    ["a payload that is no JSON", rawToken(HEADER, "{"), "token_json"],
    ["a name twice in the header", rawToken('{"alg":"ES256","alg":"none"}', PAYLOAD), "token_json"],
    ["a name twice in the payload", rawToken(HEADER, '{"sub":"a","sub":"b"}'), "token_json"],
    ["a name twice, once escaped", rawToken(HEADER, '{"sub":"a","s\\u0075b":"b"}'), "token_json"],
    ["bytes that are no UTF-8", `${encode(HEADER)}.${encode(Buffer.from([123, 255, 125]))}.AAAA`, "token_json"],
    ["no algorithm", rawToken("{}", PAYLOAD), "token_header"],
    ["an algorithm from the prototype", rawToken('{"__proto__":{"alg":"ES256"}}', PAYLOAD), "token_header"],
    ["an algorithm that is a number", rawToken('{"alg":1}', PAYLOAD), "token_header"],
    ["a key id that is an object", rawToken('{"alg":"ES256","kid":{}}', PAYLOAD), "token_header"],
    ...["b64", "crit"].map(
      (name) => [`the parameter ${name}`, rawToken(`{"alg":"ES256","${name}":[]}`, PAYLOAD), "token_header"] as const,
    ),
    ["more than 16 KiB", rawToken(HEADER, `{"a":"${"x".repeat(20_000)}"}`), "token_too_long"],
  ])("refuses one with %s", (_, token, code) => {
    expect(readToken(token)).toEqual({ ok: false, error: { code } });
  });

  it("reads every algorithm that some key may have, and no other key's", async () => {
    const issuer = await TestIssuer.create();
    for (const algorithm of ["RS256", "PS256", "ES384", "ES512", "EdDSA"]) {
      const read = readToken(rawToken(JSON.stringify({ alg: algorithm, kid: "es256" }), PAYLOAD));
      expect(read.ok && candidates(read.value, issuer.jwks.keys)).toEqual([]);
    }
  });
});

describe("signature and times", () => {
  let issuer: TestIssuer;
  beforeAll(async () => {
    issuer = await TestIssuer.create(ALGORITHMS);
  });

  it.each(ALGORITHMS)("verifies what %s signed", async (alg) => {
    const read = readToken(await issuer.sign(CLAIMS, {}, alg));
    expect(read.ok && (await isSigned(read.value, candidates(read.value, issuer.jwks.keys)))).toBe(true);
  });

  it("tries all keys where the token names none", async () => {
    const token = await issuer.sign(CLAIMS, { kid: undefined });
    const read = readToken(token);
    expect(read.ok && (await isSigned(read.value, candidates(read.value, issuer.jwks.keys)))).toBe(true);
  });

  const accepted = async (token: string, keys: readonly object[]): Promise<boolean> => {
    const read = readToken(token);
    const set = readKeySet(JSON.stringify({ keys })) ?? [];
    return read.ok && isSigned(read.value, candidates(read.value, set));
  };
  it.each([{ use: "sig" }, { use: "jwt-svid" }, { key_ops: ["verify"] }, { alg: undefined }])(
    "verifies by a key that says %j, each time",
    async (said) => {
      for (const alg of ALGORITHMS) {
        const token = await issuer.sign(CLAIMS, {}, alg);
        const keys = issuer.jwks.keys.map((key) => ({ ...key, ...said }));
        const read = readToken(token);
        const possible = read.ok ? candidates(read.value, keys as JWK[]) : [];
        expect(read.ok && (await isSigned(read.value, possible))).toBe(true);
        expect(read.ok && (await isSigned(read.value, possible))).toBe(true);
      }
    },
  );

  it("verifies by no key for another use", async () => {
    for (const said of [{ use: "enc" }, { key_ops: ["sign"] }, { alg: "ES384" }])
      expect(
        await accepted(
          await issuer.sign(CLAIMS),
          issuer.jwks.keys.map((key) => ({ ...key, ...said })),
        ),
      ).toBe(false);
  });

  const unnamed = (key: object): object => ({ ...key, kid: undefined });

  it("tries keys without id where no key has the token's, and no other", async () => {
    const [first = {}, ...others] = issuer.jwks.keys;
    const token = await issuer.sign(CLAIMS, { kid: "lost" });
    expect(await accepted(token, [unnamed(first)])).toBe(true);
    expect(await accepted(token, [unnamed(first), ...others])).toBe(true);
    expect(await accepted(token, [{ ...first, kid: "" }])).toBe(true);
    expect(await accepted(token, [first])).toBe(false);
    expect(await accepted(token, [{ ...first, kid: "other" }, ...others])).toBe(false);
    expect(await accepted(token, others.map(unnamed))).toBe(false);
    expect(await accepted(token, [unnamed(first), { ...others[0], kid: "lost" }])).toBe(false);
  });

  it("neither uses nor follows a key that a token brings or names", async () => {
    const other = await TestIssuer.create(["ES256"]);
    const [key] = other.jwks.keys;
    const brought = [
      { jwk: key },
      { jku: "https://evil.test/keys" },
      { x5u: "https://evil.test/c" },
      { x5c: ["MIIB"] },
    ];
    for (const header of brought) {
      expect(await accepted(await issuer.sign(CLAIMS, header), issuer.jwks.keys)).toBe(true);
      expect(await accepted(await other.sign(CLAIMS, header), issuer.jwks.keys)).toBe(false);
      expect(await accepted(await other.sign(CLAIMS, { ...header, kid: undefined }), issuer.jwks.keys)).toBe(false);
    }
  });

  it("verifies by a good key of a set that holds odd ones too", async () => {
    const odd = [{ kid: "es256", kty: "EC", crv: "P-256", key_ops: 5 }, { kid: "es256", kty: 7, alg: {} }, []];
    const keys = readKeySet(JSON.stringify({ keys: [...odd, ...issuer.jwks.keys] })) ?? [];
    const read = readToken(await issuer.sign(CLAIMS));
    expect(read.ok && (await isSigned(read.value, candidates(read.value, keys)))).toBe(true);
  });

  it("verifies no token of which a character was changed", async () => {
    const token = await issuer.sign(CLAIMS);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom("a", "Z", "0", "9", "-", "_", ".", "A", "g"),
        async (at, character) => {
          const changed = token.slice(0, at) + character + token.slice(at + 1);
          const read = readToken(changed);
          const accepted = read.ok && (await isSigned(read.value, candidates(read.value, issuer.jwks.keys)));
          expect(accepted).toBe(changed === token);
        },
      ),
      { numRuns: times(300, 3_000) },
    );
  });

  it.each([
    { name: "no end", claims: { exp: undefined }, code: "token_claims" },
    { name: "an end that is text", claims: { exp: "9999999999" }, code: "token_claims" },
    { name: "an end 61 s ago", claims: { exp: NOW / 1_000 - 61 }, code: "token_expired" },
    { name: "an end 60 s ago", claims: { exp: NOW / 1_000 - 60 }, code: "token_expired" },
    { name: "an end 59 s ago", claims: { exp: NOW / 1_000 - 59 }, code: null },
    { name: "a start in 61 s", claims: { nbf: NOW / 1_000 + 61 }, code: "token_not_yet_valid" },
    { name: "a start in 60 s", claims: { nbf: NOW / 1_000 + 60 }, code: null },
    { name: "a start that is text", claims: { nbf: "0" }, code: "token_claims" },
  ])("with $name is $code", ({ claims, code }) => {
    const read = readToken(rawToken(HEADER, JSON.stringify({ ...CLAIMS, ...claims })));
    expect(read.ok && (checkTimes(read.value, NOW)?.code ?? null)).toBe(code);
  });

  it.each(["1e999", "-1e999", "null", "[1]"])("with an end of %s is token_claims", (end) => {
    const read = readToken(rawToken(HEADER, `{"exp":${end}}`));
    expect(read.ok && checkTimes(read.value, NOW)?.code).toBe("token_claims");
  });

  it("a key set is an object with at most 100 keys", () => {
    expect(readKeySet('{"keys":[]}')).toEqual([]);
    expect(readKeySet("[]")).toBeNull();
    expect(readKeySet("{")).toBeNull();
    expect(readKeySet('{"keys":[1]}')).toBeNull();
    expect(readKeySet(JSON.stringify({ keys: Array.from({ length: 101 }, () => ({ kty: "EC" })) }))).toBeNull();
  });
});

it("names that stand twice are found as a parser that keeps all of them would", () => {
  // Texts made of pairs, so that what stands twice is known.
  const value = fc.letrec<{ any: [string, boolean] }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.jsonValue({ maxDepth: 0 }).map((leaf): [string, boolean] => [JSON.stringify(leaf), false]),
      fc
        .array(tie("any"), { maxLength: 3 })
        .map((list): [string, boolean] => [
          `[${list.map(([text]) => text).join(",")}]`,
          list.some(([, twice]) => twice),
        ]),
      fc
        .array(fc.tuple(fc.constantFrom("a", "b", 'q"', "\\", "{"), tie("any")), { maxLength: 3 })
        .map((pairs): [string, boolean] => [
          `{${pairs.map(([name, [text]]) => `${JSON.stringify(name)}:${text}`).join(",")}}`,
          new Set(pairs.map(([name]) => name)).size < pairs.length || pairs.some(([, [, twice]]) => twice),
        ]),
    ),
  })).any;
  fc.assert(
    fc.property(value, ([text, twice]) => {
      expect(hasDuplicateNames(text)).toBe(twice);
    }),
  );
});
