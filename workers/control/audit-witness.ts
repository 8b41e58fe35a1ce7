import { eventLine } from "../../src/telemetry/event-line.ts";
import type { AuditHead, auditLog } from "./db/audit.ts";

/** A time when rows that had been seen were gone, or others: the table was cut, written anew, or the database rolled back. */
export interface AuditBreak {
  /** Epoch ms. */
  readonly at: number;
  /** What had been seen. */
  readonly seen: AuditHead;
  /** The chain's end that was found instead; null: no row at all. */
  readonly found: AuditHead | null;
}

export interface Witnessed {
  readonly head: AuditHead | null;
  /** Oldest first. */
  readonly breaks: readonly AuditBreak[];
}

const HEAD = "audit-head";
const BREAKS = "audit-breaks";
/** Each is for somebody to look at; more say nothing new. */
const MAX_BREAKS = 100;

/**
 * Remembers where the audit's chain ends, in another place than the chain: who cuts the table, or puts a whole new chain into
 * it, has the hashes right and is noticed all the same (R27). The row after a write that nobody witnessed holds that write's hash.
 */
export class AuditWitness {
  readonly #storage: SyncKvStorage;
  readonly #log: Pick<ReturnType<typeof auditLog>, "heads">;

  constructor(storage: SyncKvStorage, log: Pick<ReturnType<typeof auditLog>, "heads">) {
    this.#storage = storage;
    this.#log = log;
  }

  /** @param now epoch ms */
  async look(now: number): Promise<Witnessed> {
    const seen = this.#storage.get<AuditHead>(HEAD) ?? null;
    const { last, at } = await this.#log.heads(seen?.id ?? null);
    // Another look may have ended meanwhile: what it has seen is newer than this answer.
    const newest = this.#storage.get<AuditHead>(HEAD) ?? null;
    if (seen !== null && at?.hash !== seen.hash) {
      if (newest?.hash === seen.hash) this.#broken({ at: now, seen, found: last });
    } else if (last !== null && last.id > (newest?.id ?? 0)) this.#storage.put(HEAD, last);
    return { head: this.#storage.get<AuditHead>(HEAD) ?? null, breaks: this.#breaks() };
  }

  #breaks(): readonly AuditBreak[] {
    return this.#storage.get<readonly AuditBreak[]>(BREAKS) ?? [];
  }

  #broken(found: AuditBreak): void {
    console.error(eventLine({ event: "audit_broken", seen: found.seen.id, found: found.found?.id ?? 0 }));
    this.#storage.put(BREAKS, [...this.#breaks(), found].slice(-MAX_BREAKS));
    if (found.found === null) this.#storage.delete(HEAD);
    else this.#storage.put(HEAD, found.found);
  }
}
