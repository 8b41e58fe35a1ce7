import * as x509 from "@peculiar/x509";
import { unwrapKey, wrapKey } from "../key-wrap.ts";
import { BACKDATED_MS, serialNumber, type Signer, SIGNING } from "./signing.ts";

/** What of control's environment it uses. */
export interface AuthorityEnv {
  readonly TRUST_DOMAIN: string;
  readonly KEY_ENCRYPTION_SECRET: string;
  /** Set by the local mesh alone. */
  readonly TULLE_LOCAL?: string;
}

const PURPOSE = "authority-key";
const CA_LIFE_MS = 10 * 365 * 86_400_000;

/** The authority's own key and certificate. The key is made here at the first start and leaves only wrapped, into its own storage. */
export class AuthorityKeys {
  readonly #sql: SqlStorage;
  readonly #env: AuthorityEnv;
  #signer: Promise<Signer> | null = null;

  constructor(sql: SqlStorage, env: AuthorityEnv) {
    this.#sql = sql;
    this.#env = env;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS ca (id INTEGER PRIMARY KEY, wrapped_key TEXT NOT NULL, certificate TEXT NOT NULL)",
    );
  }

  /** @throws where the secret that wraps its key is another one */
  async signer(): Promise<Signer> {
    this.#signer ??= this.#load().catch((error: unknown) => {
      this.#signer = null;
      throw error;
    });
    return this.#signer;
  }

  async #load(): Promise<Signer> {
    const [row] = this.#sql
      .exec<{ wrapped_key: string; certificate: string }>("SELECT wrapped_key, certificate FROM ca")
      .toArray();
    if (!row) return this.#create();
    const pkcs8 = await unwrapKey(row.wrapped_key, this.#env.KEY_ENCRYPTION_SECRET, PURPOSE);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, SIGNING, false, ["sign"]);
    return { key, certificate: new x509.X509Certificate(row.certificate) };
  }

  async #create(): Promise<Signer> {
    const keys = await crypto.subtle.generateKey(SIGNING, true, ["sign", "verify"]);
    if (!("privateKey" in keys)) throw new Error("the runtime made no key pair");
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: `CN=Tulle authority of ${this.#env.TRUST_DOMAIN}, O=${this.#env.TRUST_DOMAIN}`,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(now + CA_LIFE_MS),
      signingAlgorithm: SIGNING,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${this.#env.TRUST_DOMAIN}` }]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    if (!(pkcs8 instanceof ArrayBuffer)) throw new Error("the runtime exported no PKCS#8");
    const wrapped = await wrapKey(new Uint8Array(pkcs8), this.#env.KEY_ENCRYPTION_SECRET, PURPOSE);
    this.#sql.exec(
      "INSERT INTO ca (id, wrapped_key, certificate) VALUES (1, ?, ?)",
      wrapped,
      certificate.toString("pem"),
    );
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, SIGNING, false, ["sign"]);
    return { key, certificate };
  }
}
