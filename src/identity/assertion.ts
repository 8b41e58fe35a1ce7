/**
 * The gateway's word to a service that it reaches over a network: who called, and for what call. A JSON Web Signature (RFC 7515) in
 * compact form, signed by the gateway's own Ed25519 key.
 */

/** The only place where it stands. A client's own is dropped (R9). */
export const ASSERTION_HEADER = "x-tulle-assertion";
export const ASSERTION_TYPE = "assertion+jwt";
/** From `iat` to `exp`, seconds. */
export const ASSERTION_LIFE = 60;

/** What is asserted; times are epoch seconds. */
interface AssertionClaims {
  /** The gateway: `spiffe://cluster.local/gateway/gateway-a`. */
  readonly iss: string;
  /** The caller that it authenticated, with the scheme. Absent: nothing about the caller is proven. */
  readonly sub?: string;
  /** Host of the service: `orders.shop.svc.cluster.local`. */
  readonly aud: string;
  /** The call's method. */
  readonly htm: string;
  /** Host that the call is sent with. */
  readonly host: string;
  readonly iat: number;
  readonly exp: number;
}

/** The calls that one assertion is good for. */
export interface AssertedCall {
  /** Without the scheme; null where nothing is proven. */
  readonly principal: string | null;
  readonly service: string;
  readonly method: string;
  readonly host: string;
}

/** @returns the SPIFFE ID of a gateway, which signs assertions and shows it in its own certificate */
export function gatewayId(trustDomain: string, gateway: string): string {
  return `spiffe://${trustDomain}/gateway/${gateway}`;
}

export function assertionHeader(kid: string): Readonly<Record<string, string>> {
  return { alg: "EdDSA", typ: ASSERTION_TYPE, kid };
}

/** @param now epoch seconds */
export function assertionClaims(
  issuer: string,
  { principal, service, method, host }: AssertedCall,
  now: number,
): AssertionClaims {
  const subject = principal === null ? {} : { sub: `spiffe://${principal}` };
  return { iss: issuer, ...subject, aud: service, htm: method, host, iat: now, exp: now + ASSERTION_LIFE };
}
