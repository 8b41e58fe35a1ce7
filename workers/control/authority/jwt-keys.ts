import { calculateJwkThumbprint, type JWK, SignJWT } from "jose";
import { unwrapKey, wrapKey } from "../key-wrap.ts";
import type { KeysEnv } from "./keys.ts";
import { SIGNING } from "./signing.ts";
import type { BundleKey } from "./spiffe-bundle.ts";

const PURPOSE = "jwt-svid-key";
const DAY_MS = 86_400_000;
const SIGNS_MS = 7 * DAY_MS;
/** A new key is published so long before it signs: several times as long as others wait between two looks at the bundle. */
const PUBLISHED_BEFORE_MS = 3_600_000;
/** And an old one so long after its last signature: longer than any token lives. */
const PUBLISHED_AFTER_MS = 3_600_000;

interface KeyRow extends Record<string, SqlStorageValue> {
  kid: string;
  wrapped_key: string;
  public_jwk: string;
  /** Epoch ms from which it signs, in the place of the one before. */
  signs_from: number;
}

/** A key outside of the authority that made it: in a backup. */
export interface BareJwtKey {
  readonly kid: string;
  readonly publicJwk: string;
  readonly signsFrom: number;
  readonly pkcs8: Uint8Array<ArrayBuffer>;
}

/** Keys that sign JWT-SVIDs. The next is published before it signs, the last until what it has signed has ended. */
export class JwtKeys {
  readonly #sql: SqlStorage;
  readonly #env: KeysEnv;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(sql: SqlStorage, env: KeysEnv) {
    this.#sql = sql;
    this.#env = env;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS jwt_keys (kid TEXT PRIMARY KEY, wrapped_key TEXT NOT NULL, public_jwk TEXT NOT NULL, signs_from INTEGER NOT NULL) WITHOUT ROWID",
    );
  }

  /** Public keys, of which each may have signed what is good now, or will sign soon. */
  async published(now: number): Promise<readonly BundleKey[]> {
    const rows = await this.#rotated(now);
    return rows.map(({ public_jwk: jwk }) => JSON.parse(jwk) as BundleKey);
  }

  /** @param claims with `exp` */
  async sign(claims: Readonly<Record<string, unknown>>, now: number): Promise<string> {
    const rows = await this.#rotated(now);
    const row = rows.findLast(({ signs_from: from }) => from <= now);
    if (!row) throw new Error("no key signs yet");
    const pkcs8 = await unwrapKey(row.wrapped_key, this.#env.KEY_ENCRYPTION_SECRET, PURPOSE);
    const key = await crypto.subtle.importKey("pkcs8", pkcs8, SIGNING, false, ["sign"]);
    return new SignJWT({ ...claims }).setProtectedHeader({ alg: "ES256", kid: row.kid, typ: "JWT" }).sign(key);
  }

  async bare(): Promise<readonly BareJwtKey[]> {
    return Promise.all(
      this.#rows().map(async ({ kid, public_jwk: publicJwk, signs_from: signsFrom, wrapped_key: wrapped }) => {
        const pkcs8 = new Uint8Array(await unwrapKey(wrapped, this.#env.KEY_ENCRYPTION_SECRET, PURPOSE));
        return { kid, publicJwk, signsFrom, pkcs8 };
      }),
    );
  }

  /** @returns to be called in a transaction: these take the place of all that are here */
  async replacedBy(keys: readonly BareJwtKey[]): Promise<() => void> {
    const secret = this.#env.KEY_ENCRYPTION_SECRET;
    const wrapped = await Promise.all(keys.map(async ({ pkcs8 }) => wrapKey(pkcs8, secret, PURPOSE)));
    return () => {
      this.#sql.exec("DELETE FROM jwt_keys");
      for (const [at, { kid, publicJwk, signsFrom }] of keys.entries())
        this.#insert({ kid, wrapped_key: wrapped[at] ?? "", public_jwk: publicJwk, signs_from: signsFrom });
    };
  }

  /** The keys in the order in which they sign, after whatever was due was done. One asker after the other. */
  async #rotated(now: number): Promise<readonly KeyRow[]> {
    const turn = this.#turn.then(async () => this.#rotate(now));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #rotate(now: number): Promise<readonly KeyRow[]> {
    const rows = this.#rows();
    const newest = rows.at(-1);
    if (newest === undefined) await this.#make(now);
    else if (newest.signs_from + SIGNS_MS - PUBLISHED_BEFORE_MS <= now)
      await this.#make(Math.max(newest.signs_from + SIGNS_MS, now + PUBLISHED_BEFORE_MS));
    for (const [at, { kid }] of rows.entries()) {
      const next = rows[at + 1];
      if (next !== undefined && next.signs_from + PUBLISHED_AFTER_MS <= now)
        this.#sql.exec("DELETE FROM jwt_keys WHERE kid = ?", kid);
    }
    return this.#rows();
  }

  #rows(): readonly KeyRow[] {
    return this.#sql.exec<KeyRow>("SELECT * FROM jwt_keys ORDER BY signs_from").toArray();
  }

  async #make(signsFrom: number): Promise<void> {
    const keys = await crypto.subtle.generateKey(SIGNING, true, ["sign", "verify"]);
    if (!("privateKey" in keys)) throw new Error("the runtime made no key pair");
    const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
    if (!(pkcs8 instanceof ArrayBuffer)) throw new Error("the runtime exported no PKCS#8");
    const { kty, crv, x, y } = (await crypto.subtle.exportKey("jwk", keys.publicKey)) as JWK;
    const jwk = { kty, crv, x, y } as JWK;
    const kid = await calculateJwkThumbprint(jwk);
    this.#insert({
      kid,
      wrapped_key: await wrapKey(new Uint8Array(pkcs8), this.#env.KEY_ENCRYPTION_SECRET, PURPOSE),
      public_jwk: JSON.stringify({ ...jwk, kid, use: "jwt-svid" }),
      signs_from: signsFrom,
    });
  }

  #insert({ kid, wrapped_key: wrapped, public_jwk: jwk, signs_from: from }: KeyRow): void {
    this.#sql.exec(
      "INSERT INTO jwt_keys (kid, wrapped_key, public_jwk, signs_from) VALUES (?, ?, ?, ?)",
      kid,
      wrapped,
      jwk,
      from,
    );
  }
}
