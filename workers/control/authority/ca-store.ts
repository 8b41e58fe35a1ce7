import type { CaCertificate } from "../../../src/identity/ca-rotation.ts";

/** A certificate of the authority as it is stored. */
export interface StoredCa extends CaCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM of what stands between it and its root, nearest first; empty: it is signed by the root. */
  readonly chain: string;
  /** Null: the key is somebody else's. */
  readonly wrappedKey: string | null;
}

interface Row extends Record<string, SqlStorageValue> {
  serial: string;
  role: string;
  root: string;
  certificate: string;
  chain: string;
  wrapped_key: string | null;
  not_before: number;
  not_after: number;
  signs_from: number;
  last_ends: number | null;
}

/** The longest that what an authority of an older version signed may live. */
const LONGEST_LEAF_MS = 86_400_000;

/** The authority's certificates, with their keys, which are stored wrapped (R29). */
export class CaStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS ca_certificates (serial TEXT PRIMARY KEY, role TEXT NOT NULL, root TEXT NOT NULL, certificate TEXT NOT NULL, chain TEXT NOT NULL, wrapped_key TEXT, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL, signs_from INTEGER NOT NULL, last_ends INTEGER) WITHOUT ROWID",
    );
    // The key of a request that waits for its certificate.
    sql.exec(
      "CREATE TABLE IF NOT EXISTS ca_request (id INTEGER PRIMARY KEY CHECK (id = 1), wrapped_key TEXT NOT NULL, csr TEXT NOT NULL)",
    );
  }

  all(): readonly StoredCa[] {
    return this.#sql.exec<Row>("SELECT * FROM ca_certificates ORDER BY signs_from, serial").toArray().map(storedOf);
  }

  /** All or none: of a root without its intermediate nothing signs. */
  add(certificates: readonly StoredCa[]): void {
    for (const one of certificates)
      this.#sql.exec(
        "INSERT INTO ca_certificates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        one.serial,
        one.role,
        one.root,
        one.certificate,
        one.chain,
        one.wrappedKey,
        one.notBefore,
        one.notAfter,
        one.signsFrom,
        one.lastEnds,
      );
  }

  /** Those that wait sign from then on. */
  hasten(serials: readonly string[], at: number): void {
    for (const serial of serials)
      this.#sql.exec("UPDATE ca_certificates SET signs_from = ? WHERE serial = ?", at, serial);
  }

  signed(serial: string, endsAt: number): void {
    this.#sql.exec(
      "UPDATE ca_certificates SET last_ends = max(coalesce(last_ends, 0), ?) WHERE serial = ?",
      endsAt,
      serial,
    );
  }

  remove(serials: readonly string[]): void {
    for (const serial of serials) this.#sql.exec("DELETE FROM ca_certificates WHERE serial = ?", serial);
    if (serials.length > 0) this.#forgetOlder();
  }

  removeAll(): void {
    this.#sql.exec("DELETE FROM ca_certificates");
    this.#sql.exec("DELETE FROM ca_request");
    this.#forgetOlder();
  }

  /** What an older version kept: one certificate that is its own root and signs workloads. */
  older(): { readonly wrappedKey: string; readonly certificate: string } | null {
    const [table] = this.#sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ca'").toArray();
    if (table === undefined) return null;
    const [row] = this.#sql
      .exec<{ wrapped_key: string; certificate: string }>("SELECT wrapped_key, certificate FROM ca")
      .toArray();
    return row === undefined ? null : { wrappedKey: row.wrapped_key, certificate: row.certificate };
  }

  /** Takes it over: gateways trust it until what it signed has ended. */
  adopt(older: Pick<StoredCa, "serial" | "certificate" | "wrappedKey" | "notBefore" | "notAfter">, now: number): void {
    const { serial, notBefore } = older;
    const lastEnds = now + LONGEST_LEAF_MS;
    this.add([{ ...older, role: "both", root: serial, chain: "", signsFrom: notBefore, lastEnds, isOurs: true }]);
  }

  /** Until it has ended it stays where an older version looks for it. */
  #forgetOlder(): void {
    const [left] = this.#sql.exec("SELECT 1 FROM ca_certificates WHERE role = 'both'").toArray();
    if (left === undefined && this.older() !== null) this.#sql.exec("DELETE FROM ca");
  }

  request(): { readonly wrappedKey: string; readonly csr: string } | null {
    const [row] = this.#sql
      .exec<{ wrapped_key: string; csr: string }>("SELECT wrapped_key, csr FROM ca_request")
      .toArray();
    return row === undefined ? null : { wrappedKey: row.wrapped_key, csr: row.csr };
  }

  keepRequest(wrappedKey: string, csr: string): void {
    this.#sql.exec("INSERT OR REPLACE INTO ca_request VALUES (1, ?, ?)", wrappedKey, csr);
  }

  forgetRequest(): void {
    this.#sql.exec("DELETE FROM ca_request");
  }
}

function storedOf(row: Row): StoredCa {
  return {
    serial: row.serial,
    role: row.role === "root" ? "root" : row.role === "both" ? "both" : "intermediate",
    root: row.root,
    certificate: row.certificate,
    chain: row.chain,
    wrappedKey: row.wrapped_key,
    notBefore: row.not_before,
    notAfter: row.not_after,
    signsFrom: row.signs_from,
    lastEnds: row.last_ends,
    isOurs: row.wrapped_key !== null,
  };
}
