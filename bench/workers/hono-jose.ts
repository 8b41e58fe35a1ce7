import { type Context, Hono } from "hono";
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from "jose";

interface Env {
  readonly ORIGIN: Fetcher;
  readonly JWKS_URL: string;
}

/**
 * The gateway that a Workers user writes by hand for the same job: token, claim, denied paths, header route and 90/10
 * split, one retry, trace context, one log line. Clear code of the usual kind, without tricks.
 */
const app = new Hono<{ Bindings: Env; Variables: { claims: JWTPayload } }>();

let jwks: ReturnType<typeof createRemoteJWKSet> | null = null;

app.use(async (c, next) => {
  const started = Date.now();
  await next();
  console.log(
    JSON.stringify({
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      subject: c.get("claims")?.sub,
      ms: Date.now() - started,
    }),
  );
});

app.use(async (c, next) => {
  const token = c.req.header("authorization")?.replace(/^Bearer /, "");
  if (token === undefined) return c.text("Jwt is missing", 401);
  jwks ??= createRemoteJWKSet(new URL(c.env.JWKS_URL));
  try {
    const { payload } = await jwtVerify(token, jwks, { issuer: "https://issuer.bench", audience: "items" });
    c.set("claims", payload);
  } catch {
    return c.text("Jwt verification fails", 401);
  }
  return next();
});

app.use(async (c, next) => {
  const scopes = (c.get("claims") as { scope?: string }).scope?.split(" ") ?? [];
  if (!scopes.includes("items.read")) return c.text("RBAC: access denied", 403);
  if (c.req.path.startsWith("/api/v1/private/")) return c.text("RBAC: access denied", 403);
  return next();
});

app.all("*", async (c: Context<{ Bindings: Env; Variables: { claims: JWTPayload } }>) => {
  const premium = c.req.header("x-tier") === "premium";
  const version = premium || Math.random() >= 0.9 ? "v2" : "v1";
  const url = new URL(c.req.url);
  url.hostname = version === "v1" ? "10.77.0.1" : "10.77.0.2";
  url.port = "8080";
  const headers = new Headers(c.req.raw.headers);
  headers.set("x-request-id", crypto.randomUUID());
  headers.set("traceparent", c.req.header("traceparent") ?? newTrace());
  const call = () =>
    c.env.ORIGIN.fetch(url, { method: c.req.method, headers, body: c.req.raw.body, redirect: "manual" });
  let answer: Response;
  try {
    answer = await call();
  } catch (error) {
    if (c.req.method !== "GET") throw error;
    answer = await call();
  }
  return new Response(answer.body, answer);
});

function newTrace(): string {
  const hex = (bytes: number) =>
    Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `00-${hex(16)}-${hex(8)}-01`;
}

export default app;
