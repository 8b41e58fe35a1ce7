import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import { type Account, permissionsOf } from "../../../src/kube/access.ts";
import { failure } from "../../../src/kube/status.ts";
import { DASHBOARD_COOKIE, SECURE_DASHBOARD_COOKIE } from "../../../src/request/dashboard-cookie.ts";
import { VERSION } from "../../../src/version.ts";
import { accountById, accountOf, answer, type Api, browserOf, writerFor } from "../access.ts";
import { auditLog } from "../db/audit.ts";
import { BROWSER_PREFIX, browserSessionStore } from "../db/browser-sessions.ts";
import { SESSION_PREFIX } from "../db/sessions.ts";
import { readJson } from "../json-body.ts";

const FORM = '{"code": "code_…", "replace"?: true} or {"token": "…"}; {} behind Cloudflare Access';
const MAX_BODY_BYTES = 20_000;
const Credential = z.strictObject({
  code: z.string().optional(),
  token: z.string().optional(),
  /** Somebody saw whose session takes the place of theirs, and wants it. */
  replace: z.boolean().optional(),
});

/** Calls the API as any client does. */
export type Call = (c: Context<Api>, request: Request) => Promise<Response>;

/** Over https no other port and no subdomain may set it; a browser keeps such a name from plain http. */
function isSecure(c: Context<Api>): boolean {
  return c.req.url.startsWith("https:");
}

function cookieName(c: Context<Api>): string {
  return isSecure(c) ? SECURE_DASHBOARD_COOKIE : DASHBOARD_COOKIE;
}

/** Over plain http, which is the local mesh's, only the dashboard's own paths get it. */
function cookiePlace(c: Context<Api>) {
  const secure = isSecure(c);
  return { path: secure ? "/" : "/ui/", secure, httpOnly: true, sameSite: "Strict" } as const;
}

/** The token that the browser's cookie holds, or null. No admin token is ever taken from one. */
export function cookieToken(c: Context<Api>): string | null {
  const value = getCookie(c, cookieName(c));
  const isOurs = value !== undefined && (value.startsWith(BROWSER_PREFIX) || value.startsWith(SESSION_PREFIX));
  return isOurs && value.length < 256 ? value : null;
}

/** `POST /ui/session`: a cookie for a code, a token, an identity provider's ID token or Access's header. */
export async function signIn(c: Context<Api>, call: Call): Promise<Response> {
  const wanted = await readJson(c.req.raw, Credential, FORM, MAX_BODY_BYTES);
  const unknown = answer(c, failure("Unauthorized", "Unauthorized: the code or token is unknown, used or has ended"));
  if (!wanted.ok) return c.req.header("content-type") === undefined ? unknown : answer(c, wanted.error);
  const { code, token = null, replace = false } = wanted.value;
  if (code !== undefined) {
    const other = replace ? null : await replacedBy(c, code);
    if (other !== null) return other;
    const made = await browserSessionStore(c.env.DB).exchange(code, Date.now());
    const account = made && (await accountOf(c.env.DB, made.token));
    if (made === null || account === null) {
      const refused = { actor: "nobody", verb: "refuse-sign-in", targets: [], detail: { reason: "code" } };
      await auditLog(c.env.DB).refused({ ...refused, at: Date.now() });
      return unknown;
    }
    const entry = { verb: "sign-in", targets: [`browser/${made.id}`], at: Date.now(), detail: { by: "code" } };
    await auditLog(c.env.DB).add({ ...writerFor(account), ...entry });
    return welcome(c, account, made.token, call);
  }
  // Another browser's session makes none: it would renew itself for ever.
  if (token?.startsWith(BROWSER_PREFIX) === true) return unknown;
  if (token !== null && /^(tulle|session)_/.test(token)) {
    const account = await accountOf(c.env.DB, token);
    if (account === null) return unknown;
    const own = await browserSessionStore(c.env.DB).create(account.id, Date.now(), writerFor(account));
    return welcome(c, account, own, call);
  }
  return byProvider(c, token, call);
}

/**
 * A link may be somebody else's, who wants to be told what its reader does from then on: nobody becomes another without having seen
 * whom. The code stays good.
 *
 * @returns the refusal; null where nobody is signed in, or the same account
 */
async function replacedBy(c: Context<Api>, code: string): Promise<Response | null> {
  const token = cookieToken(c);
  const before = token === null ? null : await accountOf(c.env.DB, token);
  if (before === null) return null;
  const now = Date.now();
  const holder = await browserSessionStore(c.env.DB).holderOf(code, now);
  const offered = holder === null ? null : await accountById(c.env.DB, holder, now);
  if (offered === null || offered.id === before.id) return null;
  const who = ({ name, role, namespace }: Account): string => `${name}, ${role} of ${namespace ?? "the mesh"}`;
  const message = `this link signs you in as ${who(offered)}, and you are ${who(before)}: send \`replace: true\` if that is what you want, or sign out first`;
  const refused = failure("Conflict", message);
  return c.json({ ...refused, offered: whois(offered), before: whois(before) }, 409);
}

/** What an identity provider or Access signed makes a session as it does for `tulle login`. */
async function byProvider(c: Context<Api>, token: string | null, call: Call): Promise<Response> {
  const headers = new Headers({ "content-type": "application/json" });
  const access = c.req.header("cf-access-jwt-assertion");
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  else if (access !== undefined) headers.set("cf-access-jwt-assertion", access);
  else return answer(c, failure("Unauthorized", "Unauthorized: sign in with a link, a token or an ID token"));
  const url = new URL("/api/v1/sessions", c.req.url);
  const made = await call(c, new Request(url, { method: "POST", headers, body: "{}" }));
  if (!made.ok) return made;
  const { token: session } = (await made.json()) as { readonly token: string };
  const account = await accountOf(c.env.DB, session);
  return account === null ? answer(c, failure("Unauthorized", "Unauthorized")) : welcome(c, account, session, call);
}

/** The session that the cookie stood for until now ends: nobody could sign out of it any more. */
async function welcome(c: Context<Api>, account: Account, token: string, call: Call): Promise<Response> {
  const before = cookieToken(c);
  if (before !== null) await endSession(c, before, call);
  setCookie(c, cookieName(c), token, cookiePlace(c));
  return c.json(whois(account), 201);
}

/** Who looks, for the pages. */
function whois(account: Account) {
  const { name, role, namespace, expiresAt = null } = account;
  return { name, role, namespace, permissions: permissionsOf(account), expiresAt, version: VERSION };
}

/** `GET /ui/session` */
export async function whoAmI(c: Context<Api>): Promise<Response> {
  const token = cookieToken(c);
  const account = token === null ? null : await accountOf(c.env.DB, token);
  if (account === null) return answer(c, failure("Unauthorized", "Unauthorized: sign in"));
  return c.json(whois(account));
}

/** `DELETE /ui/session`: what the cookie stands for ends, not only the cookie. */
export async function signOut(c: Context<Api>, call: Call): Promise<Response> {
  const token = cookieToken(c);
  const account = token === null ? null : await accountOf(c.env.DB, token);
  deleteCookie(c, cookieName(c), cookiePlace(c));
  if (token === null || account === null)
    return answer(c, failure("Unauthorized", "Unauthorized: nobody is signed in"));
  await endSession(c, token, call);
  return c.body(null, 204);
}

/** With all that it has open. */
async function endSession(c: Context<Api>, token: string, call: Call): Promise<void> {
  const account = await accountOf(c.env.DB, token);
  if (account === null) return;
  const store = browserSessionStore(c.env.DB);
  const own = await store.find(token, Date.now());
  if (own !== null) {
    await store.end(own.id, Date.now(), writerFor(account));
    const opened = [browserOf(own.id)];
    await Promise.all([c.env.HUB.getByName("hub").endWatches(opened), c.env.TAILS.getByName("tails").end(opened)]);
  } else {
    const headers = { authorization: `Bearer ${token}` };
    await call(c, new Request(new URL("/api/v1/sessions/current", c.req.url), { method: "DELETE", headers }));
  }
}
