import type { JWK } from "jose";
import { err, ok, type Result } from "../result.ts";
import { base64UrlToBytes } from "../snapshot/bytes.ts";
import { ASSERTION_LIFE, ASSERTION_TYPE } from "./assertion.ts";
import { candidates, isSigned, readToken } from "./jwt.ts";
import { parseSpiffeId } from "./spiffe-id.ts";

/** The call that came, as its receiver sees it. */
export interface ReceivedCall {
  /** Of the mesh. */
  readonly trustDomain: string;
  /** Hosts that the receiver serves: `orders.shop.svc.cluster.local`. */
  readonly services: readonly string[];
  readonly method: string;
  /** As Host says. */
  readonly host: string;
  /** SPIFFE ID of the gateway at the other end of the connection; null: the connection does not tell. */
  readonly gateway: string | null;
}

/** What an assertion that holds says. */
export interface Asserted {
  /** SPIFFE ID of the gateway that signed. */
  readonly issuer: string;
  /** SPIFFE ID of the caller; null: nothing is proven of it. */
  readonly caller: string | null;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** Why an assertion does not hold; for the operator. The caller hears one text for all. */
export interface AssertionError {
  readonly code:
    | "assertion_malformed"
    | "assertion_key_unknown"
    | "assertion_signature"
    | "assertion_issuer"
    | "assertion_audience"
    | "assertion_method"
    | "assertion_host"
    | "assertion_expired"
    | "assertion_not_yet_valid";
}

/** Clocks differ; seconds. */
const LEEWAY = 30;

/**
 * Whether a gateway of the mesh has signed this assertion for this very call.
 *
 * @param text of the header, untrusted
 * @param keys of all gateways, as control publishes them, each with the gateway whose it is (`iss`)
 * @param now epoch ms
 */
export async function checkAssertion(
  text: string,
  keys: readonly JWK[],
  call: ReceivedCall,
  now: number,
): Promise<Result<Asserted, AssertionError>> {
  const token = readToken(text);
  if (!token.ok || token.value.algorithm !== "EdDSA" || !hasType(text)) return err({ code: "assertion_malformed" });
  // Without its key's name it would be tried with all of them.
  const { keyId, claims } = token.value;
  const named = keys.filter(({ kid }) => kid !== undefined && kid === keyId);
  const usable = candidates(token.value, named);
  if (usable.length === 0) return err({ code: "assertion_key_unknown" });
  // Each gateway speaks for itself alone: one that was revoked could go on under another's name.
  const own = usable.filter((key) => "iss" in key && key.iss === claims["iss"]);
  if (own.length === 0) return err({ code: "assertion_issuer" });
  if (!(await isSigned(token.value, own))) return err({ code: "assertion_signature" });
  return judgeClaims(claims, call, now);
}

/** A token that the same key signed for another use is no assertion. */
function hasType(text: string): boolean {
  const head = base64UrlToBytes(text.slice(0, text.indexOf(".")));
  if (head === null) return false;
  const { typ } = JSON.parse(new TextDecoder().decode(head)) as { readonly typ?: unknown };
  return typ === ASSERTION_TYPE;
}

/** Of an assertion whose signature holds. */
export function judgeClaims(
  { iss, sub, aud, htm, host, iat, exp }: Readonly<Record<string, unknown>>,
  call: ReceivedCall,
  now: number,
): Result<Asserted, AssertionError> {
  if (typeof iss !== "string" || typeof iat !== "number" || typeof exp !== "number")
    return err({ code: "assertion_malformed" });
  if (!(exp - iat >= 0 && exp - iat <= ASSERTION_LIFE)) return err({ code: "assertion_malformed" });
  if (!isGatewayOf(iss, call.trustDomain) || (call.gateway !== null && iss !== call.gateway))
    return err({ code: "assertion_issuer" });
  if (typeof aud !== "string" || !call.services.includes(aud)) return err({ code: "assertion_audience" });
  if (htm !== call.method) return err({ code: "assertion_method" });
  if (typeof host !== "string" || host.toLowerCase() !== call.host.toLowerCase())
    return err({ code: "assertion_host" });
  const seconds = now / 1_000;
  if (seconds > exp + LEEWAY) return err({ code: "assertion_expired" });
  if (seconds < iat - LEEWAY) return err({ code: "assertion_not_yet_valid" });
  if (sub !== undefined && (typeof sub !== "string" || !parseSpiffeId(sub).ok))
    return err({ code: "assertion_malformed" });
  return ok({ issuer: iss, caller: sub ?? null, expiresAt: exp * 1_000 });
}

/** `spiffe://TRUST-DOMAIN/gateway/NAME`, and nothing more. */
export function isGatewayOf(spiffeId: string, trustDomain: string): boolean {
  const id = parseSpiffeId(spiffeId);
  return id.ok && id.value.trustDomain === trustDomain && /^\/gateway\/[^/]+$/.test(id.value.path);
}
