import { Hono } from "hono";
import { ResetLimit } from "../../src/api/limit-operations.ts";
import { targetText } from "../../src/compile/limited-place.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { readStored, storedNameOf } from "../../src/limits/counter-name.ts";
import { usedShare } from "../../src/limits/seen-counts.ts";
import type { RateLimitPolicySpec } from "../../src/resources/rate-limit-policy.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { answer, type Api, needsPath, refusal, writerOf } from "./access.ts";
import type { KeptCount } from "./counts.ts";
import { auditLog } from "./db/audit.ts";
import { objectStore } from "./db/store.ts";
import type { Env } from "./env.ts";
import { readJson } from "./json-body.ts";

const FORM = '{"policy": "shop/api", "limit": "per-client", "key": ["203.0.113.7"]} or {"counter": "..."}';
import { pageSize } from "./whole-number.ts";

const PAGE = 100;
const MAX_PAGE = 1_000;

/** How rate limits stand, for whoever reads the policies; a count is taken back by whoever may write them. */
export function limitRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/limits", needsPath, async (c) => {
    const { policy, limit, most, continue: from = "0" } = c.req.query();
    if (policy !== undefined && !/^[^/]+\/[^/]+$/.test(policy))
      return answer(c, failure("BadRequest", "policy: must be `namespace/name` of a RateLimitPolicy"));
    if (!/^\d{1,6}$/.test(from))
      return answer(c, failure("BadRequest", "`continue` is not what a page before answered"));
    const size = pageSize(most, PAGE, MAX_PAGE);
    if (size === null) return answer(c, failure("BadRequest", "most: must be a whole number, and at least 1"));
    const [begin, end] = [Number(from), Number(from) + size];
    const { namespace } = c.var.account;
    const counts = (await c.env.COUNTS.getByName("counts").list()).flatMap((count) => shown(count) ?? []);
    const seen = counts.filter(
      (one) =>
        (namespace === null || one.namespace === namespace) &&
        (policy === undefined || `${one.namespace}/${one.policy}` === policy) &&
        (limit === undefined || one.limit === limit),
    );
    return c.json({ counts: seen.slice(begin, end), continue: end < seen.length ? String(end) : null });
  });
  app.post("/limits/reset", async (c) => {
    const wanted = await readJson(c.req.raw, ResetLimit, FORM);
    if (!wanted.ok) return answer(c, wanted.error);
    const { value } = wanted;
    const namespace = "counter" in value ? readStored(value.counter)?.namespace : value.policy.split("/")[0];
    if (namespace === undefined)
      return answer(c, failure("BadRequest", "counter: must be one that `GET /api/v1/limits` tells"));
    const refused = await refusal(c, { verb: "update", group: "tulle.dev", resource: "ratelimitpolicies", namespace });
    if (refused !== null) return answer(c, refused);
    const counters = "counter" in value ? ok([value.counter]) : await countersOf(c.env, value);
    if (!counters.ok) return answer(c, counters.error);
    const entry = { ...writerOf(c), verb: "reset-limit", targets: counters.value, at: Date.now() };
    await auditLog(c.env.DB).add(entry);
    await c.env.COUNTS.getByName("counts").reset(namespace, counters.value);
    return c.json({ counters: counters.value }, 202);
  });
  return app;
}

interface Wanted {
  readonly policy: string;
  readonly limit: string;
  readonly key: readonly string[];
}

/** One for each target that is counted apart. */
async function countersOf(env: Env, { policy, limit, key }: Wanted): Promise<Result<string[], Status>> {
  const [namespace = "", name = ""] = policy.split("/");
  const found = await objectStore(env).get({ group: "tulle.dev", kind: "RateLimitPolicy", namespace, name });
  const { targetRefs = [], limits = [] } = (found?.spec ?? {}) as Partial<RateLimitPolicySpec>;
  const one = limits.find((each) => each.name === limit);
  if (one === undefined)
    return err(failure("NotFound", `there is no limit \`${limit}\` of a RateLimitPolicy \`${policy}\``));
  if (one.scope === "Local")
    return err(failure("BadRequest", `\`${limit}\` is counted by each isolate alone: there is no count to take back`));
  const parts = one.key?.length ?? 0;
  if (key.length !== parts)
    return err(failure("BadRequest", `key: \`${limit}\` is counted by ${parts} parts, and ${key.length} are given`));
  const targets = one.shared === true ? [""] : [...new Set(targetRefs.map(targetText))];
  return ok(await Promise.all(targets.map(async (target) => storedNameOf(`${policy}/${limit}`, target, key))));
}

/** Null: whoever told it wrote something else than a count's name. */
function shown({ counter, object, limit: quota, windowMs, most, left, resetMs, at }: KeptCount) {
  const read = readStored(counter);
  if (read === null) return null;
  const [, location = null] = /^location\/(.+)\/\d+$/.exec(object) ?? [];
  return {
    counter,
    ...read,
    location,
    used: Math.round(usedShare({ most, left }) * 1_000) / 1_000,
    left,
    most,
    quota,
    windowSeconds: Math.ceil(windowMs / 1_000),
    emptyAt: new Date(at + resetMs).toISOString(),
    seenAt: new Date(at).toISOString(),
  };
}
