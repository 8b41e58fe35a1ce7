import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR = 3_600_000;

/** A certificate authority for tests, made by another implementation than the one under test. */
export class TestAuthority {
  readonly #keys: CryptoKeyPair;
  readonly certificate: x509.X509Certificate;

  private constructor(keys: CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.certificate = certificate;
  }

  /** @param notAfter epoch ms */
  static async create(name = "CN=test authority", notAfter = Date.now() + 1_000 * HOUR): Promise<TestAuthority> {
    x509.cryptoProvider.set(crypto);
    const keys = await keyPair();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name,
      notBefore: new Date(Math.min(Date.now(), notAfter) - HOUR),
      notAfter: new Date(notAfter),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new TestAuthority(keys, certificate);
  }

  /** One that exists already. @param key PKCS#8, PEM */
  static async of(certificate: string, key: string): Promise<TestAuthority> {
    x509.cryptoProvider.set(crypto);
    const pkcs8 = Buffer.from(key.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]);
    const parsed = new x509.X509Certificate(certificate);
    return new TestAuthority({ privateKey, publicKey: await parsed.publicKey.export() }, parsed);
  }

  get der(): string {
    return Buffer.from(this.certificate.rawData).toString("base64");
  }

  async issue(options: {
    readonly uris?: readonly string[];
    readonly dns?: readonly string[];
    readonly commonName?: string;
    readonly ca?: boolean;
    readonly keyUsage?: number;
    readonly notBefore?: number;
    readonly notAfter?: number;
    readonly more?: readonly x509.Extension[];
    readonly keys?: CryptoKeyPair;
  }): Promise<Uint8Array> {
    const { uris = [], ca = false, keyUsage = x509.KeyUsageFlags.digitalSignature, more = [] } = options;
    const names = [
      ...uris.map((value) => ({ type: "url" as const, value })),
      ...(options.dns ?? ["a.test"]).map((value) => ({ type: "dns" as const, value })),
    ];
    const { publicKey } = options.keys ?? (await keyPair());
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: "02",
      subject: options.commonName === undefined ? "" : [{ CN: [options.commonName] }],
      issuer: this.certificate.subject,
      notBefore: new Date(options.notBefore ?? Date.now() - HOUR),
      notAfter: new Date(options.notAfter ?? Date.now() + HOUR),
      signingAlgorithm: ALGORITHM,
      publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension(names, true),
        new x509.BasicConstraintsExtension(ca, undefined, true),
        new x509.KeyUsagesExtension(keyUsage, true),
        ...more,
      ],
    });
    return new Uint8Array(certificate.rawData);
  }

  /** A leaf for one URI with its key, as a TLS client takes them. */
  async issueWithKey(uri: string): Promise<{ readonly cert: string; readonly key: string }> {
    return this.leaf({ uris: [uri] });
  }

  /** A leaf with its key, both PEM. */
  async leaf(options: Parameters<TestAuthority["issue"]>[0]): Promise<{ readonly cert: string; readonly key: string }> {
    const keys = await keyPair();
    const der = await this.issue({ ...options, keys });
    return { cert: new x509.X509Certificate(der).toString("pem"), key: await privatePem(keys) };
  }
}

export async function privatePem({ privateKey }: CryptoKeyPair): Promise<string> {
  const der = Buffer.from((await crypto.subtle.exportKey("pkcs8", privateKey)) as ArrayBuffer).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{1,64}/g, "$&\n")}-----END PRIVATE KEY-----\n`;
}

export async function keyPair(): Promise<CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}
