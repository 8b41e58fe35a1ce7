import { Hono } from "hono";
import { type DescribedKind, DESCRIBED_KINDS } from "../../src/compile/istio/described.ts";
import { didYouMean } from "../../src/kube/known-names.ts";
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
    const hub = c.env.HUB.getByName("hub");
    const reader = c.var.account.namespace;
    const found = await hub.describe(kind, namespace, name, reader);
    if (found !== null) return c.json(found);
    const near = didYouMean(await hub.namesLike(kind, namespace, name, reader));
    const message = `there is no ${kind} \`${name.slice(0, 253)}\` in namespace \`${namespace.slice(0, 63)}\`${near}`;
    return answer(c, failure("NotFound", message));
  });
  return app;
}

function isDescribed(kind: string): kind is DescribedKind {
  return DESCRIBED_KINDS.some((known) => known === kind);
}
