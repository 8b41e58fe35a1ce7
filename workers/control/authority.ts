import * as x509 from "@peculiar/x509";
import { DurableObject } from "cloudflare:workers";
import { formatSpiffeId } from "../../src/identity/spiffe-id.ts";
import { base64ToBytes, bytesToBase64, bytesToBase64Url, bytesToHex } from "../../src/snapshot/bytes.ts";
import { unwrapKey, wrapKey } from "./key-wrap.ts";

export interface JoinToken {
  readonly token: string;
  readonly spiffeId: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

export type Enrolment =
  | {
      readonly ok: true;
      readonly value: {
        /** PEM. */
        readonly certificate: string;
        readonly bundle: string;
        readonly spiffeId: string;
        readonly expiresAt: number;
      };
    }
  | { readonly ok: false; readonly code: EnrolmentRefusal; readonly message: string };

export type EnrolmentRefusal = "token_unknown" | "csr_malformed" | "csr_unproven" | "csr_key";

const SIGNING = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const PURPOSE = "authority-key";
const CA_LIFE_MS = 10 * 365 * 86_400_000;
/** Clocks of workloads differ. */
const BACKDATED_MS = 60_000;
const MIN_RSA_BITS = 2_048;
/** Each check of a signature is work for whoever is called, and more bits gain nothing over so few hours. */
const MAX_RSA_BITS = 4_096;
/** Below it, what many have signed or padded badly can be forged (FIPS 186-5 §5.4). */
const MIN_RSA_EXPONENT = 65_537n;
const CURVES = new Set(["P-256", "P-384"]);

/** What of control's environment it uses. */
interface AuthorityEnv {
  readonly TRUST_DOMAIN: string;
  readonly KEY_ENCRYPTION_SECRET: string;
}

interface Ca {
  readonly key: CryptoKey;
  readonly certificate: x509.X509Certificate;
}

/** The mesh's certificate authority. Its key is made here at the first start and leaves only wrapped, into its own storage. */
export class Authority extends DurableObject<AuthorityEnv> {
  #ca: Promise<Ca> | null = null;

  constructor(ctx: DurableObjectState, env: AuthorityEnv) {
    super(ctx, env);
    x509.cryptoProvider.set(crypto);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS ca (id INTEGER PRIMARY KEY, wrapped_key TEXT NOT NULL, certificate TEXT NOT NULL)",
    );
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS join_tokens (hash TEXT PRIMARY KEY, namespace TEXT NOT NULL, service_account TEXT NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER) WITHOUT ROWID",
    );
  }

  /** The mesh's own certificate: PEM, and DER in base64. */
  async bundle(): Promise<{ readonly pem: string; readonly der: string }> {
    const { certificate } = await this.#authority();
    return { pem: `${certificate.toString("pem")}\n`, der: bytesToBase64(certificate.rawData) };
  }

  /** Who brings it once gets a certificate for that workload. Only its hash is kept. */
  async makeJoinToken(
    { namespace, serviceAccount }: { readonly namespace: string; readonly serviceAccount: string },
    ttlMs: number,
  ): Promise<JoinToken> {
    const now = Date.now();
    const token = `join_${bytesToBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`;
    const expiresAt = now + ttlMs;
    const { sql } = this.ctx.storage;
    sql.exec("DELETE FROM join_tokens WHERE expires_at < ?", now - 86_400_000);
    sql.exec(
      "INSERT INTO join_tokens (hash, namespace, service_account, expires_at) VALUES (?, ?, ?, ?)",
      await sha256(token),
      namespace,
      serviceAccount,
      expiresAt,
    );
    return { token, spiffeId: formatSpiffeId(this.env.TRUST_DOMAIN, namespace, serviceAccount), expiresAt };
  }

  /** @param csr PKCS#10, PEM: only its public key counts, whatever else it asks for (R28) */
  async enrol(request: { readonly token: string; readonly csr: string; readonly ttlMs: number }): Promise<Enrolment> {
    const hash = await sha256(request.token);
    // Looked at before the request is judged, so that a bad one does not use the token up.
    if (!this.#isUsable(hash)) return tokenUnknown();
    const read = await readRequest(request.csr);
    if (!read.ok) return read;
    const ca = await this.#authority();
    const now = Date.now();
    const workload = this.#use(hash, now);
    if (workload === null) return tokenUnknown();
    const spiffeId = formatSpiffeId(this.env.TRUST_DOMAIN, workload.namespace, workload.service_account);
    const expiresAt = Math.min(now + request.ttlMs, ca.certificate.notAfter.getTime());
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      // A workload's name is its URI; without a subject that extension must be critical (RFC 5280 §4.2.1.6).
      subject: "",
      issuer: ca.certificate.subject,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(expiresAt),
      signingAlgorithm: SIGNING,
      publicKey: read.key,
      signingKey: ca.key,
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: spiffeId }], true),
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(ca.certificate.publicKey),
        await x509.SubjectKeyIdentifierExtension.create(read.key),
      ],
    });
    const pem = (one: x509.X509Certificate): string => `${one.toString("pem")}\n`;
    return {
      ok: true,
      value: { certificate: pem(certificate), bundle: pem(ca.certificate), spiffeId, expiresAt },
    };
  }

  #isUsable(hash: string): boolean {
    const { sql } = this.ctx.storage;
    const rows = sql.exec(
      "SELECT 1 FROM join_tokens WHERE hash = ? AND used_at IS NULL AND expires_at > ?",
      hash,
      Date.now(),
    );
    return rows.toArray().length === 1;
  }

  /** One conditional statement: of two that come at once, one finds nothing. */
  #use(hash: string, now: number): { namespace: string; service_account: string } | null {
    const [row] = this.ctx.storage.sql
      .exec<{ namespace: string; service_account: string }>(
        "UPDATE join_tokens SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ? RETURNING namespace, service_account",
        now,
        hash,
        now,
      )
      .toArray();
    return row ?? null;
  }

  async #authority(): Promise<Ca> {
    this.#ca ??= this.#load().catch((error: unknown) => {
      this.#ca = null;
      throw error;
    });
    return this.#ca;
  }

  async #load(): Promise<Ca> {
    const [row] = this.ctx.storage.sql
      .exec<{ wrapped_key: string; certificate: string }>("SELECT wrapped_key, certificate FROM ca")
      .toArray();
    if (!row) return this.#create();
    const pkcs8 = await unwrapKey(row.wrapped_key, this.env.KEY_ENCRYPTION_SECRET, PURPOSE);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, SIGNING, false, ["sign"]);
    return { key, certificate: new x509.X509Certificate(row.certificate) };
  }

  async #create(): Promise<Ca> {
    const keys = await crypto.subtle.generateKey(SIGNING, true, ["sign", "verify"]);
    if (!("privateKey" in keys)) throw new Error("the runtime made no key pair");
    const now = Date.now();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: `CN=Tulle authority of ${this.env.TRUST_DOMAIN}, O=${this.env.TRUST_DOMAIN}`,
      notBefore: new Date(now - BACKDATED_MS),
      notAfter: new Date(now + CA_LIFE_MS),
      signingAlgorithm: SIGNING,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${this.env.TRUST_DOMAIN}` }]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    if (!(pkcs8 instanceof ArrayBuffer)) throw new Error("the runtime exported no PKCS#8");
    const wrapped = await wrapKey(new Uint8Array(pkcs8), this.env.KEY_ENCRYPTION_SECRET, PURPOSE);
    this.ctx.storage.sql.exec(
      "INSERT INTO ca (id, wrapped_key, certificate) VALUES (1, ?, ?)",
      wrapped,
      certificate.toString("pem"),
    );
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, SIGNING, false, ["sign"]);
    return { key, certificate };
  }
}

function tokenUnknown(): Enrolment {
  const message = "the join token is unknown, used or expired; ask the mesh's administrator for a new one";
  return { ok: false, code: "token_unknown", message };
}

type ReadRequest = { readonly ok: true; readonly key: x509.PublicKey } | Extract<Enrolment, { ok: false }>;

async function readRequest(csr: string): Promise<ReadRequest> {
  let request: x509.Pkcs10CertificateRequest;
  try {
    // Read here: the library takes no blank line, and much that is no request.
    const [, base64] = /^\s*-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END /.exec(csr) ?? [];
    const der = base64ToBytes((base64 ?? "").replace(/\s/g, ""));
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

/** Positive and never the same (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytesToHex(bytes);
}

async function sha256(text: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
