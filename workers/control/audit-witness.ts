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
  /** The last row found that had been seen before: up to it the chain is the one that was written. Null: there is none. */
  readonly kept: AuditHead | null;
  /** The row by which an administrator took it for a restore; null: nobody did. */
  readonly accepted: AuditHead | null;
}

export interface Witnessed {
  readonly head: AuditHead | null;
  /** Oldest first. */
  readonly breaks: readonly AuditBreak[];
}

const HEAD = "audit-head";
const BREAKS = "audit-breaks";
/** Ends that were seen: the last ones, and of each block of rows before them one. */
const SEEN = "audit-seen/";
const LATEST = 512;
/** Each is for somebody to look at; more say nothing new. */
const MAX_BREAKS = 100;

/**
 * Remembers where the audit's chain ends, in another place than the chain: who cuts the table, or puts a whole new chain into
 * it, has the hashes right and is noticed all the same (R27). The row after a write that nobody witnessed holds that write's hash.
 * A break stays one until an administrator takes it for a restore, which is a row of the chain that goes on.
 */
export class AuditWitness {
  readonly #storage: SyncKvStorage;
  readonly #log: Pick<ReturnType<typeof auditLog>, "heads" | "newestOf">;

  constructor(storage: SyncKvStorage, log: Pick<ReturnType<typeof auditLog>, "heads" | "newestOf">) {
    this.#storage = storage;
    this.#log = log;
  }

  /** @param now epoch ms */
  async look(now: number): Promise<Witnessed> {
    const seen = this.#storage.get<AuditHead>(HEAD) ?? null;
    const { last, at } = await this.#log.heads(seen?.id ?? null);
    const isBroken = seen !== null && at?.hash !== seen.hash;
    const kept = isBroken ? await this.#log.newestOf(this.#seen()) : null;
    // Another look may have ended meanwhile: what it has seen is newer than this answer.
    const newest = this.#storage.get<AuditHead>(HEAD) ?? null;
    if (isBroken) {
      if (newest?.hash === seen.hash) this.#broken({ at: now, seen, found: last, kept, accepted: null });
    } else if (last !== null && last.id > (newest?.id ?? 0)) this.#remember(last);
    return { head: this.#storage.get<AuditHead>(HEAD) ?? null, breaks: this.#breaks() };
  }

  /**
   * Takes a break for a restore.
   *
   * @param seen what had been seen before it
   * @param row of the audit, which says who takes it for one
   */
  accept(seen: AuditHead, row: AuditHead): void {
    const isMeant = (one: AuditBreak): boolean => one.seen.id === seen.id && one.seen.hash === seen.hash;
    this.#storage.put(
      BREAKS,
      this.#breaks().map((one) => (isMeant(one) ? { ...one, accepted: row } : one)),
    );
  }

  #breaks(): readonly AuditBreak[] {
    // One that an older version noticed says nothing of what was kept.
    const stored =
      this.#storage.get<readonly (Partial<AuditBreak> & Pick<AuditBreak, "at" | "seen" | "found">)[]>(BREAKS);
    return (stored ?? []).map((one) => ({ kept: null, accepted: null, ...one }));
  }

  #seen(): readonly AuditHead[] {
    return [...this.#storage.list<AuditHead>({ prefix: SEEN })].map(([, head]) => head);
  }

  #remember(head: AuditHead): void {
    this.#storage.put(HEAD, head);
    this.#storage.put(`${SEEN}latest/${head.id % LATEST}`, head);
    this.#storage.put(`${SEEN}block/${Math.floor(head.id / LATEST)}`, head);
  }

  #broken(found: AuditBreak): void {
    console.error(eventLine({ event: "audit_broken", seen: found.seen.id, found: found.found?.id ?? 0 }));
    this.#storage.put(BREAKS, [...this.#breaks(), found].slice(-MAX_BREAKS));
    if (found.found === null) this.#storage.delete(HEAD);
    else this.#remember(found.found);
  }
}
