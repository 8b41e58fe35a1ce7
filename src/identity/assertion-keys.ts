import { gatewayId } from "./assertion.ts";
import { base64UrlToBytes, bytesToBase64Url } from "../snapshot/bytes.ts";

/** A gateway's public key as `GET /api/v1/assertion-keys` lists it (RFC 8037). */
export interface AssertionJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  /** Raw, base64url. */
  readonly x: string;
  readonly alg: "EdDSA";
  readonly use: "sig";
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  /** Whose it is: an assertion that names another `iss` is not signed by its issuer. */
  readonly iss: string;
}

/**
 * The key set of all gateways, by which services check that a call came from one.
 *
 * @param json `ASSERTION_KEYS`, which the deployer wrote: gateway to its raw public keys in base64url, current and next
 * @throws where it is something else
 */
export async function assertionKeySet(
  json: string,
  trustDomain: string,
): Promise<{ readonly keys: readonly AssertionJwk[] }> {
  const gateways: unknown = JSON.parse(json);
  if (typeof gateways !== "object" || gateways === null || Array.isArray(gateways)) throw malformed();
  const listed = Object.entries(gateways).flatMap(([gateway, keys]: [string, unknown]) => {
    if (!Array.isArray(keys)) throw malformed();
    return keys.map((x: unknown) => ({ gateway, x }));
  });
  const keys = await Promise.all(
    listed.map(async ({ gateway, x }) => {
      if (typeof x !== "string" || base64UrlToBytes(x)?.length !== 32) throw malformed();
      const iss = gatewayId(trustDomain, gateway);
      return {
        kty: "OKP" as const,
        crv: "Ed25519" as const,
        x,
        alg: "EdDSA" as const,
        use: "sig" as const,
        kid: await thumbprint(x),
        iss,
      };
    }),
  );
  return { keys };
}

/** @param x raw Ed25519 public key, base64url @see RFC 7638 §3, RFC 8037 §2 */
async function thumbprint(x: string): Promise<string> {
  const text = `{"crv":"Ed25519","kty":"OKP","x":"${x}"}`;
  return bytesToBase64Url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function malformed(): Error {
  return new Error("ASSERTION_KEYS must be JSON: gateway to a list of raw Ed25519 public keys in base64url");
}
