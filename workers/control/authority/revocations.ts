/** What counts no more: one certificate, or all that one identity shows. */
export interface Revocation {
  readonly kind: "serial" | "id";
  /** Lower-case hex without leading zeros, or a SPIFFE ID without its scheme. */
  readonly value: string;
  readonly reason: string;
  /** Epoch ms. */
  readonly at: number;
  /** When the certificate has ended by itself, and is told to nobody any more; null: until it is lifted. */
  readonly until: number | null;
}

interface Row extends Record<string, SqlStorageValue> {
  kind: string;
  value: string;
  reason: string;
  at: number;
  until: number | null;
}

/** Every gateway gets all of them with its root. */
const MAX_OF: Readonly<Record<Revocation["kind"], number>> = { serial: 5_000, id: 1_000 };

/** What was revoked; a serial is forgotten when its certificate has ended. */
export class Revocations {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS revoked (kind TEXT NOT NULL, value TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER, PRIMARY KEY (kind, value)) WITHOUT ROWID",
    );
  }

  /**
   * What is there already stays as it is; but what would have been forgotten, and is revoked until it is lifted, is kept.
   *
   * @returns the most that there may be, where there are as many
   */
  add({ kind, value, reason, at, until }: Revocation): number | null {
    this.prune(at);
    const { n } = this.#sql
      .exec<{ n: number }>("SELECT count(*) AS n FROM revoked WHERE kind = ? AND value <> ?", kind, value)
      .one();
    if (n >= MAX_OF[kind]) return MAX_OF[kind];
    this.#sql.exec(
      `INSERT INTO revoked (kind, value, reason, at, until) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET until = NULL WHERE excluded.until IS NULL`,
      kind,
      value,
      reason,
      at,
      until,
    );
    return null;
  }

  /** @returns whether it was there */
  lift(kind: Revocation["kind"], value: string): boolean {
    return (
      this.#sql.exec("DELETE FROM revoked WHERE kind = ? AND value = ? RETURNING 1", kind, value).toArray().length > 0
    );
  }

  isRevoked(kind: Revocation["kind"], value: string): boolean {
    return this.#sql.exec("SELECT 1 FROM revoked WHERE kind = ? AND value = ?", kind, value).toArray().length > 0;
  }

  /** @returns whether any was forgotten */
  prune(now: number): boolean {
    return this.#sql.exec("DELETE FROM revoked WHERE until < ? RETURNING 1", now).toArray().length > 0;
  }

  /** @returns when the next is forgotten, epoch ms; null: none */
  next(): number | null {
    return this.#sql.exec<{ at: number | null }>("SELECT min(until) AS at FROM revoked").one().at;
  }

  all(): readonly Revocation[] {
    return this.#sql
      .exec<Row>("SELECT * FROM revoked ORDER BY at, kind, value")
      .toArray()
      .map(({ kind, ...row }) => ({ ...row, kind: kind === "id" ? "id" : "serial" }));
  }
}
