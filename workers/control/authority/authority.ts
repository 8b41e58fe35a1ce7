import * as x509 from "@peculiar/x509";
import { DurableObject } from "cloudflare:workers";
import { gatewayId } from "../../../src/identity/assertion.ts";
import type { Entitled } from "../../../src/resources/enrolment-token.ts";
import { formatSpiffeId } from "../../../src/identity/spiffe-id.ts";
import { bytesToBase64 } from "../../../src/snapshot/bytes.ts";
import { readCertificateRequest, type RequestRefusal } from "./certificate-request.ts";
import { issueSvid } from "./issue.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import { type EnrolmentSettings, type IssuerTokenRefusal, judgeIssuerToken } from "./issuer-tokens.ts";
import { hashOf, type JoinToken, JoinTokens, type JoinTokenHolder } from "./join-tokens.ts";
import { type AuthorityEnv, AuthorityKeys } from "./keys.ts";
import { pemOf, type Signer } from "./signing.ts";
import { SingleUse } from "./single-use.ts";

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
      /** Of a token of an issuer, for the operator alone. */
      readonly why?: IssuerTokenRefusal;
    };

export type IssuedByIssuer = (Issued & { readonly entitled: Entitled }) | Extract<Enrolment, { readonly ok: false }>;

export type EnrolmentRefusal = "token_unknown" | RequestRefusal;

/** The mesh's certificate authority. */
export class Authority extends DurableObject<AuthorityEnv> {
  readonly #keys: AuthorityKeys;
  readonly #joinTokens: JoinTokens;
  readonly #issuerKeys: IssuerKeys;
  readonly #used: SingleUse;

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
  }

  /** The mesh's own certificate: PEM, and DER in base64. */
  async bundle(): Promise<{ readonly pem: string; readonly der: string }> {
    const { certificate } = await this.#keys.signer();
    return { pem: pemOf(certificate), der: bytesToBase64(certificate.rawData) };
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
