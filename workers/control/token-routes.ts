import { Hono } from "hono";
import { WantedToken } from "../../src/api/bodies.ts";
import { answer, type Api, isBootstrap, needsPath, writerOf } from "./access.ts";
import { auditLog } from "./db/audit.ts";
import { tokenStore } from "./db/tokens.ts";
import { readJson } from "./json-body.ts";
import { permissionsOf } from "../../src/kube/access.ts";
import { failure } from "../../src/kube/status.ts";

const FORM =
  '{"name": "ci", "role": "viewer" | "editor" | "admin", "namespace"?: "shop", "permissions"?: ["tail", "explain"], "ttlSeconds"?: 86400}';

const BOOTSTRAP = { actor: "bootstrap", account: null };

/** `POST /bootstrap`: an administrator's token for whoever has the bootstrap secret. It carries its own credential. */
export function bootstrapRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/bootstrap", async (c) => {
    if (!(await isBootstrap(c))) {
      const refusal = { actor: "nobody", verb: "refuse-bootstrap", targets: [], detail: { reason: "secret" } };
      await auditLog(c.env.DB).refused({ ...refusal, at: Date.now() });
      return answer(c, failure("Unauthorized", "Unauthorized: this needs the bootstrap secret"));
    }
    const account = { name: "admin", role: "admin" as const, namespace: null };
    const { id, token } = await tokenStore(c.env.DB).create(account, Date.now(), null, BOOTSTRAP);
    return c.json({ id, token }, 201, { "cache-control": "no-store" });
  });
  return app;
}

/** Tokens of the administrator's making: shown once, revoked by id. */
export function tokenRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.use("/tokens", needsPath);
  app.use("/tokens/*", needsPath);
  app.get("/tokens", async (c) => c.json({ tokens: await tokenStore(c.env.DB).list() }));
  app.post("/tokens", async (c) => {
    const wanted = await readJson(c.req.raw, WantedToken, FORM);
    if (!wanted.ok) return answer(c, wanted.error);
    const { name, role, namespace = null, permissions = [], ttlSeconds } = wanted.value;
    const now = Date.now();
    const expiresAt = ttlSeconds === undefined ? null : now + ttlSeconds * 1_000;
    const account = { name, role, namespace, permissions };
    const { id, token } = await tokenStore(c.env.DB).create(account, now, expiresAt, writerOf(c));
    const made = { id, token, name, role, namespace, permissions: permissionsOf({ ...account, id }), expiresAt };
    return c.json(made, 201, { "cache-control": "no-store" });
  });
  app.delete("/tokens/:id", async (c) => {
    const id = c.req.param("id");
    if (!(await tokenStore(c.env.DB).revoke(id, Date.now(), writerOf(c))))
      return answer(c, failure("NotFound", `there is no token \`${id.slice(0, 64)}\` to revoke`));
    await Promise.all([c.env.HUB.getByName("hub").endWatches([id]), c.env.TAILS.getByName("tails").end([id])]);
    return c.body(null, 204);
  });
  return app;
}
