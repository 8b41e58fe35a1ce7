import { base64ToBytes, bytesToBase64, bytesToHex } from "../snapshot/bytes.ts";
import { parseCertificate } from "./certificate.ts";

/** What the platform tells of a client's TLS, where a Gateway asks for it. Plain JSON: a record of a decision holds it. */
export interface ClientTls {
  /** `TLSv1.2`; null where the platform told none. */
  readonly version: string | null;
  /** OpenSSL's name: `ECDHE-RSA-AES128-GCM-SHA256`. */
  readonly cipher: string | null;
  /** Null: none was shown. */
  readonly certificate: ClientCertificate | null;
}

export interface ClientCertificate {
  /** The platform says that an authority of the hostname signed it, and that it is not revoked; and it is inside its validity. */
  readonly verified: boolean;
  /** SHA-256 of the certificate, hex in small letters; empty where the platform did not hand it over. */
  readonly hash: string;
  /** SHA-256 of its public key (SubjectPublicKeyInfo), base64; empty where it cannot be read. */
  readonly spki: string;
  /** Its subjectAltNames: URIs, DNS names, mail addresses. */
  readonly names: readonly string[];
}

/** What a certificate says, at any time, and when that counts. */
export interface ShownCertificate {
  readonly certificate: ClientCertificate;
  /** Epoch ms; of one that cannot be read the platform's word alone is there. */
  readonly notBefore: number;
  readonly notAfter: number;
}

const ALWAYS = { notBefore: Number.NEGATIVE_INFINITY, notAfter: Number.POSITIVE_INFINITY };

/** Clocks differ, and a certificate is used as soon as it is issued. */
const LEEWAY_MS = 60_000;

/**
 * The platform judged it when the client's session began, and that may be resumed for long.
 *
 * @param now epoch ms
 */
export function certificateAt({ certificate, notBefore, notAfter }: ShownCertificate, now: number): ClientCertificate {
  const holds = now >= notBefore - LEEWAY_MS && now <= notAfter;
  return holds || !certificate.verified ? certificate : { ...certificate, verified: false };
}

/**
 * Reads the certificate that the client showed. Whose it is, `peer.ts` says: a certificate here proves no identity.
 *
 * @param clientAuth `request.cf.tlsClientAuth`, of any shape
 */
export async function readClientCertificate(clientAuth: unknown): Promise<ShownCertificate | null> {
  const shown = fieldsOf(clientAuth);
  if (shown["certPresented"] !== "1") return null;
  // A revoked certificate still says SUCCESS.
  const verified = shown["certVerified"] === "SUCCESS" && shown["certRevoked"] === "0";
  const der = derOf(shown["certRFC9440"]);
  if (der === null) return { certificate: { verified, hash: "", spki: "", names: [] }, ...ALWAYS };
  const parsed = parseCertificate(der);
  const hash = bytesToHex(await crypto.subtle.digest("SHA-256", der));
  if (!parsed.ok) return { certificate: { verified, hash, spki: "", names: [] }, ...ALWAYS };
  const { publicKey, names, notBefore, notAfter } = parsed.value;
  const spki = bytesToBase64(await crypto.subtle.digest("SHA-256", Uint8Array.from(publicKey)));
  return { certificate: { verified, hash, spki, names }, notBefore, notAfter };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** @param text a byte sequence of RFC 9440: `:base64:` */
function derOf(text: unknown): Uint8Array<ArrayBuffer> | null {
  if (typeof text !== "string" || text.length < 3 || !text.startsWith(":") || !text.endsWith(":")) return null;
  return base64ToBytes(text.slice(1, -1));
}
