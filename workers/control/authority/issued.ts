/** A certificate of a workload that was signed here. */
export interface IssuedCertificate {
  /** Lower-case hex. */
  readonly serial: string;
  readonly spiffeId: string;
  /** Serial of the certificate that signed it. */
  readonly issuer: string;
  /** Epoch ms. */
  readonly issuedAt: number;
  readonly expiresAt: number;
}

interface Row extends Record<string, SqlStorageValue> {
  serial: string;
  spiffe_id: string;
  issuer: string;
  issued_at: number;
  expires_at: number;
}

/** They end within a day; of more than this the first to end are not listed any more. */
const MAX_ISSUED = 50_000;

/** What lives, of whom, until when. */
export class Issued {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS issued (serial TEXT PRIMARY KEY, spiffe_id TEXT NOT NULL, key_hash TEXT NOT NULL, issuer TEXT NOT NULL, issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS issued_ends ON issued (expires_at, serial)");
    sql.exec("CREATE INDEX IF NOT EXISTS issued_keys ON issued (key_hash)");
  }

  /** @param keyHash of its public key */
  add(one: IssuedCertificate, keyHash: string, now: number): void {
    this.#sql.exec("DELETE FROM issued WHERE expires_at < ?", now);
    this.#sql.exec(
      "INSERT INTO issued (serial, spiffe_id, key_hash, issuer, issued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
      one.serial,
      one.spiffeId,
      keyHash,
      one.issuer,
      one.issuedAt,
      one.expiresAt,
    );
    const over = this.count(now) - MAX_ISSUED;
    if (over <= 0) return;
    console.warn({ event: "issued_certificates_unlisted", count: over });
    this.#sql.exec(
      "DELETE FROM issued WHERE serial IN (SELECT serial FROM issued ORDER BY expires_at, serial LIMIT ?)",
      over,
    );
  }

  count(now: number): number {
    return this.#sql.exec<{ n: number }>("SELECT count(*) AS n FROM issued WHERE expires_at > ?", now).one().n;
  }

  /** Identities by how their newest certificate stands. @param lived of its life, from which on another should have come */
  standings(now: number, lived: number): { readonly live: number; readonly overdue: number } {
    const [row] = this.#sql
      .exec<{ live: number; overdue: number | null }>(
        // Beside the one MAX the other columns are those of its row.
        "SELECT count(*) AS live, sum(? - issued_at > ? * (ends - issued_at)) AS overdue FROM (SELECT issued_at, max(expires_at) AS ends FROM issued WHERE expires_at > ? GROUP BY spiffe_id)",
        now,
        lived,
        now,
      )
      .toArray();
    return { live: row?.live ?? 0, overdue: row?.overdue ?? 0 };
  }

  /** @returns null where it is not known: it was never signed here, or has ended */
  find(serial: string): IssuedCertificate | null {
    const [row] = this.#sql.exec<Row>("SELECT * FROM issued WHERE serial = ?", serial).toArray();
    return row === undefined ? null : issuedOf(row);
  }

  /** Two identities never share a key: who has one could speak as the other. */
  isKeyOfAnother(keyHash: string, spiffeId: string, now: number): boolean {
    const rows = this.#sql.exec(
      "SELECT 1 FROM issued WHERE key_hash = ? AND spiffe_id <> ? AND expires_at > ? LIMIT 1",
      keyHash,
      spiffeId,
      now,
    );
    return rows.toArray().length > 0;
  }

  /**
   * A page, the first to end first.
   *
   * @param after the last of the page before
   */
  list(
    {
      spiffeId,
      after,
      limit,
    }: {
      readonly spiffeId?: string;
      readonly after?: Pick<IssuedCertificate, "expiresAt" | "serial">;
      readonly limit: number;
    },
    now: number,
  ): readonly IssuedCertificate[] {
    const from = after ?? { expiresAt: now, serial: "~" };
    return this.#sql
      .exec<Row>(
        "SELECT * FROM issued WHERE (expires_at, serial) > (?, ?) AND (? IS NULL OR spiffe_id = ?) ORDER BY expires_at, serial LIMIT ?",
        from.expiresAt,
        from.serial,
        spiffeId ?? null,
        spiffeId ?? null,
        limit,
      )
      .toArray()
      .map(issuedOf);
  }
}

function issuedOf(row: Row): IssuedCertificate {
  return {
    serial: row.serial,
    spiffeId: row.spiffe_id,
    issuer: row.issuer,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
  };
}
