import { createRemoteJWKSet, jwtVerify } from "jose";

/** What is read of a request; header names in small letters, as `node:http` gives them. */
interface Call {
  readonly method: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

interface Service {
  /** URL of the mesh's keys: `https://CONTROL/api/v1/assertion-keys`. */
  readonly keys: string;
  /** Its own host in the mesh: `orders.shop.svc.cluster.local`. */
  readonly service: string;
  /** Of the mesh: `cluster.local`. */
  readonly trustDomain: string;
}

/**
 * For a service behind a public origin or a private address: who calls it through the mesh. Only a gateway of the mesh can sign.
 *
 * @returns a function of a request: the caller's SPIFFE ID, or null for a caller without one; it throws where no gateway of the mesh
 *   sent the request
 */
export function callerCheck({ keys, service, trustDomain }: Service): (call: Call) => Promise<string | null> {
  // Fetched when needed, kept, and fetched again for a key that is new.
  const published = createRemoteJWKSet(new URL(keys));
  return async ({ method, headers }) => {
    const text = headers["x-tulle-assertion"];
    if (typeof text !== "string") throw new Error("no assertion: the request came past the mesh");
    const { payload, protectedHeader } = await jwtVerify(text, published, {
      algorithms: ["EdDSA"],
      typ: "assertion+jwt",
      audience: service,
      maxTokenAge: "60s",
      clockTolerance: 5,
      requiredClaims: ["iss", "exp", "htm", "host"],
    });
    if (payload.iss?.startsWith(`spiffe://${trustDomain}/gateway/`) !== true)
      throw new Error("signed for another mesh's gateway");
    // Each key is one gateway's: one that was revoked must not go on under another's name.
    const signer = published.jwks()?.keys.find(({ kid }) => kid === protectedHeader.kid);
    if (signer === undefined || !("iss" in signer) || signer.iss !== payload.iss)
      throw new Error("signed under another gateway's name");
    if (payload["htm"] !== method) throw new Error("signed for another method");
    return payload.sub ?? null;
  };
}
