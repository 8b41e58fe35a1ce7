import * as x509 from "@peculiar/x509";
import { readChildren, readElement } from "../../../src/identity/der.ts";
import { base64ToBytes, bytesToBase64Url, bytesToHex } from "../../../src/snapshot/bytes.ts";

const MIN_RSA_BITS = 2_048;
/** Each check of a signature is work for whoever is called, and more bits gain nothing over so few hours. */
const MAX_RSA_BITS = 4_096;
/** Below it, what many have signed or padded badly can be forged (FIPS 186-5 §5.4). */
const MIN_RSA_EXPONENT = 65_537n;
const CURVES = new Set(["P-256", "P-384"]);

export type RequestRefusal = "csr_malformed" | "csr_unproven" | "csr_key";

type ReadRequest =
  | { readonly ok: true; readonly key: x509.PublicKey }
  | { readonly ok: false; readonly code: RequestRefusal; readonly message: string };

/** @param csr PKCS#10, PEM: only its public key counts, whatever else it asks for (R28) */
export async function readCertificateRequest(csr: string): Promise<ReadRequest> {
  const request = requestIn(csr);
  if (request === null) return { ok: false, code: "csr_malformed", message: "`csr` is no PKCS#10 request in PEM" };
  const key = await keyIn(request);
  if (key === null) return { ok: false, code: "csr_key", message: KEYS };
  const proven = await request.verify().catch(() => false);
  if (!proven)
    return {
      ok: false,
      code: "csr_unproven",
      message: "the request is not signed by the key that it asks a certificate for",
    };
  return { ok: true, key };
}

function requestIn(csr: string): x509.Pkcs10CertificateRequest | null {
  const der = derOf(csr);
  if (der === null || !isWhole(der)) return null;
  try {
    return new x509.Pkcs10CertificateRequest(der);
  } catch {
    return null;
  }
}

const SEQUENCE = 0x30;
const BIT_STRING = 0x03;

/** RFC 2986 §4.2, and nothing behind it: the library takes what is cut off, too long or put together. */
function isWhole(der: Uint8Array): boolean {
  const outer = readElement(der, 0, der.length);
  const parts = outer?.tag === SEQUENCE && outer.end === der.length ? readChildren(der, outer) : null;
  const [info, algorithm, signature, ...more] = parts ?? [];
  if (info?.tag !== SEQUENCE || algorithm?.tag !== SEQUENCE || signature?.tag !== BIT_STRING) return false;
  return more.length === 0 && readChildren(der, algorithm) !== null && der[signature.start] === 0;
}

/**
 * The key as the runtime writes it: one key has many spellings (a point may be compressed), and whose it is, is told by its bytes.
 *
 * @returns null where it is none that is certified
 */
async function keyIn(request: x509.Pkcs10CertificateRequest): Promise<x509.PublicKey | null> {
  try {
    if (!isStrong(request.publicKey.algorithm)) return null;
    return await x509.PublicKey.create(await request.publicKey.export());
  } catch {
    return null;
  }
}

/** Read here: the library takes no blank line, and much that is no request. */
function derOf(csr: string): Uint8Array<ArrayBuffer> | null {
  const [, base64] = /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END /.exec(csr) ?? [];
  return base64ToBytes((base64 ?? "").replace(/\s/g, ""));
}

/** SHA-256 of a request's DER, base64url: what a proof names it by. Of what is none, that of nothing. */
export async function digestOf(csr: string): Promise<string> {
  return bytesToBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", derOf(csr) ?? new Uint8Array())));
}

const KEYS = "the key must be P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits with an exponent of at least 65537";

function isStrong(algorithm: unknown): boolean {
  const { name, namedCurve, modulusLength, publicExponent } = algorithm as {
    name: string;
    namedCurve?: string;
    modulusLength?: number;
    publicExponent?: Uint8Array;
  };
  if (name === "ECDSA") return namedCurve !== undefined && CURVES.has(namedCurve);
  if (name === "Ed25519") return true;
  const bits = name.startsWith("RSA") ? (modulusLength ?? 0) : 0;
  const exponent = BigInt(`0x0${bytesToHex(publicExponent ?? new Uint8Array())}`);
  return bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && exponent >= MIN_RSA_EXPONENT;
}
