import { bytesToBase64Url, bytesToHex } from "../../../src/snapshot/bytes.ts";

export interface JoinToken {
  readonly token: string;
  readonly spiffeId: string;
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** For whom a token is: a workload, or a gateway. */
export type JoinTokenHolder =
  | { readonly namespace: string; readonly serviceAccount: string }
  | { readonly gateway: string };

/** In the place of a gateway's namespace: no namespace has this name. */
const OF_GATEWAY = "";

/** How long a token that has ended is still told apart from one that never was. */
const KEPT_MS = 86_400_000;

/** Tokens that a workload brings once to get its certificate (R28). Only their hashes are kept. */
export class JoinTokens {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS join_tokens (hash TEXT PRIMARY KEY, namespace TEXT NOT NULL, service_account TEXT NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER) WITHOUT ROWID",
    );
  }

  /** @returns the token's text, which nobody can ask for again */
  async make(holder: JoinTokenHolder, expiresAt: number, now: number): Promise<string> {
    const token = `join_${bytesToBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`;
    this.#sql.exec("DELETE FROM join_tokens WHERE expires_at < ?", now - KEPT_MS);
    this.#sql.exec(
      "INSERT INTO join_tokens (hash, namespace, service_account, expires_at) VALUES (?, ?, ?, ?)",
      await hashOf(token),
      "gateway" in holder ? OF_GATEWAY : holder.namespace,
      "gateway" in holder ? holder.gateway : holder.serviceAccount,
      expiresAt,
    );
    return token;
  }

  /**
   * For whom a token is that can still be used.
   *
   * @param hash of the token, as `hashOf` makes it
   */
  holder(hash: string, now: number): JoinTokenHolder | null {
    const [row] = this.#sql
      .exec<{ namespace: string; service_account: string }>(
        "SELECT namespace, service_account FROM join_tokens WHERE hash = ? AND used_at IS NULL AND expires_at > ?",
        hash,
        now,
      )
      .toArray();
    if (row === undefined) return null;
    const { namespace, service_account: name } = row;
    return namespace === OF_GATEWAY ? { gateway: name } : { namespace, serviceAccount: name };
  }

  /** One conditional statement: of two that come at once, one finds nothing. */
  use(hash: string, now: number): boolean {
    const used = this.#sql.exec(
      "UPDATE join_tokens SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ? RETURNING 1",
      now,
      hash,
      now,
    );
    return used.toArray().length === 1;
  }
}

export async function hashOf(token: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
}
