import * as x509 from "@peculiar/x509";
import { DurableObject } from "cloudflare:workers";
import { gatewayId } from "../../../src/identity/assertion.ts";
import { formatSpiffeId } from "../../../src/identity/spiffe-id.ts";
import { bytesToBase64 } from "../../../src/snapshot/bytes.ts";
import { readCertificateRequest, type RequestRefusal } from "./certificate-request.ts";
import { issueSvid } from "./issue.ts";
import { hashOf, type JoinToken, JoinTokens, type JoinTokenHolder } from "./join-tokens.ts";
import { type AuthorityEnv, AuthorityKeys } from "./keys.ts";
import { pemOf } from "./signing.ts";

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

export type EnrolmentRefusal = "token_unknown" | RequestRefusal;

/** The mesh's certificate authority. */
export class Authority extends DurableObject<AuthorityEnv> {
  readonly #keys: AuthorityKeys;
  readonly #joinTokens: JoinTokens;

  constructor(ctx: DurableObjectState, env: AuthorityEnv) {
    super(ctx, env);
    x509.cryptoProvider.set(crypto);
    this.#keys = new AuthorityKeys(ctx.storage.sql, env);
    this.#joinTokens = new JoinTokens(ctx.storage.sql);
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
    const now = Date.now();
    const holder = this.#joinTokens.use(hash, now);
    if (holder === null) return tokenUnknown();
    const spiffeId = this.#idOf(holder);
    const expiresAt = Math.min(now + request.ttlMs, signer.certificate.notAfter.getTime());
    const certificate = await issueSvid({ spiffeId, key: read.key, expiresAt }, signer, now);
    const bundle = pemOf(signer.certificate);
    return { ok: true, value: { certificate: pemOf(certificate), bundle, spiffeId, expiresAt } };
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
