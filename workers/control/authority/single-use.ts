import { hashOf } from "./join-tokens.ts";

/** What may be used once, until it ends by itself: tokens of issuers, nonces. Only hashes are kept. */
export class SingleUse {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS used_once (hash TEXT PRIMARY KEY, ends_at INTEGER NOT NULL) WITHOUT ROWID");
    sql.exec("CREATE INDEX IF NOT EXISTS used_once_ends ON used_once (ends_at)");
    // Of what is older than this it is not known whether it was used: between a backup and its restore nobody wrote it down here.
    sql.exec("CREATE TABLE IF NOT EXISTS used_unknown (id INTEGER PRIMARY KEY CHECK (id = 1), until INTEGER NOT NULL)");
  }

  /**
   * Nothing is awaited once the hash is there: of two that come at once, one finds it used.
   *
   * @param what prefixed with what it is, so that no text of one sort is one of another
   * @param endsAt epoch ms from which it counts no more in any case
   * @param madeAt epoch ms before which it was not made
   * @returns whether it was used by this
   */
  async use(what: string, endsAt: number, now: number, madeAt: number): Promise<boolean> {
    const hash = await hashOf(what);
    const unknown = this.#sql.exec("SELECT 1 FROM used_unknown WHERE until >= ?", madeAt);
    if (unknown.toArray().length > 0) return false;
    this.#sql.exec("DELETE FROM used_once WHERE ends_at < ?", now);
    const used = this.#sql.exec(
      "INSERT INTO used_once (hash, ends_at) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING hash",
      hash,
      endsAt,
    );
    return used.toArray().length === 1;
  }
}
