import { type Context, Hono } from "hono";
import { failure, type Status } from "../../src/kube/status.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { answer, type Api, meshConfig, needsPath, writerOf } from "./access.ts";
import { auditReading } from "./audit-routes.ts";
import { auditLog } from "./db/audit.ts";
import { eraseRecords, findRecords, type FoundRecord, type LocationWindow } from "./record-rings.ts";
import { shownRecords } from "./record-sight.ts";
import type { RecordWish } from "./records.ts";

const LISTED = 50;
const MAX_LISTED = 500;
const KINDS = ["refused", "failed", "passed"] as const;

/** Decisions that gateways wrote down: who looks is written down as well. */
export function recordRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.use("/records", needsPath);
  app.get("/records", async (c) => {
    const wish = wishOf(c.req.query());
    if (!wish.ok) return answer(c, wish.error);
    await auditReading(c, "records", askedOf(c.req.query()));
    const { namespace } = c.var.account;
    const { limit } = wish.value;
    const asked = namespace === null ? wish.value : { ...wish.value, namespace, limit: MAX_LISTED };
    const { windows, records } = await findRecords(c.env, asked, c.req.query("location") ?? null);
    const seen = shownRecords(records, namespace, await trustDomains(c), wish.value).slice(0, limit);
    return c.json({ records: seen.map(shown), windows: shownWindows(windows, namespace) });
  });
  app.delete("/records", async (c) => {
    const { account } = c.var;
    if (account.role !== "admin" || account.namespace !== null)
      return answer(c, failure("Forbidden", "records are erased by administrators of the mesh"));
    const principal = c.req.query("principal")?.replace(/^spiffe:\/\//, "");
    if (principal === undefined || principal === "")
      return answer(
        c,
        failure("BadRequest", "principal: say whose records, as `?principal=cluster.local/ns/NS/sa/SA`"),
      );
    // Told before it is done: what is erased cannot be looked up afterwards. The audit does not name them either.
    await auditLog(c.env.DB).add({ ...writerOf(c), verb: "erase-records", targets: [], at: Date.now() });
    return c.json({ erased: await eraseRecords(c.env, principal) });
  });
  return app;
}

/** The mesh's own, its aliases with it. */
export async function trustDomains(c: Context<Api>): Promise<readonly string[]> {
  const { trustDomain, trustDomainAliases = [] } = await meshConfig(c);
  return [trustDomain ?? c.env.TRUST_DOMAIN, ...trustDomainAliases];
}

/** What of a question the audit keeps. */
export function askedOf(query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const told = Object.entries(query).filter(([name]) => TOLD.has(name));
  return Object.fromEntries(told.map(([name, value]) => [name, value.slice(0, 300)]));
}

const TOLD = new Set(["requestId", "traceId", "principal", "policy", "kind", "code", "hop"]);

function wishOf(query: Readonly<Record<string, string>>): Result<RecordWish, Status> {
  const { requestId, traceId, kind, policy, code, gateway, limit = String(LISTED) } = query;
  const known = KINDS.find((one) => one === kind);
  if (kind !== undefined && known === undefined)
    return err(failure("BadRequest", `kind: must be one of ${KINDS.join(", ")}`));
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_LISTED)
    return err(failure("BadRequest", `limit: must be from 1 to ${MAX_LISTED}`));
  const before = query["before"] === undefined ? undefined : Date.parse(query["before"]);
  if (Number.isNaN(before)) return err(failure("BadRequest", "before: must be a time such as `2026-01-31T12:00:00Z`"));
  const principal = query["principal"]?.replace(/^spiffe:\/\//, "");
  return ok({ requestId, traceId, kind: known, principal, policy, code, gateway, before, limit: Number(limit) });
}

function shown({ at, kind, gateway, location, record }: FoundRecord) {
  return { ...record, at: new Date(at).toISOString(), kind, gateway, location };
}

/** Where an account of one namespace may see nothing, it is not told that there is anything. */
export function shownWindows(windows: readonly LocationWindow[], namespace: string | null) {
  return windows.filter(({ records }) => namespace === null || records > 0).map(shownWindow);
}

function shownWindow({ location, from, to, records }: LocationWindow) {
  const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return { location, from: time(from), to: time(to), records };
}
