import * as x509 from "@peculiar/x509";
import { bytesToHex } from "../../../src/snapshot/bytes.ts";

/** What the mesh's certificates are signed with; `isSignedBy` of the gateways knows no other. */
export const SIGNING = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** Clocks of workloads differ. */
export const BACKDATED_MS = 60_000;

/** A certificate that signs others, with its key. */
export interface Signer {
  readonly key: CryptoKey;
  readonly certificate: x509.X509Certificate;
}

/** Positive and never the same (RFC 5280 §4.1.2.2). */
export function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytesToHex(bytes);
}

export function pemOf(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}
