import { eventLine } from "../../../src/telemetry/event-line.ts";
import { and, asc, desc, eq, gt, gte, inArray, lt, lte, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { drizzle } from "drizzle-orm/d1";
import { canonicalJson } from "../../../src/snapshot/canonical.ts";
import { bytesToHex } from "../../../src/snapshot/bytes.ts";
import { refusals } from "./refusals.ts";
import { audit, meta } from "./schema.ts";

export type AuditRow = typeof audit.$inferSelect;

/** Who does something, as the audit names them. */
export interface Writer {
  /** The name of a token or session, `system`, `bootstrap`; of a workload its SPIFFE ID. */
  readonly actor: string;
  /** By what the actor is known: `token/ID`, `session/ID`; null: the mesh itself, or nobody yet. */
  readonly account: string | null;
}

/** Who did what. What clients chose stands in it as they chose it: whoever shows it escapes it. */
export interface AuditEntry extends Partial<Writer> {
  readonly actor: string;
  /** What: a word such as `create-token`, `sign-in`, `issue-certificate`, `refuse-enrolment`. */
  readonly verb: string;
  /** On what: `group/Kind/namespace/name`, `token/ID`, `session/ID`, a SPIFFE ID, `certificate/SERIAL`. */
  readonly targets: readonly string[];
  /** Epoch ms. */
  readonly at: number;
  /** Whatever else there is to tell: `{ reason: "csr_key" }`. Never a secret. */
  readonly detail?: Readonly<Record<string, string>>;
}

/** The chain's end: its id is the chain's length too. */
export interface AuditHead {
  readonly id: number;
  readonly hash: string;
}

export interface AuditWish {
  /** Only rows with a larger id, the oldest first; null: the newest first. */
  readonly after: number | null;
  /** Only rows with a smaller id. */
  readonly before: number | null;
  readonly actor?: string | undefined;
  readonly verb?: string | undefined;
  /** One of the targets, whole. */
  readonly target?: string | undefined;
  /** Epoch ms, both included. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit: number;
}

/** What of the chain does not hold, and from where on. */
export interface BrokenAudit {
  readonly id: number;
  readonly problem: "missing" | "changed" | "unchained";
}

/**
 * Who did what: a chain of hashes, from which nothing is taken (R27).
 *
 * For code that issues, refuses or lets in:
 *
 * - `add(entry, change?)`: a row for what was done. Give the change where it is a statement on this database: neither lands
 *   without the other. Where it is not (a Durable Object's), write the row before anything of it leaves control; where `add`
 *   throws, answer nothing of what was made: the request is then a 503.
 * - `refused(entry)`: a row for what was not done, with `detail.reason`, a word of the code's. It never throws, and of many with
 *   one verb and reason it writes a few a minute and tells how many it left out: strangers must not fill the database.
 */
export function auditLog(database: D1Database) {
  const db = drizzle(database);
  return {
    /**
     * A row for what is no change of objects.
     *
     * @param change what it tells of, where that is one in this database: neither lands without the other (R27)
     * @returns the row, which is the chain's end now
     */
    async add(entry: AuditEntry, change?: BatchItem<"sqlite">): Promise<AuditHead> {
      return afterLastAudit(async () => {
        const [counters] = await db.select().from(meta);
        const row = await this.next(entry, counters?.generation ?? 0);
        const insert = db.insert(audit).values(row);
        await (change ? db.batch([insert, change]) : insert);
        return { id: row.id, hash: row.hash };
      });
    },

    /** A row for what was refused; see above. */
    async refused(entry: AuditEntry): Promise<void> {
      const leftOut = refusals.take(`${entry.verb} ${entry.detail?.["reason"] ?? ""}`, entry.at);
      if (leftOut === null) return;
      try {
        await this.add(leftOut === 0 ? entry : { ...entry, detail: { ...entry.detail, leftOut: String(leftOut) } });
      } catch (error) {
        console.error(eventLine({ event: "audit_failed", verb: entry.verb, message: String(error) }));
      }
    },

    async page({ after, before, actor, verb, target, from, to, limit }: AuditWish): Promise<readonly AuditRow[]> {
      const conditions: (SQL | undefined)[] = [
        after === null ? undefined : gt(audit.id, after),
        before === null ? undefined : lt(audit.id, before),
        actor === undefined ? undefined : eq(audit.actor, actor),
        verb === undefined ? undefined : eq(audit.verb, verb),
        target === undefined ? undefined : sql`${target} IN (SELECT value FROM json_each(${audit.targets}))`,
        from === undefined ? undefined : gte(audit.at, from),
        to === undefined ? undefined : lte(audit.at, to),
      ];
      const order = after === null ? desc(audit.id) : asc(audit.id);
      return db
        .select()
        .from(audit)
        .where(and(...conditions))
        .orderBy(order)
        .limit(limit);
    },

    /**
     * The chain's end, and the row that stands where it ended when somebody looked before.
     *
     * @param id null: nobody looked before
     */
    async heads(id: number | null): Promise<{ readonly last: AuditHead | null; readonly at: AuditHead | null }> {
      const rows = await db
        .select({ id: audit.id, hash: audit.hash })
        .from(audit)
        .where(inArray(audit.id, sql`(SELECT max(id) FROM audit UNION SELECT ${id})`))
        .orderBy(desc(audit.id));
      return { last: rows[0] ?? null, at: rows.find((row) => row.id === id) ?? null };
    },

    /** @returns the last of these that is a row now; null: none is */
    async newestOf(heads: readonly AuditHead[]): Promise<AuditHead | null> {
      const asked = new Set(heads.map(({ id, hash }) => `${id} ${hash}`));
      const ids = JSON.stringify(heads.map(({ id }) => id));
      const rows = await db
        .select({ id: audit.id, hash: audit.hash })
        .from(audit)
        .where(sql`${audit.id} IN (SELECT value FROM json_each(${ids}))`)
        .orderBy(desc(audit.id));
      return rows.find(({ id, hash }) => asked.has(`${id} ${hash}`)) ?? null;
    },

    /**
     * Works the chain out again after a row that is taken for good.
     *
     * @param after the row's id; 0: from the beginning
     * @returns how far it holds, and the first row where it does not
     */
    async verify(
      after: number,
      limit: number,
    ): Promise<{ readonly last: AuditHead | null; readonly checked: number; readonly broken: BrokenAudit | null }> {
      const rows = await db
        .select()
        .from(audit)
        .where(gte(audit.id, after))
        .orderBy(asc(audit.id))
        .limit(limit + (after > 0 ? 1 : 0));
      const [start] = after > 0 ? rows.splice(0, 1) : [];
      if (after > 0 && start?.id !== after)
        return { last: null, checked: 0, broken: { id: after, problem: "missing" } };
      let last: AuditHead | null = start ? { id: start.id, hash: start.hash } : null;
      for (const [checked, row] of rows.entries()) {
        const problem = await problemOf(row, last);
        if (problem !== null) return { last, checked, broken: problem };
        last = { id: row.id, hash: row.hash };
      }
      return { last, checked: rows.length, broken: null };
    },

    /** Chained to the last row. Where two are made at once the second fails on its id, and so does what it tells of. */
    async next({ at, actor, verb, targets, account, detail }: AuditEntry, generation: number): Promise<AuditRow> {
      const [last] = await db.select().from(audit).orderBy(desc(audit.id)).limit(1);
      const row = {
        id: (last?.id ?? 0) + 1,
        at,
        actor,
        verb,
        targets: JSON.stringify(targets),
        generation,
        previous: last?.hash ?? "",
        account: account ?? null,
        detail: detail === undefined ? null : canonicalJson(detail),
      };
      return { ...row, hash: await auditHash(row) };
    },
  };
}

async function problemOf(row: AuditRow, last: AuditHead | null): Promise<BrokenAudit | null> {
  const id = (last?.id ?? 0) + 1;
  if (row.id !== id) return { id, problem: "missing" };
  if (row.previous !== (last?.hash ?? "")) return { id, problem: "unchained" };
  return (await auditHash(row)) === row.hash ? null : { id, problem: "changed" };
}

/** Of so many writers at once each gets its row; each round one of them does. */
const AUDIT_ATTEMPTS = 32;

/** Tries again where another row took the place behind the last one. */
export async function afterLastAudit<T>(write: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (attempt === AUDIT_ATTEMPTS || !isAuditRace(error)) throw error;
    }
  }
}

function isAuditRace(error: unknown): boolean {
  const { message, cause } = error as Error;
  return /UNIQUE constraint failed: audit\.id/.test(`${message} ${String(cause)}`);
}

/**
 * The hash of an audit row: SHA-256, in hex, of a JSON list of all its fields and the hash before it. A row that was changed or
 * taken out shows. Rows from before there were `account` and `detail` have none, and lists without them.
 */
export async function auditHash(row: Omit<AuditRow, "hash">): Promise<string> {
  const { id, at, actor, verb, targets, generation, previous, account, detail } = row;
  const fields = [id, at, actor, verb, targets, generation, previous];
  const text = JSON.stringify(account === null && detail === null ? fields : [...fields, account, detail]);
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
