import type { BreakerKey } from "../../src/snapshot/rpc.ts";
import type { Ejected, Verdict } from "./judgement.ts";

/** Ejections on disk: what a restarted cell still tells its isolates. They are few, and each is written once. */
export class EjectedOnDisk implements Ejected {
  readonly #sql: SqlStorage;

  constructor({ sql }: DurableObjectStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS ejected (key TEXT PRIMARY KEY, verdict TEXT NOT NULL) WITHOUT ROWID");
  }

  all(): readonly Verdict[] {
    const rows = this.#sql.exec<{ verdict: string }>("SELECT verdict FROM ejected").toArray();
    return rows.map(({ verdict }) => JSON.parse(verdict) as Verdict);
  }

  put(verdict: Verdict): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO ejected (key, verdict) VALUES (?, ?)",
      keyOf(verdict),
      JSON.stringify(verdict),
    );
  }

  delete(key: BreakerKey): void {
    this.#sql.exec("DELETE FROM ejected WHERE key = ?", keyOf(key));
  }
}

function keyOf({ caller, cluster, endpoint }: BreakerKey): string {
  return JSON.stringify([caller, cluster, endpoint]);
}
