import { exportJWK, generateKeyPair, type JWK } from "jose";
import { describe, expect, it } from "vitest";
import { algorithmsOf, uselessKey } from "../../src/identity/jwk.ts";

const rsa = (bits: number): JWK => ({
  kty: "RSA",
  e: "AQAB",
  n: Buffer.concat([Buffer.from([0xc0]), Buffer.alloc(bits / 8 - 1, 1)]).toString("base64url"),
});

describe("algorithmsOf", () => {
  it.each<{ name: string; key: JWK; algorithms: readonly string[] }>([
    { name: "RSA of 2048 bits", key: rsa(2_048), algorithms: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] },
    { name: "RSA of 2040 bits", key: rsa(2_040), algorithms: [] },
    { name: "RSA of 512 bits", key: rsa(512), algorithms: [] },
    { name: "RSA that says RS256", key: { ...rsa(2_048), alg: "RS256" }, algorithms: ["RS256"] },
    { name: "P-256", key: { kty: "EC", crv: "P-256" }, algorithms: ["ES256"] },
    { name: "P-384", key: { kty: "EC", crv: "P-384" }, algorithms: ["ES384"] },
    { name: "P-521", key: { kty: "EC", crv: "P-521" }, algorithms: ["ES512"] },
    { name: "secp256k1", key: { kty: "EC", crv: "secp256k1" }, algorithms: [] },
    { name: "P-256 that says ES384", key: { kty: "EC", crv: "P-256", alg: "ES384" }, algorithms: [] },
    { name: "Ed25519", key: { kty: "OKP", crv: "Ed25519" }, algorithms: ["EdDSA", "Ed25519"] },
    { name: "X25519", key: { kty: "OKP", crv: "X25519" }, algorithms: [] },
    { name: "a symmetric key", key: { kty: "oct", k: "c2VjcmV0" }, algorithms: [] },
    { name: "a key for encryption", key: { kty: "EC", crv: "P-256", use: "enc" }, algorithms: [] },
    { name: "a key that may not verify", key: { kty: "EC", crv: "P-256", key_ops: ["sign"] }, algorithms: [] },
    { name: "a private key", key: { kty: "EC", crv: "P-256", d: "x" }, algorithms: [] },
    ...["5", "null", "{}", '"verify"'].map((operations) => ({
      name: `a key whose operations are ${operations}`,
      key: JSON.parse(`{"kty":"EC","crv":"P-256","key_ops":${operations}}`) as JWK,
      algorithms: [],
    })),
  ])("of $name", ({ key, algorithms }) => {
    expect(algorithmsOf(key)).toEqual(algorithms);
  });
});

describe("uselessKey", () => {
  it.each(["ES256", "ES384", "ES512", "RS256", "PS512", "EdDSA"])("has nothing to say of a key for %s", async (alg) => {
    const { publicKey } = await generateKeyPair(alg, { extractable: true });
    const key = await exportJWK(publicKey);
    expect(uselessKey(key)).toBeNull();
    expect(uselessKey({ ...key, alg, use: "sig", kid: "a" })).toBeNull();
  });

  const bytes = (length: number) => Buffer.alloc(length, 1).toString("base64url");
  it.each<readonly [string, JWK, string]>([
    ["1,024 bits", rsa(1_024), "1024 bits"],
    ["no modulus", { kty: "RSA", e: "AQAB" }, "0 bits"],
    ["the exponent 1", { ...rsa(2_048), e: "AQ" }, "exponent"],
    ["an even exponent", { ...rsa(2_048), e: "Ag" }, "exponent"],
    ["no exponent", { kty: "RSA", n: rsa(2_048).n ?? "" }, "exponent"],
    ["another curve", { kty: "EC", crv: "secp256k1", x: bytes(32), y: bytes(32) }, "secp256k1"],
    ["a short coordinate", { kty: "EC", crv: "P-521", x: bytes(65), y: bytes(66) }, "66 bytes"],
    ["no coordinate", { kty: "EC", crv: "P-256", x: bytes(32) }, "32 bytes"],
    ["a key for agreement", { kty: "OKP", crv: "X25519", x: bytes(32) }, "X25519"],
    ["a short Ed25519 key", { kty: "OKP", crv: "Ed25519", x: bytes(31) }, "32 bytes"],
    ["an unknown type", { kty: "AKP" }, "AKP"],
    ["encryption", { ...rsa(2_048), use: "enc" }, "enc"],
    ["operations without verify", { ...rsa(2_048), key_ops: ["sign"] }, "key_ops"],
    ["an algorithm of another type", { ...rsa(2_048), alg: "ES256" }, "ES256"],
    ["an algorithm for encryption", { ...rsa(2_048), alg: "RSA-OAEP" }, "RSA-OAEP"],
  ])("names what makes one with %s useless", (_, key, says) => {
    expect(uselessKey(key)).toContain(says);
  });
});
