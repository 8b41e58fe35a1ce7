import { checkTimes } from "../identity/jwt.ts";
import type { RefusedToken } from "../request/token-fact.ts";
import { base64UrlToBytes } from "../snapshot/bytes.ts";

/** What verifying a token would have given. */
export interface HypotheticalToken {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** The claim `azp`. */
  readonly presenter: string | null;
  /** Besides those above. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** It is refused by every rule, with this code. */
  readonly refused?: RefusedToken["code"] | undefined;
}

/**
 * Reads a token for a request that nobody sent. Its signature is not looked at: who asks what would become of a request may say
 * what he likes.
 *
 * @param text a compact JWS (RFC 7515 §3.1)
 * @param now epoch seconds
 * @returns null where it is none
 */
export function toldToken(text: string, now: number): HypotheticalToken | null {
  const [, payload, signature] = text.split(".");
  if (payload === undefined || signature === undefined) return null;
  const claims = readClaims(payload);
  if (claims === null || typeof claims["iss"] !== "string") return null;
  const { iss, sub, aud, azp, ...rest } = claims;
  const told = { issuer: iss, subject: "", audiences: [], presenter: null, claims: {} };
  if (checkTimes({ claims }, now * 1_000) !== null) return { ...told, refused: "jwt_invalid" };
  return {
    ...told,
    subject: typeof sub === "string" ? sub : "",
    audiences: [aud].flat().filter((one) => typeof one === "string"),
    presenter: typeof azp === "string" ? azp : null,
    claims: rest,
  };
}

function readClaims(payload: string): (Record<string, unknown> & { readonly iss?: unknown }) | null {
  const bytes = base64UrlToBytes(payload);
  if (bytes === null) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
