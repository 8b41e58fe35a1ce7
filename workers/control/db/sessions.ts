import { and, asc, eq, gt, isNull, lte, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Account } from "../../../src/kube/access.ts";
import { type Identity, rightsOf, userName } from "../../../src/kube/sign-in.ts";
import { MESH_CONFIG_REF } from "../../../src/kube/mesh-config-ref.ts";
import type { MeshConfigSpec } from "../../../src/resources/mesh-config.ts";
import { bytesToBase64Url, bytesToHex } from "../../../src/snapshot/bytes.ts";
import { auditLog, type Writer } from "./audit.ts";
import { objects, sessions } from "./schema.ts";

const TOKEN_BYTES = 32;
/** What tells a session's token from an admin token. */
export const SESSION_PREFIX = "session_";
/** A working day; the provider is asked again the next one. */
const SESSION_MS = 8 * 3_600_000;
/** What ended so long ago is listed no more; the audit tells of it. */
const KEPT_MS = 86_400_000;

export interface Session extends Identity {
  readonly id: string;
  /** The only namespace that it was made for; null: what the rules give. */
  readonly wish: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
}

/** Sessions of those who signed in: 256 random bits, shown once, kept as SHA-256 (R22). */
export function sessionStore(database: D1Database) {
  const db = drizzle(database);
  const log = auditLog(database);
  const valid = (now: number) => and(isNull(sessions.revokedAt), gt(sessions.expiresAt, now));
  return {
    /**
     * @param once what makes the issuer's token itself; null: it may be exchanged again
     * @returns null where that token made a session before
     */
    async create(
      identity: Identity,
      wish: string | null,
      once: string | null,
      now: number,
    ): Promise<{ readonly id: string; readonly token: string; readonly expiresAt: number } | null> {
      const id = crypto.randomUUID();
      const token = `${SESSION_PREFIX}${bytesToBase64Url(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)))}`;
      const { issuer, audience, subject, claims } = identity;
      const expiresAt = now + SESSION_MS;
      const made = db.insert(sessions).values({
        id,
        hash: await digest(token),
        once: once === null ? null : await digest(once),
        issuer,
        audience,
        subject,
        claims: JSON.stringify(claims),
        wish,
        createdAt: now,
        expiresAt,
      });
      const entry = { actor: userName(identity), account: `session/${id}`, verb: "sign-in", at: now };
      const detail = { issuer, audience, ...(wish !== null && { namespace: wish }) };
      try {
        await log.add({ ...entry, targets: [`session/${id}`], detail }, made);
      } catch (error) {
        if (isUsed(error)) return null;
        throw error;
      }
      await db.delete(sessions).where(lte(sessions.expiresAt, now - KEPT_MS));
      return { id, token, expiresAt };
    },

    /** @returns null for one that is unknown or ended, or that no rule gives anything any more */
    async find(token: string, now: number): Promise<Account | null> {
      return this.findBy(eq(sessions.hash, await digest(token)), now);
    },

    /** The same of one whose id is known. */
    async findById(id: string, now: number): Promise<Account | null> {
      return this.findBy(eq(sessions.id, id), now);
    },

    async findBy(which: SQL, now: number): Promise<Account | null> {
      const { group, kind, namespace, name } = MESH_CONFIG_REF;
      const isMeshConfig = and(
        eq(objects.group, group),
        eq(objects.kind, kind),
        eq(objects.namespace, namespace),
        eq(objects.name, name),
      );
      const [found, configs] = await db.batch([
        db
          .select()
          .from(sessions)
          .where(and(which, valid(now))),
        db.select({ json: objects.json }).from(objects).where(isMeshConfig),
      ]);
      const [row] = found;
      if (!row) return null;
      const session = sessionOf(row);
      const rights = rightsOf(signInOf(configs[0]?.json), session, session.wish);
      return (
        rights && { id: `session/${session.id}`, name: userName(session), expiresAt: session.expiresAt, ...rights }
      );
    },

    /** Those that have not ended, the oldest first, with what the rules give them now. */
    async list(now: number, signIn: MeshConfigSpec["signIn"]) {
      const rows = await db.select().from(sessions).where(valid(now)).orderBy(asc(sessions.createdAt));
      return rows.map((row) => {
        const session = sessionOf(row);
        return { ...session, rights: rightsOf(signIn ?? [], session, session.wish) };
      });
    },

    /** @returns whether there was one to end */
    async end(id: string, now: number, by: Writer, verb: "sign-out" | "end-session"): Promise<boolean> {
      return (await this.endThose(eq(sessions.id, id), now, by, verb)).length > 0;
    },

    /** @returns ids of those that there were */
    async endOf(issuer: string, subject: string, now: number, by: Writer): Promise<readonly string[]> {
      return this.endThose(and(eq(sessions.issuer, issuer), eq(sessions.subject, subject)), now, by, "end-session");
    },

    async endThose(which: SQL | undefined, now: number, by: Writer, verb: string): Promise<readonly string[]> {
      const found = await db
        .select({ id: sessions.id, issuer: sessions.issuer, subject: sessions.subject })
        .from(sessions)
        .where(and(which, valid(now)));
      const [first] = found;
      if (!first) return [];
      const targets = found.map(({ id }) => `session/${id}`);
      const ended = db
        .update(sessions)
        .set({ revokedAt: now })
        .where(and(which, valid(now)));
      await log.add({ ...by, verb, targets, at: now, detail: { of: userName(first) } }, ended);
      return found.map(({ id }) => id);
    },
  };
}

function sessionOf(row: typeof sessions.$inferSelect): Session {
  const { id, issuer, audience, subject, wish, createdAt, expiresAt, revokedAt } = row;
  const claims = JSON.parse(row.claims) as Identity["claims"];
  return { id, issuer, audience, subject, claims, wish, createdAt, expiresAt, revokedAt };
}

function signInOf(json: string | undefined): NonNullable<MeshConfigSpec["signIn"]> {
  if (json === undefined) return [];
  return (JSON.parse(json) as { readonly spec?: MeshConfigSpec }).spec?.signIn ?? [];
}

function isUsed(error: unknown): boolean {
  const { message, cause } = error as Error;
  return /UNIQUE constraint failed: sessions\.once/.test(`${message} ${String(cause)}`);
}

async function digest(text: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
