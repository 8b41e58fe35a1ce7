import { asc, desc, gt } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { drizzle } from "drizzle-orm/d1";
import { bytesToHex } from "../../../src/snapshot/bytes.ts";
import { audit, meta } from "./schema.ts";

type AuditRow = typeof audit.$inferSelect;

/** Who did what beside the objects. */
interface AuditEntry {
  readonly actor: string;
  readonly verb: string;
  readonly targets: readonly string[];
  /** Epoch ms. */
  readonly at: number;
}

/** Who did what: a chain of hashes, from which nothing is taken. */
export function auditLog(database: D1Database) {
  const db = drizzle(database);
  return {
    /**
     * A row for what is no change of objects.
     *
     * @param change what it tells of, where that is one in this database: neither lands without the other (R27)
     */
    async add({ actor, verb, targets, at }: AuditEntry, change?: BatchItem<"sqlite">): Promise<void> {
      await afterLastAudit(async () => {
        const [counters] = await db.select().from(meta);
        const { generation = 0 } = counters ?? {};
        const row = await this.next({ at, actor, verb, targets: JSON.stringify(targets), generation });
        const insert = db.insert(audit).values(row);
        await (change ? db.batch([insert, change]) : insert);
      });
    },

    /** Rows after an id, oldest first. */
    async after(id: number): Promise<readonly AuditRow[]> {
      return db.select().from(audit).where(gt(audit.id, id)).orderBy(asc(audit.id)).limit(1_000);
    },

    /** Chained to the last row. Where two are made at once the second fails on its id, and so does what it tells of. */
    async next(what: Omit<AuditRow, "id" | "previous" | "hash">): Promise<AuditRow> {
      const [last] = await db.select().from(audit).orderBy(desc(audit.id)).limit(1);
      const row = { ...what, id: (last?.id ?? 0) + 1, previous: last?.hash ?? "" };
      return { ...row, hash: await auditHash(row) };
    },
  };
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

/** The hash of an audit row over all its fields and the hash before it: a row that was changed or taken out shows. */
export async function auditHash(row: Omit<AuditRow, "hash">): Promise<string> {
  const text = JSON.stringify([row.id, row.at, row.actor, row.verb, row.targets, row.generation, row.previous]);
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
