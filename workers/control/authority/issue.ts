import * as x509 from "@peculiar/x509";
import { BACKDATED_MS, serialNumber, type Signer, SIGNING } from "./signing.ts";

/** A workload's certificate: built of the registration and the request's public key alone (R28). */
export async function issueSvid(
  { spiffeId, key, expiresAt }: { readonly spiffeId: string; readonly key: x509.PublicKey; readonly expiresAt: number },
  signer: Signer,
  now: number,
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // A workload's name is its URI; without a subject that extension must be critical (RFC 5280 §4.2.1.6).
    subject: "",
    issuer: signer.certificate.subject,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(expiresAt),
    signingAlgorithm: SIGNING,
    publicKey: key,
    signingKey: signer.key,
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: spiffeId }], true),
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(signer.certificate.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(key),
    ],
  });
}
