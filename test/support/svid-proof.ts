import { createHash, type KeyObject, sign } from "node:crypto";

const ALGORITHMS: Readonly<Record<string, readonly [string, string | null]>> = {
  prime256v1: ["ES256", "sha256"],
  secp384r1: ["ES384", "sha384"],
  ed25519: ["EdDSA", null],
  rsa: ["RS256", "sha256"],
};

/** What docs/identity.md tells of a proof, by Node's own cryptography. */
export function svidProof(key: KeyObject, claims: Readonly<Record<string, unknown>>): string {
  const type = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? "";
  const [alg, hash] = ALGORITHMS[type] ?? ["none", null];
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg })}.${part(claims)}`;
  const signature = sign(hash, Buffer.from(text), { key, dsaEncoding: "ieee-p1363" });
  return `${text}.${signature.toString("base64url")}`;
}

/** How a proof names a request. @param csr PEM */
export function requestDigest(csr: string): string {
  const der = Buffer.from(csr.replace(/-----[^-]+-----|\s/g, ""), "base64");
  return createHash("sha256").update(der).digest("base64url");
}
