import { and, eq, isNull, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { type Account, permissionsOf } from "../../../src/kube/access.ts";
import { PERMISSIONS, type Permission } from "../../../src/resources/permissions.ts";
import { bytesToBase64Url, bytesToHex } from "../../../src/snapshot/bytes.ts";
import { auditLog, type Writer } from "./audit.ts";
import { tokens } from "./schema.ts";

const TOKEN_BYTES = 32;

/** Admin tokens: 256 random bits, shown once, kept as SHA-256 (R22). */
export function tokenStore(database: D1Database) {
  const db = drizzle(database);
  const log = auditLog(database);
  return {
    /**
     * @param expiresAt epoch ms; null: never
     * @param by who makes it, for the audit
     */
    async create(
      { name, role, namespace, permissions = [] }: Omit<Account, "id" | "expiresAt">,
      now: number,
      expiresAt: number | null,
      by: Writer,
    ): Promise<{ readonly id: string; readonly token: string }> {
      const id = crypto.randomUUID();
      const token = `tulle_${bytesToBase64Url(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)))}`;
      const hash = bytesToHex(await digest(token));
      const given = permissions.length === 0 ? null : JSON.stringify(permissions);
      const row = { id, hash, name, role, namespace, permissions: given, createdAt: now, expiresAt };
      const made = db.insert(tokens).values(row);
      const detail = {
        name,
        role,
        ...(namespace !== null && { namespace }),
        ...(permissions.length > 0 && { permissions: permissions.join(" ") }),
      };
      await log.add({ ...by, verb: "create-token", targets: [`token/${id}`], at: now, detail }, made);
      return { id, token };
    },

    /** @returns null for one that is unknown, expired or revoked */
    async find(token: string, now: number): Promise<Account | null> {
      return this.findBy(eq(tokens.hash, bytesToHex(await digest(token))), now);
    },

    /** The same of one whose id is known. */
    async findById(id: string, now: number): Promise<Account | null> {
      return this.findBy(eq(tokens.id, id), now);
    },

    async findBy(which: SQL, now: number): Promise<Account | null> {
      const [row] = await db
        .select()
        .from(tokens)
        .where(and(which, isNull(tokens.revokedAt)));
      if (!row || (row.expiresAt !== null && row.expiresAt <= now)) return null;
      const { id, name, role, namespace, expiresAt } = row;
      return { id, name, role, namespace, permissions: permissionsIn(row.permissions), expiresAt };
    },

    async list(): Promise<
      readonly (Account & { readonly expiresAt: number | null; readonly revokedAt: number | null })[]
    > {
      const rows = await db.select().from(tokens);
      return rows.map(({ id, name, role, namespace, permissions, expiresAt, revokedAt }) => ({
        id,
        name,
        role,
        namespace,
        permissions: permissionsOf({ id, name, role, namespace, permissions: permissionsIn(permissions) }),
        expiresAt,
        revokedAt,
      }));
    },

    /**
     * @param by who revokes it, for the audit
     * @returns whether there was one to revoke
     */
    async revoke(id: string, now: number, by: Writer): Promise<boolean> {
      const valid = and(eq(tokens.id, id), isNull(tokens.revokedAt));
      const found = await db.select({ id: tokens.id }).from(tokens).where(valid);
      if (found.length === 0) return false;
      const revoked = db.update(tokens).set({ revokedAt: now }).where(valid);
      await log.add({ ...by, verb: "revoke-token", targets: [`token/${id}`], at: now }, revoked);
      return true;
    },
  };
}

/** Of what this version does not know nothing is given. */
function permissionsIn(json: string | null): readonly Permission[] {
  const given = json === null ? [] : (JSON.parse(json) as readonly string[]);
  return PERMISSIONS.filter((permission) => given.includes(permission));
}

async function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

/** Compares by digest, so that neither length nor content shows in the time it takes. */
export async function sameSecret(sent: string, secret: string): Promise<boolean> {
  return crypto.subtle.timingSafeEqual(await digest(sent), await digest(secret));
}
