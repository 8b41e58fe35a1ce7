import { Hono } from "hono";
import { type DescribedKind, DESCRIBED_KINDS } from "../../src/compile/istio/described.ts";
import { failure } from "../../src/kube/status.ts";
import { answer, type Api, needsPath, refusal } from "./access.ts";

/** `GET /describe/...`: the configuration as it holds, for whoever reads objects of that namespace. */
export function describeRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.get("/describe/:kind/:namespace/:name", needsPath, async (c) => {
    const { kind, namespace, name } = c.req.param();
    if (!isDescribed(kind))
      return answer(c, failure("NotFound", `\`${kind.slice(0, 64)}\` is none of ${DESCRIBED_KINDS.join(", ")}`));
    const refused = await refusal(c, { verb: "get", group: "", resource: "services", namespace });
    if (refused !== null) return answer(c, refused);
    const found = await c.env.HUB.getByName("hub").describe(kind, namespace, name, c.var.account.namespace);
    if (found === null)
      return answer(
        c,
        failure("NotFound", `there is no ${kind} \`${name.slice(0, 253)}\` in namespace \`${namespace.slice(0, 63)}\``),
      );
    return c.json(found);
  });
  return app;
}

function isDescribed(kind: string): kind is DescribedKind {
  return DESCRIBED_KINDS.some((known) => known === kind);
}
