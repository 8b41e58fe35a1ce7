import { and, eq, gt, lte } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { bytesToBase64Url, bytesToHex } from "../../../src/snapshot/bytes.ts";
import { auditLog, type Writer } from "./audit.ts";
import { browserSessions } from "./schema.ts";

/** What tells a browser's session from other tokens. */
export const BROWSER_PREFIX = "browser_";
const CODE_PREFIX = "code_";
const SECRET_BYTES = 32;
/** As long as a session of somebody who signed in. */
const SESSION_MS = 8 * 3_600_000;
/** Long enough to click on a link; it may stand in a terminal's history. */
const CODE_MS = 60_000;

/** Sessions of browsers, and the codes that make one: 256 random bits each, kept as SHA-256 (R22). */
export function browserSessionStore(database: D1Database) {
  const db = drizzle(database);
  const log = auditLog(database);
  return {
    /**
     * A code that makes one session within a minute.
     *
     * @param account whose session that will be
     */
    async createCode(
      account: string,
      now: number,
      by: Writer,
    ): Promise<{ readonly code: string; readonly expiresAt: number }> {
      const id = crypto.randomUUID();
      const code = secret(CODE_PREFIX);
      const expiresAt = now + CODE_MS;
      const made = db.insert(browserSessions).values({ id, codeHash: await digest(code), account, expiresAt });
      await log.add({ ...by, verb: "create-code", targets: [`browser/${id}`], at: now }, made);
      await db.delete(browserSessions).where(lte(browserSessions.expiresAt, now));
      return { code, expiresAt };
    },

    /** Whose session a code would make; it stays good. @returns null where the code is unknown, was used or has ended */
    async holderOf(code: string, now: number): Promise<string | null> {
      const [row] = await db
        .select({ account: browserSessions.account })
        .from(browserSessions)
        .where(and(eq(browserSessions.codeHash, await digest(code)), gt(browserSessions.expiresAt, now)));
      return row?.account ?? null;
    },

    /** @returns null where the code is unknown, was used or has ended */
    async exchange(
      code: string,
      now: number,
    ): Promise<{ readonly id: string; readonly token: string; readonly account: string } | null> {
      if (!code.startsWith(CODE_PREFIX)) return null;
      const token = secret(BROWSER_PREFIX);
      // One statement: of two that bring the code together one finds it (R22).
      const [taken] = await db
        .update(browserSessions)
        .set({ codeHash: null, hash: await digest(token), expiresAt: now + SESSION_MS })
        .where(and(eq(browserSessions.codeHash, await digest(code)), gt(browserSessions.expiresAt, now)))
        .returning({ id: browserSessions.id, account: browserSessions.account });
      return taken === undefined ? null : { ...taken, token };
    },

    /** A session for somebody whose token was looked at just now. */
    async create(account: string, now: number, by: Writer): Promise<string> {
      const id = crypto.randomUUID();
      const token = secret(BROWSER_PREFIX);
      const expiresAt = now + SESSION_MS;
      const made = db.insert(browserSessions).values({ id, hash: await digest(token), account, expiresAt });
      await log.add({ ...by, verb: "sign-in", targets: [`browser/${id}`], at: now }, made);
      return token;
    },

    /** @returns null for one that is unknown or has ended; whether its account still counts is not asked here */
    async find(
      token: string,
      now: number,
    ): Promise<{ readonly id: string; readonly account: string; readonly expiresAt: number } | null> {
      const [row] = await db
        .select()
        .from(browserSessions)
        .where(and(eq(browserSessions.hash, await digest(token)), gt(browserSessions.expiresAt, now)));
      return row ?? null;
    },

    async end(id: string, now: number, by: Writer): Promise<void> {
      const ended = db.delete(browserSessions).where(eq(browserSessions.id, id));
      await log.add({ ...by, verb: "sign-out", targets: [`browser/${id}`], at: now }, ended);
    },
  };
}

function secret(prefix: string): string {
  return prefix + bytesToBase64Url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
}

async function digest(text: string): Promise<string> {
  return bytesToHex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
