import * as x509 from "@peculiar/x509";
import { err, ok, type Result } from "../../../src/result.ts";
import { bytesToBase64Url } from "../../../src/snapshot/bytes.ts";
import type { AuthorityTrust } from "./trust.ts";
import { Backup } from "./backup.ts";
import { makeCaRequest, makeKey } from "./ca-certificates.ts";
import { CaStore } from "./ca-store.ts";
import { type AuthorityStatus, type Expiries, statusOf } from "./ca-status.ts";
import { importChain } from "./import-chain.ts";
import { issueSvid } from "./issue.ts";
import { Issued as IssuedList, type IssuedCertificate } from "./issued.ts";
import type { JwtKeys } from "./jwt-keys.ts";
import { AuthorityKeys, INTERMEDIATE_LEAD_MS, type KeysEnv, ROOT_LEAD_MS, timesOf } from "./keys.ts";
import { type Revocation, Revocations } from "./revocations.ts";
import { pemOf } from "./signing.ts";

/** A certificate of a workload, with what goes to it. */
export interface Issued {
  readonly ok: true;
  readonly value: {
    /** PEM, with what stands between it and the mesh's root. */
    readonly certificate: string;
    /** PEM of the mesh's roots. */
    readonly bundle: string;
    readonly spiffeId: string;
    readonly expiresAt: number;
  };
  /** Of the certificate, hex. */
  readonly serial: string;
}

export interface IssueRefused<Code extends string> {
  readonly ok: false;
  readonly code: Code;
  readonly message: string;
}

const LEEWAY_MS = 60_000;

/** Workloads renew well before, and go on trying: past this nobody does. */
const RENEWED_BY = 0.8;

/** Signs for the mesh: its certificates, what they issued, and what was taken back. Everything about whom it signs for is the object's. */
export class CertificateAuthority {
  readonly #store: CaStore;
  readonly #keys: AuthorityKeys;
  readonly #issued: IssuedList;
  readonly #revocations: Revocations;
  readonly #backup: Backup;
  readonly #storage: DurableObjectStorage;
  readonly #trustDomain: string;
  readonly #tell: (trust: AuthorityTrust) => void;
  #ready: Promise<void> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @param tell of every change; not waited for */
  constructor(storage: DurableObjectStorage, jwtKeys: JwtKeys, env: KeysEnv, tell: (trust: AuthorityTrust) => void) {
    const { sql } = storage;
    this.#storage = storage;
    this.#trustDomain = env.TRUST_DOMAIN;
    this.#tell = tell;
    this.#store = new CaStore(sql);
    this.#keys = new AuthorityKeys(this.#store, env);
    this.#issued = new IssuedList(sql);
    this.#revocations = new Revocations(sql);
    this.#backup = new Backup(storage, this.#store, this.#keys, jwtKeys, env);
    sql.exec(
      "CREATE TABLE IF NOT EXISTS trust_version (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL)",
    );
  }

  /** PEM of the mesh's roots. */
  async bundle(): Promise<{ readonly pem: string }> {
    await this.#started();
    return { pem: this.#bundle(Date.now()) };
  }

  /**
   * What others check certificates of the mesh against: the roots, and the intermediates, since a gateway elsewhere may be shown
   * a leaf alone.
   */
  async anchors(): Promise<readonly x509.X509Certificate[]> {
    await this.#started();
    const { roots, signing } = this.#keys.trusted(Date.now());
    return [...new Set([...roots, ...signing])].map(({ certificate }) => new x509.X509Certificate(certificate));
  }

  /** What gateways judge workloads by. */
  async trust(): Promise<AuthorityTrust> {
    await this.#started();
    return this.#trust();
  }

  async expiries(): Promise<Expiries> {
    await this.#started();
    const now = Date.now();
    const { certificates } = statusOf(this.#store.all(), now);
    return { certificates, ...this.#issued.standings(now, RENEWED_BY) };
  }

  async status(): Promise<AuthorityStatus> {
    await this.#started();
    const now = Date.now();
    const counts = { issued: this.#issued.count(now), revoked: this.#revocations.all().length };
    return { ...statusOf(this.#store.all(), now), ...counts, hasRequest: this.#store.request() !== null };
  }

  async list(page: Parameters<IssuedList["list"]>[0]): Promise<readonly IssuedCertificate[]> {
    return this.#issued.list(page, Date.now());
  }

  /**
   * Signs a certificate.
   *
   * @param admit uses up what proved the identity, at the last moment; what it answers is the refusal: somebody else was faster
   */
  async issue<Refused>(
    { spiffeId, key, ttlMs }: { readonly spiffeId: string; readonly key: x509.PublicKey; readonly ttlMs: number },
    admit: () => Refused | null | Promise<Refused | null>,
  ): Promise<Issued | IssueRefused<"identity_revoked" | "csr_key" | "authority_expired"> | Refused> {
    await this.#started();
    const now = Date.now();
    const keyHash = bytesToBase64Url(await crypto.subtle.digest("SHA-256", key.rawData));
    const known = this.#refusal(spiffeId, key, keyHash, now);
    if (known !== null) return known;
    const signer = await this.#keys.issuing(now);
    if (signer === null) return { ok: false, code: "authority_expired", message: EXPIRED };
    const refused = await admit();
    if (refused !== null) return refused;
    const expiresAt = Math.min(now + ttlMs, signer.notAfter);
    const certificate = await issueSvid({ spiffeId, key, expiresAt }, signer, now);
    const { serial } = timesOf(certificate);
    // Meanwhile the key may have become another's, and the identity been revoked. Nothing is awaited from here on.
    const refusedNow = this.#refusal(spiffeId, key, keyHash, now);
    if (refusedNow !== null) return refusedNow;
    this.#store.signed(signer.serial, expiresAt);
    this.#issued.add({ serial, spiffeId, issuer: signer.serial, issuedAt: now, expiresAt }, keyHash, now);
    const value = { certificate: pemOf(certificate) + signer.chain, bundle: this.#bundle(now), spiffeId, expiresAt };
    return { ok: true, value, serial };
  }

  /** Why nothing is signed for it; null: it may be. */
  #refusal(
    spiffeId: string,
    key: x509.PublicKey,
    keyHash: string,
    now: number,
  ): IssueRefused<"identity_revoked" | "csr_key"> | null {
    if (this.#revocations.isRevoked("id", spiffeId.replace("spiffe://", "")))
      return {
        ok: false,
        code: "identity_revoked",
        message: `\`${spiffeId}\` is revoked; an administrator may lift it`,
      };
    if (this.#issued.isKeyOfAnother(keyHash, spiffeId, now) || this.#isOwn(key))
      return { ok: false, code: "csr_key", message: "the key is another identity's: make one for this workload alone" };
    return null;
  }

  /**
   * Makes the next root or intermediate now.
   *
   * @param afterMs how long it is trusted before it signs; null: as long as by itself
   * @returns when it signs, epoch ms
   */
  async rotate(what: "root" | "intermediate", afterMs: number | null): Promise<Result<number, string>> {
    await this.#started();
    return this.#change(async (now) => {
      const lead = afterMs ?? (what === "root" ? ROOT_LEAD_MS : INTERMEDIATE_LEAD_MS);
      const waiting = this.#store.all().filter(({ role, signsFrom }) => role !== "root" && signsFrom > now);
      const [first] = waiting;
      if (first !== undefined) {
        // What waits is sooner used; a second one beside it would be too many to follow.
        const at = Math.min(first.signsFrom, now + lead);
        this.#store.hasten(
          waiting.map(({ serial }) => serial),
          at,
        );
        return ok(at);
      }
      if (what === "root") await this.#keys.makeRoot(now + lead, now);
      else if (!(await this.#keys.makeIntermediate(now + lead, now)))
        return err(
          "the root's key is not here: sign a new intermediate with it (`tulle ca csr`, `tulle ca import`), or make a root of the mesh's own with --root",
        );
      return ok(now + lead);
    });
  }

  /** A request for an intermediate of the mesh's, to be signed by a root of the administrator's own. PEM. */
  async csr(): Promise<string> {
    return this.#inTurn(async () => {
      const kept = this.#store.request();
      if (kept !== null) return kept.csr;
      const { keys, pkcs8 } = await makeKey();
      const csr = await makeCaRequest(this.#trustDomain, keys);
      this.#store.keepRequest(await this.#keys.wrap(pkcs8), csr);
      return csr;
    });
  }

  /** @returns when the intermediate signs, epoch ms; in the error's place what is wrong */
  async import(pem: string, afterMs: number | null): Promise<Result<number, string>> {
    await this.#started();
    return this.#change(async (now) => {
      const leads = { root: afterMs ?? ROOT_LEAD_MS, intermediate: afterMs ?? INTERMEDIATE_LEAD_MS };
      return importChain(pem, this.#store, { trustDomain: this.#trustDomain, leads, now });
    });
  }

  /** @returns in the error's place why not */
  async revoke({
    kind,
    value,
    reason,
  }: Pick<Revocation, "kind" | "value" | "reason">): Promise<Result<Revocation, string>> {
    await this.#started();
    return this.#change(async (now) => {
      if (kind === "serial" && this.#store.all().some(({ serial }) => serial === value))
        return err("this is a certificate of the authority itself: `tulle ca rotate --after 0s` replaces it");
      const known = kind === "serial" ? this.#issued.find(value) : null;
      // When one ends that was not signed here, a neighbour's perhaps, nobody here knows: it stays until it is lifted.
      const until = known === null ? null : known.expiresAt + LEEWAY_MS;
      const revocation = { kind, value, reason, at: now, until };
      const most = this.#revocations.add(revocation);
      if (most === null) return ok(revocation);
      const what = kind === "serial" ? "serials" : "SPIFFE IDs";
      return err(`${most} ${what} are revoked already, and gateways take no more; lift some, or revoke the identity`);
    });
  }

  /** @returns whether it was revoked */
  async lift(kind: Revocation["kind"], value: string): Promise<boolean> {
    const lifted = await this.#change(async () => (this.#revocations.lift(kind, value) ? ok(null) : err("")));
    return lifted.ok;
  }

  async revocations(): Promise<readonly Revocation[]> {
    this.#revocations.prune(Date.now());
    return this.#revocations.all();
  }

  /** @param key the administrator's */
  async backup(key: string): Promise<string> {
    await this.#started();
    return this.#backup.take(key);
  }

  /** @returns in the error's place why not */
  async restore(sealed: string, key: string): Promise<Result<null, string>> {
    await this.#started();
    return this.#change(async (now) => {
      const isUsed = this.#issued.count(now) > 0 || this.#store.all().some(({ lastEnds }) => lastEnds !== null);
      if (isUsed) return err("this authority has issued certificates already: a backup goes into a fresh mesh");
      return this.#backup.restore(sealed, key, now);
    });
  }

  #isOwn(key: x509.PublicKey): boolean {
    const own = bytesToBase64Url(key.rawData);
    return this.#store
      .all()
      .some(({ certificate }) => bytesToBase64Url(new x509.X509Certificate(certificate).publicKey.rawData) === own);
  }

  #bundle(now: number): string {
    return this.#keys
      .trusted(now)
      .roots.map(({ certificate }) => certificate)
      .join("");
  }

  #trust(): AuthorityTrust {
    const [row] = this.#storage.sql.exec<{ version: number }>("SELECT version FROM trust_version").toArray();
    const revoked = this.#revocations.all();
    const valuesOf = (wanted: Revocation["kind"]) =>
      revoked.flatMap(({ kind, value }) => (kind === wanted ? [value] : []));
    return {
      version: row?.version ?? 0,
      authorities: this.#keys
        .trusted(Date.now())
        .signing.map(({ certificate }) => certificate.replace(/-----[^-]+-----|\s/g, "")),
      revoked: { serials: valuesOf("serial"), ids: valuesOf("id") },
    };
  }

  /** At the first use since it woke: what is due is made before anything is answered. */
  async #started(): Promise<void> {
    this.#ready ??= this.advance().catch((error: unknown) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }

  /** Takes all steps that are due. */
  async advance(): Promise<void> {
    await this.#change(async (now) => {
      let changed = false;
      while (await this.#keys.advance(now)) changed = true;
      changed = this.#revocations.prune(now) || changed;
      return changed ? ok(null) : err("nothing is due");
    });
  }

  /** Changes come one after the other; of each that is done the Hub is told, and the alarm follows what comes next. */
  async #change<T, E>(change: (now: number) => Promise<Result<T, E>>): Promise<Result<T, E>> {
    return this.#inTurn(async () => {
      const now = Date.now();
      const done = await change(now);
      if (done.ok) this.#publish(now);
      await this.#sleep(now);
      return done;
    });
  }

  #publish(now: number): void {
    this.#storage.sql.exec(
      "INSERT INTO trust_version VALUES (1, ?) ON CONFLICT DO UPDATE SET version = max(version + 1, excluded.version)",
      now,
    );
    this.#tell(this.#trust());
  }

  async #sleep(now: number): Promise<void> {
    const times = [this.#keys.next(now)?.at, this.#revocations.next()].filter((at) => typeof at === "number");
    if (times.length > 0) await this.#storage.setAlarm(Math.max(Math.min(...times), now) + 1_000);
  }

  async #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

const EXPIRED =
  "the mesh's intermediate has ended: import a new one (`tulle ca csr`, `tulle ca import`), or `tulle ca rotate --root`";
