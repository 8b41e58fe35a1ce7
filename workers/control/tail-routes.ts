import { Hono } from "hono";
import { failure } from "../../src/kube/status.ts";
import { readTailFilter } from "../../src/telemetry/tail-filter.ts";
import { answer, type Api, isStillLetIn, needsPath } from "./access.ts";
import { auditReading } from "./audit-routes.ts";

/** `GET /tail`: live requests as server-sent events, for whoever has the permission. */
export function tailRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/tail", needsPath, async (c) => {
    const query = c.req.query();
    const read = readTailFilter(query);
    if (!read.ok) {
      const { parameter, message } = read.error;
      return answer(c, failure("BadRequest", `${parameter.slice(0, 64)}: ${message}`));
    }
    const { account } = c.var;
    const { filter, maxRps } = read.value;
    if (account.namespace !== null && (filter.namespace ?? account.namespace) !== account.namespace)
      return answer(
        c,
        failure("Forbidden", `User "${account.name}" sees nothing of namespace "${String(filter.namespace)}"`),
      );
    // Where the audit cannot be written nothing is shown (R27).
    await auditReading(c, "tail", query);
    const { id, browser = null, namespace, expiresAt = null } = account;
    const named = [filter.service, filter.route, filter.policy].some((condition) => condition !== undefined);
    const warnings = named ? await c.env.HUB.getByName("hub").unmetConditions(filter, namespace) : [];
    const request = { account: id, browser, namespace, filter, maxRps, warnings, expiresAt };
    const opened = await c.env.TAILS.getByName("tails").open(request);
    if (!opened.ok) return answer(c, opened.error);
    // Who was let in before the object knew of this tail may be nobody by now, and nothing would end it.
    if (!(await isStillLetIn(c))) {
      await opened.value.cancel();
      return answer(c, failure("Unauthorized", "Unauthorized: the token was revoked"));
    }
    // Compressed, a stream is held back until it ends: `identity` and `manual` say that it stays as it is.
    const headers = {
      "content-type": "text/event-stream",
      "content-encoding": "identity",
      "cache-control": "no-store",
    };
    return new Response(opened.value, { headers, encodeBody: "manual" });
  });
  return app;
}
