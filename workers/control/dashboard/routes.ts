import { type Context, Hono, type MiddlewareHandler } from "hono";
import { failure } from "../../../src/kube/status.ts";
import { answer, type Api, bearer, writerOf } from "../access.ts";
import { BROWSER_PREFIX, browserSessionStore } from "../db/browser-sessions.ts";
import { dashboardFile } from "./assets.ts";
import { type Call, cookieToken, signIn, signOut, whoAmI } from "./sign-in.ts";

const TYPES = /^application\/(json|yaml|merge-patch\+json)\s*(;|$)/i;

/**
 * The dashboard at `/ui/`: files for everybody, and for who signed in the API itself, below the same prefix. The cookie counts
 * here alone; the API proper knows none (R23).
 *
 * @param api answers what is called with the browser's session as its token
 */
export function dashboard(api: () => Hono<Api>): MiddlewareHandler<Api> {
  const call: Call = async (c, request) => api().fetch(request, c.env, contextOf(c));
  return async (c, next) => {
    const { method } = c.req;
    const reads = method === "GET" || method === "HEAD";
    if (c.req.path === "/ui") return reads ? c.redirect("/ui/", 308) : next();
    const path = c.req.path.slice("/ui/".length);
    if (path === "session" || isOfApi(path)) {
      const response = fromElsewhere(c, reads) ?? (path === "session" ? await session(c, call) : await passOn(c, call));
      return sealed(response);
    }
    const file = reads ? await dashboardFile(c, path) : null;
    if (file !== null) return file;
    await next();
    c.res = sealed(c.res);
  };
}

/** Codes that make a browser's session, for whoever has a token. */
export function codeRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/sign-in-codes", async (c) => {
    // A session would renew itself for ever.
    if (bearer(c.req.header("authorization"))?.startsWith(BROWSER_PREFIX) === true)
      return answer(c, failure("Forbidden", "a browser's session makes no other: sign in with a token"));
    const { id } = c.var.account;
    const made = await browserSessionStore(c.env.DB).createCode(id, Date.now(), writerOf(c));
    return c.json(made, 201, { "cache-control": "no-store" });
  });
  return app;
}

function isOfApi(path: string): boolean {
  return path.startsWith("api/v1/") || path.startsWith("k8s/") || path === "metrics";
}

async function session(c: Context<Api>, call: Call): Promise<Response> {
  switch (c.req.method) {
    case "GET":
    case "HEAD":
      return whoAmI(c);
    case "POST":
      return signIn(c, call);
    case "DELETE":
      return signOut(c, call);
    default:
      return answer(c, failure("Unauthorized", "Unauthorized"));
  }
}

/**
 * A page of another origin must not use the cookie, and a site is every port of a host: `SameSite` alone lets a service on
 * loopback in (R23).
 *
 * @returns the refusal, or null
 */
function fromElsewhere(c: Context<Api>, reads: boolean): Response | null {
  const origin = c.req.header("origin");
  const site = c.req.header("sec-fetch-site");
  const isOwn = origin === undefined ? reads : hostOf(origin) === new URL(c.req.url).host;
  if (!isOwn || (site !== undefined && site !== "same-origin")) {
    // Nothing is told to who brings no session either way.
    if (cookieToken(c) === null && origin === undefined)
      return answer(c, failure("Unauthorized", "Unauthorized: sign in"));
    return answer(c, failure("Forbidden", "only the dashboard's own pages may call this: the Origin is another"));
  }
  if (reads || c.req.raw.body === null || TYPES.test(c.req.header("content-type") ?? "")) return null;
  return answer(c, failure("UnsupportedMediaType", "send application/json, application/yaml or a merge patch"));
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}

/** The API's own answer to the call, made with the session as its token. */
async function passOn(c: Context<Api>, call: Call): Promise<Response> {
  const token = cookieToken(c);
  if (token === null) return answer(c, failure("Unauthorized", "Unauthorized: sign in"));
  const url = new URL(c.req.url);
  const inner = new URL(url.pathname.slice("/ui".length) + url.search, url.origin);
  const headers = new Headers(c.req.raw.headers);
  for (const name of ["cookie", "origin", "cf-access-jwt-assertion"]) headers.delete(name);
  headers.set("authorization", `Bearer ${token}`);
  return call(c, new Request(new Request(inner, c.req.raw), { headers }));
}

/** Data is no page, wherever a browser is led to open it. */
function sealed(answered: Response): Response {
  const response = new Response(answered.body, answered);
  response.headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
  response.headers.set("x-content-type-options", "nosniff");
  response.headers.set("cache-control", "no-store");
  return response;
}

/** There is none in tests without a runtime. */
function contextOf(c: Context<Api>) {
  try {
    return c.executionCtx;
  } catch {
    return undefined;
  }
}
