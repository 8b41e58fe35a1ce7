import { Hono } from "hono";
import { isDnsLabel } from "../../src/resources/names.ts";
import { failure } from "../../src/kube/status.ts";
import { actorOf, answer, type Api, needsPath } from "./access.ts";

/** What is wrong with what is stored. Whoever may read objects may know it: of a namespace's token, in that namespace. */
export function findingRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/findings", needsPath, async (c) => {
    const { namespace: own } = actorOf(c);
    const asked = c.req.query("namespace") ?? own;
    if (asked !== null && !isDnsLabel(asked))
      return answer(c, failure("BadRequest", "namespace: must be the name of a namespace"));
    if (own !== null && asked !== own)
      return answer(c, failure("Forbidden", `User "${c.var.account.name}" sees nothing of namespace "${asked}"`));
    return c.json(await c.env.HUB.getByName("hub").findings(asked));
  });
  return app;
}
