import * as x509 from "@peculiar/x509";
import { DurableObject } from "cloudflare:workers";
import { gatewayId } from "../../../src/identity/assertion.ts";
import { formatSpiffeId } from "../../../src/identity/spiffe-id.ts";
import type { Entitled } from "../../../src/resources/enrolment-token.ts";
import type { Result } from "../../../src/result.ts";
import type { HubApi } from "../hub-api.ts";
import type { AuthorityTrust } from "./trust.ts";
import type { AuthorityStatus, Expiries } from "./ca-status.ts";
import { CertificateAuthority, type Issued } from "./certificate-authority.ts";
import { bytesToBase64 } from "../../../src/snapshot/bytes.ts";
import { digestOf, readCertificateRequest, type RequestRefusal } from "./certificate-request.ts";
import type { IssuedCertificate } from "./issued.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import { type EnrolmentSettings, type IssuerTokenRefusal, judgeIssuerToken } from "./issuer-tokens.ts";
import { hashOf, type JoinToken, JoinTokens, type JoinTokenHolder } from "./join-tokens.ts";
import { JwtKeys } from "./jwt-keys.ts";
import type { KeysEnv } from "./keys.ts";
import type { Revocation } from "./revocations.ts";
import { SingleUse } from "./single-use.ts";
import { type SpiffeBundle, SpiffeBundles } from "./spiffe-bundle.ts";
import { judgeSvidProof, type ProofRefusal, type SvidProof } from "./svid-proof.ts";

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

export type IssuedJwt =
  | {
      readonly ok: true;
      readonly value: { readonly token: string; readonly spiffeId: string; readonly expiresAt: number };
    }
  | Extract<Enrolment, { readonly ok: false }>;

export type EnrolmentRefusal =
  | "token_unknown"
  | "proof_refused"
  | "identity_revoked"
  | "authority_expired"
  | RequestRefusal;

/** What of control's environment it uses. */
interface AuthorityEnv extends KeysEnv {
  readonly HUB: { getByName(name: string): Pick<HubApi, "takeTrust"> };
  /** Set by the local mesh alone. */
  readonly TULLE_LOCAL?: string;
}

/** The mesh's certificate authority. */
export class Authority extends DurableObject<AuthorityEnv> {
  readonly #ca: CertificateAuthority;
  readonly #joinTokens: JoinTokens;
  readonly #issuerKeys: IssuerKeys;
  readonly #used: SingleUse;
  readonly #jwtKeys: JwtKeys;
  readonly #bundles: SpiffeBundles;

  constructor(ctx: DurableObjectState, env: AuthorityEnv) {
    super(ctx, env);
    x509.cryptoProvider.set(crypto);
    this.#joinTokens = new JoinTokens(ctx.storage.sql);
    this.#issuerKeys = new IssuerKeys({
      fetch: async (url, init) => fetch(url, init),
      local: env.TULLE_LOCAL !== undefined,
    });
    this.#used = new SingleUse(ctx.storage.sql);
    this.#jwtKeys = new JwtKeys(ctx.storage.sql, env);
    this.#bundles = new SpiffeBundles(ctx.storage.sql);
    this.#ca = new CertificateAuthority(ctx.storage, this.#jwtKeys, env, (trust) => this.#tell(trust));
  }

  /** Certificates follow each other; after a crash between two steps this goes on where they stopped. */
  override async alarm(): Promise<void> {
    await this.#ca.advance();
  }

  /** PEM of the mesh's roots. */
  async bundle(): Promise<{ readonly pem: string }> {
    return this.#ca.bundle();
  }

  /** What gateways judge workloads by. */
  async trust(): Promise<AuthorityTrust> {
    return this.#ca.trust();
  }

  async status(): Promise<AuthorityStatus> {
    return this.#ca.status();
  }

  async expiries(): Promise<Expiries> {
    return this.#ca.expiries();
  }

  async list(page: Parameters<CertificateAuthority["list"]>[0]): Promise<readonly IssuedCertificate[]> {
    return this.#ca.list(page);
  }

  async rotate(what: "root" | "intermediate", afterMs: number | null): Promise<Result<number, string>> {
    return this.#ca.rotate(what, afterMs);
  }

  async csr(): Promise<string> {
    return this.#ca.csr();
  }

  async import(pem: string, afterMs: number | null): Promise<Result<number, string>> {
    return this.#ca.import(pem, afterMs);
  }

  async revoke(what: Pick<Revocation, "kind" | "value" | "reason">): Promise<Result<Revocation, string>> {
    return this.#ca.revoke(what);
  }

  async lift(kind: Revocation["kind"], value: string): Promise<boolean> {
    return this.#ca.lift(kind, value);
  }

  async revocations(): Promise<readonly Revocation[]> {
    return this.#ca.revocations();
  }

  async backup(key: string): Promise<string> {
    return this.#ca.backup(key);
  }

  async restore(sealed: string, key: string): Promise<Result<null, string>> {
    return this.#ca.restore(sealed, key);
  }

  /** What others check SVIDs of this mesh against. */
  async spiffeBundle(): Promise<SpiffeBundle> {
    const roots = await this.#ca.anchors();
    const known = new Set(roots.map(({ rawData }) => bytesToBase64(rawData)));
    const { authorities } = await this.#ca.trust();
    // The gateways of others see leaves alone, as those of this mesh do: they need who signed them.
    const signers = authorities.filter((der) => !known.has(der)).map((der) => new x509.X509Certificate(der));
    return this.#bundles.of([...roots, ...signers], await this.#jwtKeys.published(Date.now()));
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
    const holder = this.#joinTokens.holder(hash, Date.now());
    if (holder === null) return tokenUnknown();
    const read = await readCertificateRequest(request.csr);
    if (!read.ok) return read;
    return this.#ca.issue({ spiffeId: this.#idOf(holder), key: read.key, ttlMs: request.ttlMs }, () =>
      this.#joinTokens.use(hash, Date.now()) ? null : tokenUnknown(),
    );
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
    const { entitled, once, madeAt, endsAt } = judged.value;
    const read = await readCertificateRequest(request.csr);
    if (!read.ok) return read;
    const wanted = { spiffeId: this.#idOf(entitled), key: read.key, ttlMs: request.ttlMs };
    const issued = await this.#ca.issue(wanted, async () => {
      const isFirst = await this.#used.use(`issuer-token ${once}`, endsAt, Date.now(), madeAt);
      return isFirst ? null : tokenRefused({ reason: "token_used", subject: entitled.subject });
    });
    return issued.ok ? { ...issued, entitled } : issued;
  }

  /** A new certificate for who holds a good one, under the same name. */
  async renew(request: SvidProof & { readonly csr: string; readonly ttlMs: number }): Promise<Enrolment> {
    const read = await readCertificateRequest(request.csr);
    if (!read.ok) return read;
    const holder = await this.#holderOf(request, { for: "renew", csr: await digestOf(request.csr) });
    if (!holder.ok) return proofRefused(holder.error);
    return this.#ca.issue<never>({ spiffeId: holder.value, key: read.key, ttlMs: request.ttlMs }, () => null);
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
    const { TRUST_DOMAIN: domain, KEY_ENCRYPTION_SECRET: secret } = this.env;
    const { authorities, revoked } = await this.#ca.trust();
    const trust = { domain, aliases: [], authorities, revoked };
    return judgeSvidProof(proof, asked, { trust, secret, used: this.#used, now: Date.now() });
  }

  #idOf(holder: JoinTokenHolder): string {
    const { TRUST_DOMAIN } = this.env;
    if ("gateway" in holder) return gatewayId(TRUST_DOMAIN, holder.gateway);
    return formatSpiffeId(TRUST_DOMAIN, holder.namespace, holder.serviceAccount);
  }

  /** Not waited for: the Hub may wait for this object. Where it does not hear it asks by itself. */
  #tell(trust: AuthorityTrust): void {
    const told = this.env.HUB.getByName("hub").takeTrust(trust);
    this.ctx.waitUntil(
      told.catch((error: unknown) => console.warn({ event: "trust_not_told", message: String(error) })),
    );
  }
}

type Refused = Extract<Enrolment, { readonly ok: false }>;

function tokenUnknown(): Refused {
  const message = "the join token is unknown, used or expired; ask the mesh's administrator for a new one";
  return { ok: false, code: "token_unknown", message };
}

/** One text for all that is wrong with it: what exactly it was, a stranger could use to find a token that is good. */
function tokenRefused(why: IssuerTokenRefusal): Refused {
  const message = "the token enrols nobody here; the mesh's audit says why";
  return { ok: false, code: "token_unknown", message, why };
}

function proofRefused(why: ProofRefusal): Extract<Enrolment, { readonly ok: false }> {
  const message = "the certificate, or the proof of its key, does not count; the mesh's audit says why";
  return { ok: false, code: "proof_refused", message, why };
}
