import { decodeRollup, encodeRollup, type Growth } from "../../src/telemetry/rollup-codec.ts";
import type { RollupRow } from "../../src/telemetry/rollup-history.ts";
import { noGrowth, type RollupKind } from "../../src/telemetry/rollup-kinds.ts";
import { coarseUntil, FINE_MS, intervalOf, keptFrom, lastMinute, minuteOf } from "../../src/telemetry/rollup-times.ts";

/** The interval that is not over yet, and those that wait to be written. */
interface Interval {
  readonly end: number;
  readonly grown: Map<number, Growth>;
}

/**
 * By how much each series grew in each 15 s of the last hour, and in each minute of the last day. Of what is stored only the interval
 * that is not over yet is in memory.
 */
export class Rollups {
  readonly #sql: SqlStorage;
  /** By kind and key. */
  readonly #ids = new Map<string, number>();
  readonly #newIds = new Map<number, string>();
  #unwritten: Interval[] = [];
  #open: Interval | null = null;
  #since: number | null = null;
  /** End of the last minute that was added up. */
  #coarseTo: number;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS rollup_series (id INTEGER PRIMARY KEY, name TEXT NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS rollups_fine (end INTEGER PRIMARY KEY, data BLOB NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS rollups_coarse (end INTEGER PRIMARY KEY, data BLOB NOT NULL)");
    sql.exec("CREATE TABLE IF NOT EXISTS rollup_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL)");
    for (const { id, name } of sql.exec<{ id: number; name: string }>("SELECT id, name FROM rollup_series"))
      this.#ids.set(name, id);
    this.#since = this.#state("since");
    this.#coarseTo = this.#state("coarse_to") ?? 0;
  }

  /** When the history began, epoch ms; null: it has not. */
  get since(): number | null {
    return this.#since;
  }

  /** @returns null: nothing of it was ever told */
  idOf(kind: RollupKind, key: string): number | null {
    return this.#ids.get(nameOf(kind, key)) ?? null;
  }

  /** What a series grew by in the interval that is open, to be added to. */
  growth(kind: RollupKind, key: string, now: number): Growth {
    const { grown } = this.#intervalAt(now);
    const id = this.idOf(kind, key) ?? this.#enter(nameOf(kind, key));
    let growth = grown.get(id);
    if (growth === undefined) {
      growth = noGrowth(kind);
      grown.set(id, growth);
    }
    return growth;
  }

  /** Of a series of one value. */
  grow(kind: RollupKind, key: string, by: number, now: number): void {
    const growth = this.growth(kind, key, now);
    growth[0] = (growth[0] ?? 0) + by;
  }

  /** What the series of a kind grew by since a moment, by their keys. */
  grown(kind: RollupKind, after: number, now: number): ReadonlyMap<string, Growth> {
    const keys = new Map<number, string>();
    for (const [name, id] of this.#ids) if (kindOf(name) === kind) keys.set(id, name.slice(kind.length + 1));
    const grown = new Map<string, Growth>();
    const growthOf = (id: number): Growth | undefined => {
      const key = keys.get(id);
      if (key === undefined) return undefined;
      const growth = grown.get(key) ?? noGrowth(kind);
      grown.set(key, growth);
      return growth;
    };
    for (const { data } of this.rows(after, now))
      decodeRollup(data, growthOf, (growth, place, value) => {
        growth[place] = (growth[place] ?? 0) + value;
      });
    return grown;
  }

  /** How much is read to know what grew since a moment, in bytes of what is stored. */
  size(after: number): number {
    const sizeOf = (table: Table): number =>
      this.#sql
        .exec<{ size: number | null }>(`SELECT SUM(LENGTH(data)) AS size FROM ${table} WHERE end > ?`, after)
        .one().size ?? 0;
    return sizeOf("rollups_fine") + sizeOf("rollups_coarse");
  }

  /** To be called in a transaction, with the totals that hold the same growth. */
  write(now: number): void {
    for (const [id, name] of this.#newIds)
      this.#sql.exec("INSERT OR REPLACE INTO rollup_series (id, name) VALUES (?, ?)", id, name);
    const open = this.#open === null ? [] : [this.#open];
    for (const { end, grown } of [...this.#unwritten, ...open]) this.#put("rollups_fine", end, grown);
    if (this.#since !== null) this.#setState("since", this.#since);
    this.#addUp(now);
  }

  /** After the transaction. */
  written(): void {
    this.#newIds.clear();
    this.#unwritten = [];
  }

  /** All that ends after a moment, the newest first. */
  *rows(after: number, now: number): Generator<RollupRow> {
    const boundary = Math.min(coarseUntil(now), this.#coarseTo);
    // What was added up stands among the minutes, also where nothing came after it.
    const all = [...this.#unwritten, ...(this.#open === null ? [] : [this.#open])];
    const pending = all.filter(({ end }) => end > boundary);
    for (const { end, grown } of pending.toReversed()) if (end > after) yield { end, data: encodeRollup(grown) };
    const isPending = new Set(pending.map(({ end }) => end));
    for (const row of this.#stored("rollups_fine", Math.max(after, boundary), Number.MAX_SAFE_INTEGER))
      if (!isPending.has(row.end)) yield row;
    yield* this.#stored("rollups_coarse", after, boundary);
  }

  *#stored(table: Table, after: number, until: number): Generator<RollupRow> {
    const query = `SELECT end, data FROM ${table} WHERE end > ? AND end <= ? ORDER BY end DESC`;
    for (const { end, data } of this.#sql.exec<{ end: number; data: ArrayBuffer }>(query, after, until))
      yield { end, data: new Uint8Array(data) };
  }

  #intervalAt(now: number): Interval {
    // A clock that was set back changes nothing that was added up.
    const end = Math.max(intervalOf(now), this.#coarseTo + FINE_MS);
    if (this.#open !== null && end <= this.#open.end) return this.#open;
    if (this.#open !== null) this.#unwritten.push(this.#open);
    this.#since ??= end;
    this.#open = { end, grown: this.#load(end) };
    return this.#open;
  }

  /** What of an interval was written before this object began anew. */
  #load(end: number): Map<number, Growth> {
    const grown = new Map<number, Growth>();
    const kinds = this.#kinds();
    for (const row of this.#stored("rollups_fine", end - 1, end)) addRow(grown, row, kinds);
    return grown;
  }

  /** Adds up the minutes that are over, and forgets what is too old. */
  #addUp(now: number): void {
    const until = lastMinute(now);
    if (until <= this.#coarseTo) return;
    const kinds = this.#kinds();
    const minutes = new Map<number, Map<number, Growth>>();
    for (const row of this.#stored("rollups_fine", this.#coarseTo, until)) {
      const minute = minuteOf(row.end);
      const grown = minutes.get(minute) ?? new Map<number, Growth>();
      minutes.set(minute, grown);
      addRow(grown, row, kinds);
    }
    for (const [end, grown] of minutes) this.#put("rollups_coarse", end, grown);
    this.#sql.exec("DELETE FROM rollups_fine WHERE end <= ?", Math.min(coarseUntil(now), until));
    this.#sql.exec("DELETE FROM rollups_coarse WHERE end <= ?", keptFrom(now));
    this.#coarseTo = until;
    this.#setState("coarse_to", until);
  }

  #put(table: Table, end: number, grown: ReadonlyMap<number, Growth>): void {
    this.#sql.exec(`INSERT OR REPLACE INTO ${table} (end, data) VALUES (?, ?)`, end, encodeRollup(grown));
  }

  #kinds(): ReadonlyMap<number, RollupKind> {
    return new Map(Array.from(this.#ids, ([name, id]) => [id, kindOf(name)] as const));
  }

  #enter(name: string): number {
    const id = this.#ids.size + 1;
    this.#ids.set(name, id);
    this.#newIds.set(id, name);
    return id;
  }

  #state(name: string): number | null {
    const [row] = this.#sql.exec<{ value: number }>("SELECT value FROM rollup_state WHERE name = ?", name);
    return row?.value ?? null;
  }

  #setState(name: string, value: number): void {
    this.#sql.exec("INSERT OR REPLACE INTO rollup_state (name, value) VALUES (?, ?)", name, value);
  }
}

function addRow(grown: Map<number, Growth>, { data }: RollupRow, kinds: ReadonlyMap<number, RollupKind>): void {
  const growthOf = (id: number): Growth => {
    const growth = grown.get(id) ?? noGrowth(kinds.get(id) ?? "call");
    grown.set(id, growth);
    return growth;
  };
  decodeRollup(data, growthOf, (growth, place, value) => {
    growth[place] = (growth[place] ?? 0) + value;
  });
}

type Table = "rollups_fine" | "rollups_coarse";

function nameOf(kind: RollupKind, key: string): string {
  return `${kind}/${key}`;
}

function kindOf(name: string): RollupKind {
  return name.slice(0, name.indexOf("/")) as RollupKind;
}
