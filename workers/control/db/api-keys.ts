import { and, asc, count, eq, exists, gt, inArray, isNull, or, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { API_KEY_BYTES, apiKeyHash, apiKeyOf } from "../../../src/identity/api-key.ts";
import type { ApiKey, ApiKeyFact } from "../../../src/request/api-key-fact.ts";
import { auditLog, type Writer } from "./audit.ts";
import { apiKeys, objects } from "./schema.ts";

type Row = typeof apiKeys.$inferSelect;

/** A key as a list has it: without the key, of which nobody has more than a hash. */
export interface ListedKey extends ApiKey {
  /** Epoch ms. */
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

/** The last key of a page. */
export type KeyPlace = Pick<ListedKey, "namespace" | "createdAt" | "id">;

/** Of one namespace: so many that hold. */
export const MAX_KEYS = 10_000;

/** Why there is no new key. */
export type NoKey = "full" | "no-namespace";

/** API keys of services' clients: 192 random bits, shown once, kept as SHA-256 (R22). */
export function apiKeyStore(database: D1Database) {
  const db = drizzle(database);
  const log = auditLog(database);
  return {
    /** @param by who makes it, for the audit */
    async create(
      wanted: Omit<ApiKey, "id">,
      now: number,
      by: Writer,
    ): Promise<NoKey | { readonly id: string; readonly key: string }> {
      const { namespace, name, plan, labels, expiresAt } = wanted;
      const isCurrent = or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now));
      const held = and(eq(apiKeys.namespace, namespace), isNull(apiKeys.revokedAt), isCurrent);
      const counted = db.select({ count: count() }).from(apiKeys).where(held);
      const isIt = and(eq(objects.group, ""), eq(objects.kind, "Namespace"), eq(objects.name, namespace));
      const itself = db.select({ name: objects.name }).from(objects).where(isIt);
      const whyNot = async (): Promise<NoKey | null> => {
        if ((await itself).length === 0) return "no-namespace";
        return ((await counted)[0]?.count ?? 0) >= MAX_KEYS ? "full" : null;
      };
      const why = await whyNot();
      if (why !== null) return why;
      const id = crypto.randomUUID();
      const key = apiKeyOf(crypto.getRandomValues(new Uint8Array(API_KEY_BYTES)));
      // Of several that are made at once each is counted, and a Namespace that goes meanwhile is gone: then there is no hash, which
      // undoes the row of the audit, too.
      const fits = sql`(${counted}) < ${MAX_KEYS} AND ${exists(itself)}`;
      const hash = sql`CASE WHEN ${fits} THEN ${await apiKeyHash(key)} END`;
      const row = { id, hash, namespace, name, plan, labels: JSON.stringify(labels), createdAt: now, expiresAt };
      const detail = { name, namespace, ...(plan !== null && { plan }) };
      const entry = { ...by, verb: "create-key", targets: [`key/${id}`], at: now, detail };
      try {
        await log.add(entry, db.insert(apiKeys).values(row));
      } catch (error) {
        if (lacksHash(error)) return (await whyNot()) ?? "full";
        throw error;
      }
      return { id, key };
    },

    /** What is known of keys with these hashes, in their order. */
    async find(hashes: readonly string[]): Promise<readonly ApiKeyFact[]> {
      if (hashes.length === 0) return [];
      const rows = await db
        .select()
        .from(apiKeys)
        .where(inArray(apiKeys.hash, [...hashes]));
      const byHash = new Map(rows.map((row) => [row.hash, row]));
      return hashes.map((hash) => factOf(byHash.get(hash)));
    },

    /** By namespace, the oldest first, those too that hold no more. @param namespace null: of all @param after null: from the first on */
    async list(namespace: string | null, after: KeyPlace | null, limit: number): Promise<readonly ListedKey[]> {
      const behind =
        after === null
          ? undefined
          : sql`(${apiKeys.namespace}, ${apiKeys.createdAt}, ${apiKeys.id}) > (${after.namespace}, ${after.createdAt}, ${after.id})`;
      const rows = await db
        .select()
        .from(apiKeys)
        .where(and(namespace === null ? undefined : eq(apiKeys.namespace, namespace), behind))
        .orderBy(asc(apiKeys.namespace), asc(apiKeys.createdAt), asc(apiKeys.id))
        .limit(limit);
      return rows.map((row) => ({ ...keyOf(row), createdAt: row.createdAt, revokedAt: row.revokedAt }));
    },

    /** @returns null where there is none that holds */
    async namespaceOf(id: string): Promise<string | null> {
      const valid = and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt));
      const [row] = await db.select({ namespace: apiKeys.namespace }).from(apiKeys).where(valid);
      return row?.namespace ?? null;
    },

    /** @param by who revokes it, for the audit */
    async revoke(id: string, now: number, by: Writer): Promise<void> {
      const valid = and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt));
      const revoked = db.update(apiKeys).set({ revokedAt: now }).where(valid);
      await log.add({ ...by, verb: "revoke-key", targets: [`key/${id}`], at: now }, revoked);
    },
  };
}

/** The column of the hash must not be empty. */
function lacksHash(error: unknown): boolean {
  const { message, cause } = error as Error;
  return /NOT NULL constraint failed: api_keys\.hash/.test(`${message} ${String(cause)}`);
}

function factOf(row: Row | undefined): ApiKeyFact {
  if (row === undefined) return { state: "unknown" };
  if (row.revokedAt !== null) return { state: "revoked", namespace: row.namespace };
  return { state: "known", key: keyOf(row) };
}

function keyOf({ id, name, namespace, plan, labels, expiresAt }: Row): ApiKey {
  return { id, name, namespace, plan, labels: JSON.parse(labels) as ApiKey["labels"], expiresAt };
}
