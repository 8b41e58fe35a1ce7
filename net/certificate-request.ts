import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A new P-256 key with the request for its certificate, both PEM. The workload's name comes from the join token. */
export async function makeRequest(): Promise<{ readonly key: string; readonly csr: string }> {
  x509.cryptoProvider.set(crypto);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("no key pair was made");
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: ALGORITHM });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  if (!(pkcs8 instanceof ArrayBuffer)) throw new Error("no PKCS#8 was exported");
  return { key: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`, csr: `${request.toString("pem")}\n` };
}
