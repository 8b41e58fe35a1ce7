import "reflect-metadata";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { writeSecret } from "./secrets.ts";

/** A certificate with its key, both PEM, as a TLS server takes them. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const CA_LIFE_MS = 3_650 * DAY_MS;
/** Clients refuse certificates that live longer than this. */
const SERVER_LIFE_MS = 397 * DAY_MS;
/** Clients ask for what names they like. */
const MAX_NAMES = 500;

/**
 * The authority of the edge's own listeners: what a public certificate is on Cloudflare's edge. It has nothing to do with the
 * mesh's authority, which names workloads.
 */
export class EdgeAuthority {
  readonly #key: CryptoKey;
  readonly #ca: x509.X509Certificate;
  readonly #serverKeys: CryptoKeyPair;
  readonly #serverKey: string;
  readonly #made = new Map<string, Promise<ServerCertificate>>();

  private constructor(key: CryptoKey, ca: x509.X509Certificate, keys: CryptoKeyPair, serverKey: string) {
    this.#key = key;
    this.#ca = ca;
    this.#serverKeys = keys;
    this.#serverKey = serverKey;
  }

  /** @param certificateFile is written where it is missing; its key stands beside it, for the owner alone */
  static async open(state: string, certificateFile: string): Promise<EdgeAuthority> {
    x509.cryptoProvider.set(crypto);
    const keyFile = join(state, "ca.key");
    if (!existsSync(keyFile) || !existsSync(certificateFile)) await create(keyFile, certificateFile);
    const pkcs8 = pemBytes(readFileSync(keyFile, "utf8"));
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]);
    const ca = new x509.X509Certificate(readFileSync(certificateFile, "utf8"));
    const keys = await keyPair();
    return new EdgeAuthority(key, ca, keys, await privatePem(keys));
  }

  /** @param names host names and IP addresses; the same ones give the same certificate */
  async certificate(names: readonly string[]): Promise<ServerCertificate> {
    const id = names.join(" ");
    let made = this.#made.get(id);
    if (!made) {
      if (this.#made.size >= MAX_NAMES) this.#made.clear();
      made = this.#make(names);
      this.#made.set(id, made);
    }
    return made;
  }

  async #make(names: readonly string[]): Promise<ServerCertificate> {
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: "CN=Tulle local edge",
      issuer: this.#ca.subject,
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + SERVER_LIFE_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: this.#serverKeys.publicKey,
      signingKey: this.#key,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({ type: isIP(value) === 0 ? ("dns" as const) : ("ip" as const), value })),
        ),
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#ca.publicKey),
      ],
    });
    return { cert: certificate.toString("pem"), key: this.#serverKey };
  }
}

async function create(keyFile: string, certificateFile: string): Promise<void> {
  const keys = await keyPair();
  const now = Date.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: "CN=Tulle local edge authority",
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + CA_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  writeSecret(keyFile, await privatePem(keys));
  writeFileSync(certificateFile, `${certificate.toString("pem")}\n`);
}

function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function keyPair(): Promise<CryptoKeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error("no key pair was made");
  return keys;
}

async function privatePem({ privateKey }: CryptoKeyPair): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", privateKey);
  if (!(der instanceof ArrayBuffer)) throw new Error("no PKCS#8 was exported");
  const base64 = Buffer.from(der)
    .toString("base64")
    .replace(/.{1,64}/g, "$&\n");
  return `-----BEGIN PRIVATE KEY-----\n${base64}-----END PRIVATE KEY-----\n`;
}

function pemBytes(text: string): Buffer<ArrayBuffer> {
  return Buffer.from(text.replace(/-----[^-]+-----|\s/g, ""), "base64");
}
