import * as x509 from "@peculiar/x509";
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
  let request: x509.Pkcs10CertificateRequest;
  try {
    const der = derOf(csr);
    if (der === null) throw new Error("no PEM");
    request = new x509.Pkcs10CertificateRequest(der);
  } catch {
    return { ok: false, code: "csr_malformed", message: "`csr` is no PKCS#10 request in PEM" };
  }
  const problem = keyProblem(request.publicKey.algorithm);
  if (problem !== null) return { ok: false, code: "csr_key", message: problem };
  const proven = await request.verify().catch(() => false);
  if (!proven)
    return {
      ok: false,
      code: "csr_unproven",
      message: "the request is not signed by the key that it asks a certificate for",
    };
  return { ok: true, key: request.publicKey };
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

/** P-256, P-384, Ed25519, or RSA of 2,048 to 4,096 bits (R28). */
function keyProblem(algorithm: unknown): string | null {
  const { name, namedCurve, modulusLength, publicExponent } = algorithm as {
    name: string;
    namedCurve?: string;
    modulusLength?: number;
    publicExponent?: Uint8Array;
  };
  if (name === "ECDSA" && namedCurve !== undefined && CURVES.has(namedCurve)) return null;
  if (name === "Ed25519") return null;
  const bits = name.startsWith("RSA") ? (modulusLength ?? 0) : 0;
  const exponent = BigInt(`0x0${bytesToHex(publicExponent ?? new Uint8Array())}`);
  if (bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS && exponent >= MIN_RSA_EXPONENT) return null;
  return "the key must be P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits with an exponent of at least 65537";
}
