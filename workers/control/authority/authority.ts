import * as x509 from "@peculiar/x509";
import { DurableObject } from "cloudflare:workers";
import { gatewayId } from "../../../src/identity/assertion.ts";
import type { Entitled } from "../../../src/resources/enrolment-token.ts";
import type { Result } from "../../../src/result.ts";
import { formatSpiffeId } from "../../../src/identity/spiffe-id.ts";
import { bytesToBase64 } from "../../../src/snapshot/bytes.ts";
import { digestOf, readCertificateRequest, type RequestRefusal } from "./certificate-request.ts";
import { issueSvid } from "./issue.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import { type EnrolmentSettings, type IssuerTokenRefusal, judgeIssuerToken } from "./issuer-tokens.ts";
import { hashOf, type JoinToken, JoinTokens, type JoinTokenHolder } from "./join-tokens.ts";
import { JwtKeys } from "./jwt-keys.ts";
import { type AuthorityEnv, AuthorityKeys } from "./keys.ts";
import { pemOf, type Signer } from "./signing.ts";
import { SingleUse } from "./single-use.ts";
import { type SpiffeBundle, SpiffeBundles } from "./spiffe-bundle.ts";
import { judgeSvidProof, type ProofRefusal, type SvidProof } from "./svid-proof.ts";

export interface Issued {
  readonly ok: true;
  readonly value: {
    /** PEM. */
    readonly certificate: string;
    readonly bundle: string;
    readonly spiffeId: string;
    readonly expiresAt: number;
  };
  /** Of the certificate, hex. */
  readonly serial: string;
}

export type Enrolment =
  | Issued
  | {
      readonly ok: false;
      readonly code: EnrolmentRefusal;
      readonly message: string;
      /** For the operator alone. */
      readonly why?: IssuerTokenRefusal | ProofRefusal;
    };

export type IssuedByIssuer = (Issued & { readonly entitled: Entitled }) | Extract<Enrolment, { readonly ok: false }>;

export type EnrolmentRefusal = "token_unknown" | "proof_refused" | RequestRefusal;

export type IssuedJwt =
  | {
      readonly ok: true;
      readonly value: { readonly token: string; readonly spiffeId: string; readonly expiresAt: number };
    }
  | Extract<Enrolment, { readonly ok: false }>;

/** The mesh's certificate authority. */
export class Authority extends DurableObject<AuthorityEnv> {
  readonly #keys: AuthorityKeys;
  readonly #joinTokens: JoinTokens;
  readonly #issuerKeys: IssuerKeys;
  readonly #used: SingleUse;
  readonly #jwtKeys: JwtKeys;
  readonly #bundles: SpiffeBundles;

  constructor(ctx: DurableObjectState, env: AuthorityEnv) {
    super(ctx, env);
    x509.cryptoProvider.set(crypto);
    this.#keys = new AuthorityKeys(ctx.storage.sql, env);
    this.#joinTokens = new JoinTokens(ctx.storage.sql);
    this.#issuerKeys = new IssuerKeys({
      fetch: async (url, init) => fetch(url, init),
      local: env.TULLE_LOCAL !== undefined,
    });
    this.#used = new SingleUse(ctx.storage.sql);
    this.#jwtKeys = new JwtKeys(ctx.storage.sql, env);
    this.#bundles = new SpiffeBundles(ctx.storage.sql);
  }

  /** The mesh's own certificate: PEM, and DER in base64. */
  async bundle(): Promise<{ readonly pem: string; readonly der: string }> {
    const { certificate } = await this.#keys.signer();
    return { pem: pemOf(certificate), der: bytesToBase64(certificate.rawData) };
  }

  /** What others check SVIDs of this mesh against. */
  async spiffeBundle(): Promise<SpiffeBundle> {
    const { certificate } = await this.#keys.signer();
    return this.#bundles.of([certificate], await this.#jwtKeys.published(Date.now()));
  }

  /** Who brings it once gets a certificate for that workload or gateway. */
  async makeJoinToken(holder: JoinTokenHolder, ttlMs: number): Promise<JoinToken> {
    const now = Date.now();
    const expiresAt = now + ttlMs;
    const token = await this.#joinTokens.make(holder, expiresAt, now);
    return { token, spiffeId: this.#idOf(holder), expiresAt };
  }

  /** @param request its `csr` is PKCS#10, PEM */
  async enrol(request: { readonly token: string; readonly csr: string; readonly ttlMs: number }): Promise<Enrolment> {
    const hash = await hashOf(request.token);
    // Looked at before the request is judged, so that a bad one does not use the token up.
    if (!this.#joinTokens.isUsable(hash, Date.now())) return tokenUnknown();
    const read = await readCertificateRequest(request.csr);
    if (!read.ok) return read;
    const signer = await this.#keys.signer();
    const workload = this.#joinTokens.use(hash, Date.now());
    return workload === null ? tokenUnknown() : this.#issue(this.#idOf(workload), read.key, request.ttlMs, signer);
  }

  /** By a token that an issuer has signed, for whom an EnrolmentRule says. */
  async enrolByIssuer(request: {
    readonly token: string;
    readonly csr: string;
    readonly ttlMs: number;
    readonly settings: EnrolmentSettings;
  }): Promise<IssuedByIssuer> {
    const { TRUST_DOMAIN } = this.env;
    const judged = await judgeIssuerToken(request.token, request.settings, TRUST_DOMAIN, this.#issuerKeys, Date.now);
    if (!judged.ok) return tokenRefused(judged.error);
    const { entitled, once, endsAt } = judged.value;
    const read = await readCertificateRequest(request.csr);
    if (!read.ok) return read;
    const signer = await this.#keys.signer();
    if (!(await this.#used.use(`issuer-token ${once}`, endsAt, Date.now())))
      return tokenRefused({ reason: "token_used", subject: entitled.subject });
    return { ...(await this.#issue(this.#idOf(entitled), read.key, request.ttlMs, signer)), entitled };
  }

  /** A new certificate for who holds a good one, under the same name. */
  async renew(request: SvidProof & { readonly csr: string; readonly ttlMs: number }): Promise<Enrolment> {
    const read = await readCertificateRequest(request.csr);
    if (!read.ok) return read;
    const holder = await this.#holderOf(request, { for: "renew", csr: await digestOf(request.csr) });
    if (!holder.ok) return proofRefused(holder.error);
    return this.#issue(holder.value, read.key, request.ttlMs, await this.#keys.signer());
  }

  /** A JWT-SVID for one audience, for who holds a good certificate. */
  async jwtSvid(request: SvidProof & { readonly audience: string; readonly ttlSeconds: number }): Promise<IssuedJwt> {
    const { audience, ttlSeconds } = request;
    const holder = await this.#holderOf(request, { for: "jwt-svid", audience });
    if (!holder.ok) return proofRefused(holder.error);
    const now = Date.now();
    const iat = Math.floor(now / 1_000);
    const exp = iat + ttlSeconds;
    const iss = `spiffe://${this.env.TRUST_DOMAIN}`;
    const claims = { iss, sub: holder.value, aud: [audience], iat, exp, jti: crypto.randomUUID() };
    const token = await this.#jwtKeys.sign(claims, now);
    return { ok: true, value: { token, spiffeId: holder.value, expiresAt: exp * 1_000 } };
  }

  async #holderOf(proof: SvidProof, asked: Readonly<Record<string, string>>): Promise<Result<string, ProofRefusal>> {
    const { certificate } = await this.#keys.signer();
    const { TRUST_DOMAIN: domain, KEY_ENCRYPTION_SECRET: secret } = this.env;
    const trust = { domain, aliases: [], authorities: [bytesToBase64(certificate.rawData)] };
    return judgeSvidProof(proof, asked, { trust, secret, used: this.#used, now: Date.now() });
  }

  async #issue(spiffeId: string, key: x509.PublicKey, ttlMs: number, signer: Signer): Promise<Issued> {
    const now = Date.now();
    const expiresAt = Math.min(now + ttlMs, signer.certificate.notAfter.getTime());
    const certificate = await issueSvid({ spiffeId, key, expiresAt }, signer, now);
    const bundle = pemOf(signer.certificate);
    const value = { certificate: pemOf(certificate), bundle, spiffeId, expiresAt };
    return { ok: true, value, serial: certificate.serialNumber };
  }

  #idOf(holder: JoinTokenHolder): string {
    const { TRUST_DOMAIN } = this.env;
    if ("gateway" in holder) return gatewayId(TRUST_DOMAIN, holder.gateway);
    return formatSpiffeId(TRUST_DOMAIN, holder.namespace, holder.serviceAccount);
  }
}

function tokenUnknown(): Enrolment {
  const message = "the join token is unknown, used or expired; ask the mesh's administrator for a new one";
  return { ok: false, code: "token_unknown", message };
}

/** One text for all that is wrong with it: what exactly it was, a stranger could use to find a token that is good. */
function tokenRefused(why: IssuerTokenRefusal): Extract<Enrolment, { readonly ok: false }> {
  const message = "the token enrols nobody here; the mesh's audit says why";
  return { ok: false, code: "token_unknown", message, why };
}

function proofRefused(why: ProofRefusal): Extract<Enrolment, { readonly ok: false }> {
  const message = "the certificate, or the proof of its key, does not count; the mesh's audit says why";
  return { ok: false, code: "proof_refused", message, why };
}
