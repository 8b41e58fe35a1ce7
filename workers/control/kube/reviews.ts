import { Hono } from "hono";
import { mayGetPath, type ResourceAttributes, review, rulesFor } from "../../../src/kube/access.ts";
import { failure } from "../../../src/kube/status.ts";
import { answer, type Api, rootNamespaces } from "../access.ts";
import { readValue } from "./request.ts";

interface Asked {
  readonly spec?: {
    readonly namespace?: unknown;
    readonly resourceAttributes?: Readonly<Record<string, unknown>>;
    readonly nonResourceAttributes?: { readonly path?: unknown; readonly verb?: unknown };
  };
}

/** What a client asks of itself: `kubectl auth can-i`, `auth can-i --list`, `auth whoami`. Nothing of it is stored. */
export function reviewRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", async (c) => {
    const value = await readValue(c);
    if (!value.ok) return answer(c, value.error);
    const { spec } = (value.value ?? {}) as Asked;
    const { resourceAttributes, nonResourceAttributes } = spec ?? {};
    const { account } = c.var;
    if (resourceAttributes) {
      const attributes = textsOf(resourceAttributes);
      return c.json(
        reviewed("SelfSubjectAccessReview", spec, review(account, attributes, await rootNamespaces(c))),
        201,
      );
    }
    const path = nonResourceAttributes?.path;
    if (typeof path !== "string")
      return answer(c, failure("BadRequest", "spec: set `resourceAttributes` or `nonResourceAttributes`"));
    const allowed = nonResourceAttributes?.verb === "get" && mayGetPath(account, path);
    const reason = `${allowed ? "allowed" : "not allowed"} to role ${account.role}`;
    return c.json(reviewed("SelfSubjectAccessReview", spec, { allowed, reason }), 201);
  });
  app.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", async (c) => {
    const value = await readValue(c);
    if (!value.ok) return answer(c, value.error);
    const { spec } = (value.value ?? {}) as Asked;
    const namespace = typeof spec?.namespace === "string" ? spec.namespace : "default";
    const resourceRules = rulesFor(c.var.account, namespace, await rootNamespaces(c));
    const nonResourceRules = [
      { verbs: ["get"], nonResourceURLs: ["/api", "/api/v1", "/apis", "/apis/*", "/openapi/*", "/version"] },
    ];
    const status = { resourceRules, nonResourceRules, incomplete: false };
    return c.json(reviewed("SelfSubjectRulesReview", spec, status), 201);
  });
  app.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", async (c) => {
    const { name, id, role, namespace } = c.var.account;
    const groups = [
      `tulle:role:${role}`,
      ...(namespace === null ? [] : [`tulle:namespace:${namespace}`]),
      "system:authenticated",
    ];
    const status = { userInfo: { username: name, uid: id, groups } };
    return c.json({ kind: "SelfSubjectReview", apiVersion: "authentication.k8s.io/v1", metadata: {}, status }, 201);
  });
  return app;
}

function reviewed(kind: string, spec: unknown, status: object) {
  return { kind, apiVersion: "authorization.k8s.io/v1", metadata: {}, spec, status };
}

function textsOf(attributes: Readonly<Record<string, unknown>>): ResourceAttributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => typeof value === "string"));
}
