import { DurableObject } from "cloudflare:workers";
import { bytesToHex } from "../../src/snapshot/bytes.ts";
import type { KeptRecord } from "../../src/snapshot/rpc.ts";
import { ERASED_FOR_MS, LOOK_MS, MAX_AGE_MS, nextLook } from "./record-looks.ts";

type Kind = KeptRecord["kind"];

/** Records of each kind that a location keeps: many good calls drive no refusal out. */
const MAX_RECORDS: Readonly<Record<Kind, number>> = { refused: 5_000, failed: 5_000, passed: 5_000 };
/** Characters of all records of a kind, */
const MAX_TEXT = 12 * 1024 * 1024;
/** and of the slices that they name. */
const MAX_SLICES = 32 * 1024 * 1024;
/** A row of the store holds 2 MB. */
const PART = 500_000;
/** Senders that are remembered, so that a repeated report counts once. */
const MAX_SOURCES = 200;
const MAX_LISTED = 500;

/** What records are asked for; what is absent is anything. */
export interface RecordWish {
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly kind?: Kind | undefined;
  readonly principal?: string | undefined;
  readonly policy?: string | undefined;
  /** As `details` in the access log. */
  readonly code?: string | undefined;
  readonly gateway?: string | undefined;
  /** Only those that came before, epoch ms. */
  readonly before?: number | undefined;
  /**
   * Only those to a namespace, or from it, whatever trust domain says so. Conditions on policy, code and principal hold for those to it
   * alone: who is shown the others judges them by what is shown.
   */
  readonly namespace?: string | undefined;
  readonly limit: number;
}

/** A record as it is kept. */
export interface StoredRecord {
  readonly at: number;
  readonly kind: Kind;
  readonly gateway: string;
  /** JSON of a `DecisionRecord`. */
  readonly text: string;
}

/** What a ring really covers: times are epoch ms, null where nothing is kept. */
export interface RecordWindow {
  readonly from: number | null;
  readonly to: number | null;
  readonly records: number;
}

interface Size {
  records: number;
  /** Characters. */
  text: number;
}

/** The decision records of one location, and the slices that they name. Under another name: which locations there are. */
export class Records extends DurableObject<object> {
  readonly #sql: SqlStorage;
  readonly #sizes = new Map<string, Size>();

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.#sql = sql;
    for (const statement of [
      "CREATE TABLE IF NOT EXISTS records (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, request TEXT NOT NULL, trace TEXT NOT NULL, gateway TEXT NOT NULL, slice TEXT, text TEXT NOT NULL)",
      "CREATE INDEX IF NOT EXISTS records_request ON records (request)",
      "CREATE INDEX IF NOT EXISTS records_trace ON records (trace)",
      "CREATE INDEX IF NOT EXISTS records_slice ON records (slice)",
      "CREATE INDEX IF NOT EXISTS records_kind ON records (kind, seq)",
      "CREATE TABLE IF NOT EXISTS principals (principal TEXT, seq INTEGER, PRIMARY KEY (principal, seq)) WITHOUT ROWID",
      "CREATE TABLE IF NOT EXISTS slices (id TEXT, part INTEGER, text TEXT NOT NULL, PRIMARY KEY (id, part)) WITHOUT ROWID",
      "CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, sequence INTEGER NOT NULL, at INTEGER NOT NULL)",
      "CREATE TABLE IF NOT EXISTS erased (hash TEXT PRIMARY KEY, at INTEGER NOT NULL)",
      "CREATE TABLE IF NOT EXISTS locations (location TEXT PRIMARY KEY)",
    ])
      sql.exec(statement);
    for (const { kind, ...size } of sql.exec<{ kind: string } & Size & Record<string, SqlStorageValue>>(
      "SELECT kind, COUNT(*) AS records, SUM(LENGTH(text)) AS text FROM records GROUP BY kind",
    ))
      this.#sizes.set(kind, size);
  }

  async remember(location: string): Promise<void> {
    this.#sql.exec("INSERT OR IGNORE INTO locations (location) VALUES (?)", location);
  }

  async locations(): Promise<readonly string[]> {
    const rows = this.#sql.exec<{ location: string }>("SELECT location FROM locations ORDER BY location");
    return Array.from(rows, ({ location }) => location);
  }

  /** @returns ids of slices that the records name and that are not here */
  async add(
    { source, sequence }: { readonly source: string; readonly sequence: number },
    records: readonly KeptRecord[],
  ): Promise<readonly string[]> {
    const now = Date.now();
    const erased = await this.#erased(records, now);
    this.ctx.storage.transactionSync(() => {
      if (!this.#isNews(source, sequence, now)) return;
      for (const record of records) if (!record.principals.some((one) => erased.has(one))) this.#insert(record);
      this.#prune();
    });
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(now + LOOK_MS);
    const named = [...new Set(records.flatMap(({ slice }) => slice ?? []))];
    return named.filter((id) => !this.#has("SELECT 1 FROM slices WHERE id = ? LIMIT 1", id));
  }

  /** @param texts of slices by id: those that no record names are left out */
  async keepSlices(texts: Readonly<Record<string, string>>): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      for (const [id, text] of Object.entries(texts)) {
        if (text.length > MAX_SLICES || !this.#has("SELECT 1 FROM records WHERE slice = ? LIMIT 1", id)) continue;
        for (let at = 0; at < text.length; at += PART)
          this.#sql.exec(
            "INSERT OR REPLACE INTO slices (id, part, text) VALUES (?, ?, ?)",
            id,
            at / PART,
            text.slice(at, at + PART),
          );
      }
      this.#forgetLoose();
    });
  }

  /** Newest first, with what the ring covers. */
  async find(wish: RecordWish): Promise<{ readonly window: RecordWindow; readonly records: readonly StoredRecord[] }> {
    const { requestId, traceId, kind, principal, policy, code, gateway, before, namespace } = wish;
    const open: readonly Condition[] = [
      ["request = ?", requestId],
      ["trace = ?", traceId],
      ["kind = ?", kind],
      ["gateway = ?", gateway],
      ["at < ?", before],
    ];
    const hidden: readonly Condition[] = [
      ["seq IN (SELECT seq FROM principals WHERE principal = ?)", principal],
      ["text ->> '$.outcome.policy' = ?", policy],
      ["text ->> '$.outcome.details' = ?", code],
    ];
    const { where, values } = allOf([
      ...open,
      ...(namespace === undefined ? hidden : [ofNamespace(namespace, allOf(hidden))]),
    ]);
    const rows = this.#sql.exec<StoredRecord & Record<string, SqlStorageValue>>(
      `SELECT at, kind, gateway, text FROM records WHERE at > ? AND ${where} ORDER BY seq DESC LIMIT ?`,
      Date.now() - MAX_AGE_MS,
      ...values,
      Math.min(wish.limit, MAX_LISTED),
    );
    const seen = namespace === undefined ? {} : { of: allOf([ofNamespace(namespace, allOf([]))]) };
    return { window: this.#window(seen.of), records: rows.toArray() };
  }

  /** Canonical JSON of a slice; null where it is not kept. */
  async slice(id: string): Promise<string | null> {
    const parts = this.#sql.exec<{ text: string }>("SELECT text FROM slices WHERE id = ? ORDER BY part", id).toArray();
    return parts.length === 0 ? null : parts.map(({ text }) => text).join("");
  }

  /** Takes out all records of one principal; what is under way of it does not come back. @returns how many there were */
  async erase(principal: string): Promise<number> {
    const hash = await hashOf(principal);
    const now = Date.now();
    const erased = this.ctx.storage.transactionSync(() => {
      this.#sql.exec("INSERT OR REPLACE INTO erased (hash, at) VALUES (?, ?)", hash, now);
      const count = this.#delete("seq IN (SELECT seq FROM principals WHERE principal = ?)", principal);
      this.#forgetLoose();
      return count;
    });
    await this.#lookAgain(now);
    return erased;
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    this.ctx.storage.transactionSync(() => {
      this.#delete("at <= ?", now - MAX_AGE_MS);
      this.#sql.exec("DELETE FROM erased WHERE at <= ?", now - ERASED_FOR_MS);
      this.#forgetLoose();
    });
    await this.#lookAgain(now);
  }

  async #lookAgain(now: number): Promise<void> {
    const { at } = this.#sql.exec<{ at: number | null }>("SELECT MIN(at) AS at FROM erased").one();
    const next = nextLook({ records: this.#window().records, erasedAt: at }, now);
    const set = await this.ctx.storage.getAlarm();
    if (next !== null && (set === null || next < set)) await this.ctx.storage.setAlarm(next);
  }

  #isNews(source: string, sequence: number, now: number): boolean {
    const [known] = this.#sql
      .exec<{ sequence: number }>("SELECT sequence FROM sources WHERE source = ?", source)
      .toArray();
    if (known !== undefined && known.sequence >= sequence) return false;
    this.#sql.exec("INSERT OR REPLACE INTO sources (source, sequence, at) VALUES (?, ?, ?)", source, sequence, now);
    this.#sql.exec(
      "DELETE FROM sources WHERE source NOT IN (SELECT source FROM sources ORDER BY at DESC LIMIT ?)",
      MAX_SOURCES,
    );
    return true;
  }

  #insert({ requestId, traceId, at, kind, principals, slice, text, gateway }: KeptRecord): void {
    const [row] = this.#sql
      .exec<{ seq: number }>(
        "INSERT INTO records (at, kind, request, trace, gateway, slice, text) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING seq",
        at,
        kind,
        requestId,
        traceId,
        gateway,
        slice,
        text,
      )
      .toArray();
    const size = this.#sizeOf(kind);
    size.records += 1;
    size.text += text.length;
    for (const principal of principals)
      this.#sql.exec("INSERT OR IGNORE INTO principals (principal, seq) VALUES (?, ?)", principal, row?.seq ?? 0);
  }

  /** The oldest of a kind past its number and its characters go, many at once: to look for them costs more than to take them. */
  #prune(): void {
    let gone = false;
    for (const [kind, most] of Object.entries(MAX_RECORDS)) {
      const size = this.#sizeOf(kind);
      while (size.records > most || size.text > MAX_TEXT) {
        gone = true;
        this.#delete(
          "seq IN (SELECT seq FROM records WHERE kind = ? ORDER BY seq LIMIT ?)",
          kind,
          Math.ceil(most / 20),
        );
      }
    }
    if (gone) this.#forgetLoose();
  }

  /** @returns how many */
  #delete(where: string, ...values: readonly (string | number)[]): number {
    const rows = this.#sql
      .exec<{ kind: string; size: number }>(
        `DELETE FROM records WHERE ${where} RETURNING kind, LENGTH(text) AS size`,
        ...values,
      )
      .toArray();
    for (const { kind, size } of rows) {
      const of = this.#sizeOf(kind);
      of.records -= 1;
      of.text -= size;
    }
    return rows.length;
  }

  /** What only records that are gone had. */
  #forgetLoose(): void {
    this.#sql.exec("DELETE FROM principals WHERE seq NOT IN (SELECT seq FROM records)");
    const isLoose = "id NOT IN (SELECT slice FROM records WHERE slice IS NOT NULL)";
    this.#sql.exec(`DELETE FROM slices WHERE ${isLoose}`);
    const size = (): number =>
      this.#sql.exec<{ size: number | null }>("SELECT SUM(LENGTH(text)) AS size FROM slices").one().size ?? 0;
    // Rather the newest explained than none: the records of the slice that was used longest ago go with it.
    while (size() > MAX_SLICES) {
      this.#delete(
        "slice = (SELECT slice FROM records WHERE slice IN (SELECT id FROM slices) GROUP BY slice ORDER BY MAX(seq) LIMIT 1)",
      );
      this.#sql.exec(`DELETE FROM slices WHERE ${isLoose}`);
    }
  }

  #sizeOf(kind: string): Size {
    let size = this.#sizes.get(kind);
    if (size === undefined) this.#sizes.set(kind, (size = { records: 0, text: 0 }));
    return size;
  }

  /** @param of those that whoever asks may see: what else is there is not told, nor when it came */
  #window({ where, values }: Where = allOf([])): RecordWindow {
    const row = this.#sql
      .exec<{ first: number | null; last: number | null; records: number }>(
        `SELECT MIN(at) AS first, MAX(at) AS last, COUNT(*) AS records FROM records WHERE ${where}`,
        ...values,
      )
      .one();
    return { from: row.first, to: row.last, records: row.records };
  }

  async #erased(records: readonly KeptRecord[], now: number): Promise<ReadonlySet<string>> {
    const rows = this.#sql.exec<{ hash: string }>("SELECT hash FROM erased WHERE at > ?", now - ERASED_FOR_MS);
    const hashes = new Set(Array.from(rows, ({ hash }) => hash));
    const erased = new Set<string>();
    if (hashes.size === 0) return erased;
    for (const principal of new Set(records.flatMap(({ principals }) => principals)))
      if (hashes.has(await hashOf(principal))) erased.add(principal);
    return erased;
  }

  #has(query: string, value: string): boolean {
    return this.#sql.exec(query, value).toArray().length > 0;
  }
}

type Condition = readonly [where: string, ...values: readonly (string | number | undefined)[]];

interface Where {
  readonly where: string;
  readonly values: readonly (string | number)[];
}

/** Those without a value are not asked. */
function allOf(conditions: readonly Condition[]): Where {
  const asked = conditions.filter(([, ...values]) => !values.includes(undefined));
  return {
    where: asked.length === 0 ? "TRUE" : asked.map(([where]) => `(${where})`).join(" AND "),
    values: asked.flatMap(([, ...values]) => values.filter((value) => value !== undefined)),
  };
}

/** As `partiesOf` (src/telemetry/visibility.ts) reads a record; a caller's trust domain is judged by who shows it. */
function ofNamespace(name: string, { where, values }: Where): Condition {
  const viaGateway = "substr(text ->> '$.scope', 1, length(?)) = ?";
  const gateway = `gw/${name}/`;
  const isTo = `(text ->> '$.destination' IS ? OR (text ->> '$.destination' IS NULL AND ${viaGateway}))`;
  const caller = "COALESCE(text ->> '$.facts.peer.principal', text ->> '$.came.principal', '')";
  const isFrom = `(${viaGateway} OR instr(${caller}, ?) > 0)`;
  const to = [name, gateway, gateway];
  const from = [gateway, gateway, `/ns/${name}/sa/`];
  return [`(${isTo} AND ${where}) OR (NOT ${isTo} AND ${isFrom})`, ...to, ...values, ...to, ...from];
}

/** Whom somebody wanted forgotten is not remembered by name. */
async function hashOf(principal: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(principal)));
}
