import { Hono } from "hono";
import { z } from "zod";
import { answer, type Api, isBootstrap, needsPath } from "./access.ts";
import { objectStore } from "./db/store.ts";
import { tokenStore } from "./db/tokens.ts";
import { readText } from "./kube/body.ts";
import { failure } from "../../src/kube/status.ts";

const Wanted = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/),
  role: z.enum(["viewer", "editor", "admin"]),
  namespace: z.string().min(1).max(63).optional(),
  /** Absent: it never ends by itself. */
  ttlSeconds: z
    .int()
    .min(60)
    .max(366 * 86_400)
    .optional(),
});

/** `POST /bootstrap`: an administrator's token for whoever has the bootstrap secret. It carries its own credential. */
export function bootstrapRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/bootstrap", async (c) => {
    if (!(await isBootstrap(c)))
      return answer(c, failure("Unauthorized", "Unauthorized: this needs the bootstrap secret"));
    const account = { name: "admin", role: "admin" as const, namespace: null };
    const now = Date.now();
    const { id, token } = await tokenStore(c.env.DB).create(account, now, null);
    await objectStore(c.env.DB).audit({ actor: "bootstrap", verb: "create-token", targets: [`token/${id}`], at: now });
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
    const text = await readText(c.req.raw);
    if (!text.ok) return answer(c, text.error);
    const wanted = readWanted(text.value);
    if (wanted === null) {
      const form = '{"name": "ci", "role": "viewer" | "editor" | "admin", "namespace"?: "shop", "ttlSeconds"?: 86400}';
      return answer(c, failure("BadRequest", `send JSON: ${form}`));
    }
    const { name, role, namespace = null, ttlSeconds } = wanted;
    const now = Date.now();
    const expiresAt = ttlSeconds === undefined ? null : now + ttlSeconds * 1_000;
    const { id, token } = await tokenStore(c.env.DB).create({ name, role, namespace }, now, expiresAt);
    const audit = { actor: c.var.account.name, verb: "create-token", targets: [`token/${id}`], at: now };
    await objectStore(c.env.DB).audit(audit);
    return c.json({ id, token, name, role, namespace, expiresAt }, 201, { "cache-control": "no-store" });
  });
  app.delete("/tokens/:id", async (c) => {
    const id = c.req.param("id");
    const now = Date.now();
    if (!(await tokenStore(c.env.DB).revoke(id, now)))
      return answer(c, failure("NotFound", `there is no token \`${id.slice(0, 64)}\` to revoke`));
    const audit = { actor: c.var.account.name, verb: "revoke-token", targets: [`token/${id}`], at: now };
    await objectStore(c.env.DB).audit(audit);
    return c.body(null, 204);
  });
  return app;
}

function readWanted(text: string): z.infer<typeof Wanted> | null {
  try {
    const read = Wanted.safeParse(JSON.parse(text));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
