import * as x509 from "@peculiar/x509";
import { BACKDATED_MS, serialNumber, type Signer, SIGNING } from "./signing.ts";

const DAY_MS = 86_400_000;
const ROOT_LIFE_MS = 10 * 365 * DAY_MS;
const INTERMEDIATE_LIFE_MS = 30 * DAY_MS;

const SIGNS_CERTIFICATES = new x509.KeyUsagesExtension(
  x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
  true,
);

/** A certificate with its private key, which is still to be wrapped. */
export interface MadeCertificate {
  readonly certificate: x509.X509Certificate;
  /** PKCS#8. */
  readonly pkcs8: Uint8Array<ArrayBuffer>;
  readonly key: CryptoKey;
}

/** One that signs intermediates and nothing else. */
export async function makeRoot(trustDomain: string, now: number): Promise<MadeCertificate> {
  const made = await makeKey();
  const serial = serialNumber();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial,
    name: subjectOf("root", trustDomain, serial),
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(now + ROOT_LIFE_MS),
    signingAlgorithm: SIGNING,
    keys: made.keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      SIGNS_CERTIFICATES,
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${trustDomain}` }]),
      await x509.SubjectKeyIdentifierExtension.create(made.keys.publicKey),
    ],
  });
  return { certificate, pkcs8: made.pkcs8, key: made.keys.privateKey };
}

/** One that signs workloads and nothing below them. */
export async function makeIntermediate(trustDomain: string, root: Signer, now: number): Promise<MadeCertificate> {
  const made = await makeKey();
  const serial = serialNumber();
  const end = Math.min(now + INTERMEDIATE_LIFE_MS, root.certificate.notAfter.getTime());
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial,
    subject: subjectOf("intermediate", trustDomain, serial),
    issuer: root.certificate.subject,
    notBefore: new Date(now - BACKDATED_MS),
    notAfter: new Date(end),
    signingAlgorithm: SIGNING,
    publicKey: made.keys.publicKey,
    signingKey: root.key,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      SIGNS_CERTIFICATES,
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${trustDomain}` }]),
      await x509.AuthorityKeyIdentifierExtension.create(root.certificate.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(made.keys.publicKey),
    ],
  });
  return { certificate, pkcs8: made.pkcs8, key: made.keys.privateKey };
}

/** A request for an intermediate, to be signed by a root of the administrator's own. PEM. */
export async function makeCaRequest(trustDomain: string, { publicKey, privateKey }: CryptoKeyPair): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=Tulle intermediate of ${trustDomain}, O=${trustDomain}`,
    keys: { publicKey, privateKey },
    signingAlgorithm: SIGNING,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      SIGNS_CERTIFICATES,
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${trustDomain}` }]),
    ],
  });
  return `${request.toString("pem")}\n`;
}

export async function makeKey(): Promise<{ readonly keys: CryptoKeyPair; readonly pkcs8: Uint8Array<ArrayBuffer> }> {
  const keys = await crypto.subtle.generateKey(SIGNING, true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("the runtime made no key pair");
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  if (!(pkcs8 instanceof ArrayBuffer)) throw new Error("the runtime exported no PKCS#8");
  return { keys, pkcs8: new Uint8Array(pkcs8) };
}

/** A name of its own for each: verifiers find an issuer by its name. */
function subjectOf(what: string, trustDomain: string, serial: string): string {
  return `CN=Tulle ${what} ${serial.slice(0, 8)} of ${trustDomain}, O=${trustDomain}`;
}
