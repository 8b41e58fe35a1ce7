import { AcceptedRestore, RESTORED_FORM } from "../../src/api/audit-operations.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { failure } from "../../src/kube/status.ts";
import { answer, type Api, needsPath, writerOf } from "./access.ts";
import type { AuditBreak } from "./audit-witness.ts";
import { type AuditHead, type AuditRow, auditLog } from "./db/audit.ts";
import { readJson } from "./json-body.ts";
import { wholeNumber } from "./whole-number.ts";

const LISTED = 100;
const MAX_LISTED = 1_000;
/** Hashes of one answer: some hundred milliseconds. */
const VERIFIED = 5_000;

/** The audit, for the administrator: its rows, and whether its chain holds. Nothing here changes a row. */
export function auditRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  for (const path of ["/audit", "/audit/*"]) app.use(path, needsPath);
  app.get("/audit", async (c) => {
    const { actor, verb, target, ...query } = c.req.query();
    const [limit, after, before] = [query["limit"], query["after"], query["before"]].map(wholeNumber);
    const [from, to] = [query["from"], query["to"]].map(timeOf);
    if (limit === null || limit === 0 || after === null || before === null)
      return answer(c, failure("BadRequest", "limit, after, before: must be whole numbers, and limit at least 1"));
    if (from === null || to === null)
      return answer(c, failure("BadRequest", "from, to: must be times such as `2026-01-31T12:00:00Z`"));
    const wish = { after: after ?? null, before: before ?? null, actor, verb, target, from, to };
    const size = Math.min(limit ?? LISTED, MAX_LISTED);
    const rows = await auditLog(c.env.DB).page({ ...wish, limit: size + 1 });
    const entries = rows.slice(0, size).map(shown);
    return c.json({ entries, next: rows.length > size ? (entries.at(-1)?.id ?? null) : null });
  });
  app.get("/audit/verify", async (c) => {
    const after = wholeNumber(c.req.query("after"));
    if (after === null) return answer(c, failure("BadRequest", "after: must be the `id` of a row, or 0"));
    const log = auditLog(c.env.DB);
    const { breaks: noticed } = await c.env.HUB.getByName("hub").witness();
    const breaks = await Promise.all(noticed.map(async (one) => stillAccepted(one, log)));
    const { last, checked, broken } = await log.verify(after ?? 0, VERIFIED);
    const next = broken === null && checked === VERIFIED ? (last?.id ?? null) : null;
    const intact = broken === null && breaks.every(({ accepted }) => accepted !== null);
    return c.json({ intact, checked, last, broken, breaks, next });
  });
  app.post("/audit/restores", async (c) => acceptRestore(c));
  return app;
}

/** What an administrator said counts for as long as the row that says so stands in the chain. */
async function stillAccepted(one: AuditBreak, log: ReturnType<typeof auditLog>): Promise<AuditBreak> {
  if (one.accepted === null) return one;
  return { ...one, accepted: await log.newestOf([one.accepted]) };
}

/** An administrator says that the database was restored. Only where rows that were seen before are in it is that so. */
async function acceptRestore(c: Context<Api>): Promise<Response> {
  const wanted = await readJson(c.req.raw, AcceptedRestore, RESTORED_FORM);
  if (!wanted.ok) return answer(c, wanted.error);
  const { seen, reason } = wanted.value;
  const hub = c.env.HUB.getByName("hub");
  const { breaks } = await hub.witness();
  const meant = breaks.find((one) => one.seen.id === seen.id && one.seen.hash === seen.hash);
  if (meant === undefined)
    return answer(c, failure("NotFound", "no break of the audit is known at which this row had been seen"));
  const { found, kept } = meant;
  if (kept === null || found === null)
    return answer(c, failure("Conflict", "this was no restore: no row that had been seen before is in the audit"));
  const words = ({ id, hash }: AuditHead): string => `${id} ${hash}`;
  const accepted = await auditLog(c.env.DB).add({
    ...writerOf(c),
    verb: "accept-restore",
    targets: [`audit/${kept.id}`],
    at: Date.now(),
    detail: { seen: words(seen), found: words(found), kept: words(kept), ...(reason !== "" && { reason }) },
  });
  await hub.acceptRestore(seen, accepted);
  return c.json({ ...meant, accepted }, 201);
}

/**
 * A row for who looks at requests: one for each opening, before anything is shown.
 *
 * @param what `tail`, `records` or `explain`
 * @param asked what of: values that are no secrets
 */
export async function auditReading(
  c: Context<Api>,
  what: "tail" | "records" | "explain",
  asked: Readonly<Record<string, string>>,
): Promise<void> {
  const entry = { ...writerOf(c), verb: what, targets: [what], at: Date.now() };
  await auditLog(c.env.DB).add({ ...entry, ...(Object.keys(asked).length > 0 && { detail: asked }) });
  witness(c);
}

/** What was written is seen outside of the database, too; no answer waits for that. */
export const witnessed: MiddlewareHandler<Api> = async (c, next) => {
  await next();
  if (c.req.method === "GET" || c.req.method === "HEAD" || c.res.status >= 400) return;
  witness(c);
};

function witness(c: Context<Api>): void {
  const seen = c.env.HUB.getByName("hub")
    .witness()
    .catch((error: unknown) => console.error(eventLine({ event: "audit_unwitnessed", message: String(error) })));
  c.executionCtx.waitUntil(seen);
}

function shown({ targets, detail, ...row }: AuditRow) {
  return { ...row, targets: valueOf(targets), detail: detail === null ? null : valueOf(detail) };
}

/** A row that somebody broke is shown as it is. */
function valueOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/** @returns epoch ms of an RFC 3339 time; undefined where there is none, null where it is no time */
function timeOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
