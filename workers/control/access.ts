import { eventLine } from "../../src/telemetry/event-line.ts";
import { isNamespace } from "../../src/resources/object.ts";
import type { Context, MiddlewareHandler } from "hono";
import {
  type Account,
  forbidden,
  mayDo,
  mayUse,
  permissionFor,
  permissionsOf,
  type Verb,
  type Wish,
} from "../../src/kube/access.ts";
import { MESH_CONFIG_REF, SYSTEM_NAMESPACE } from "../../src/kube/mesh-config-ref.ts";
import type { ResourcePath } from "../../src/kube/path.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { headerSize, MAX_HEADER_BYTES } from "../../src/request/header-size.ts";
import type { MeshConfigSpec } from "../../src/resources/mesh-config.ts";
import { err, ok, type Result } from "../../src/result.ts";
import type { Writer } from "./db/audit.ts";
import { BROWSER_PREFIX, browserSessionStore } from "./db/browser-sessions.ts";
import { SESSION_PREFIX, sessionStore } from "./db/sessions.ts";
import { objectStore } from "./db/store.ts";
import { sameSecret, tokenStore } from "./db/tokens.ts";
import type { Env } from "./env.ts";

export interface Api {
  readonly Bindings: Env;
  readonly Variables: { readonly account: Account };
}

const MAX_TOKEN_CHARACTERS = 4_096;

/** The token of `Authorization: Bearer`, or null. Nowhere else is one looked for, least of all in the URL (R22). */
export function bearer(header: string | undefined, maxCharacters = MAX_TOKEN_CHARACTERS): string | null {
  const [, token] = /^Bearer +([\x21-\x7e]+)$/i.exec(header ?? "") ?? [];
  return token === undefined || token.length > maxCharacters ? null : token;
}

/** What Flagger asks a Prometheus for by a user's name and a password: metrics, and nothing else. */
const BY_PASSWORD: ReadonlySet<string> = new Set(["/api/v1/query", "/api/v1/query_range"]);

/**
 * The token that a request shows: on reads of metrics also as the password of `Authorization: Basic`, under whatever name. No browser
 * is asked for one, so none sends it by itself (R23).
 */
function shownToken({ req }: Context<Api>): string | null {
  const header = req.header("authorization");
  const isRead = (req.method === "GET" || req.method === "HEAD") && BY_PASSWORD.has(req.path);
  return bearer(header) ?? (isRead ? password(header) : null);
}

function password(header: string | undefined): string | null {
  const [, encoded] = /^Basic +([a-z0-9+/]+={0,2})$/i.exec(header ?? "") ?? [];
  if (encoded === undefined || encoded.length % 4 !== 0) return null;
  const [, secret] = /^[^:]*:([\x21-\x7e]+)$/.exec(atob(encoded)) ?? [];
  return secret === undefined || secret.length > MAX_TOKEN_CHARACTERS ? null : secret;
}

/** What gateways do not take the control API does not take: such headers are a mistake, or an attempt (RFC 6585 §5). */
export const boundedHeaders: MiddlewareHandler<Api> = async (c, next) => {
  if (headerSize(c.req.raw.headers) <= MAX_HEADER_BYTES) return next();
  const requestId = crypto.randomUUID();
  const { method, path } = c.req;
  console.warn(
    eventLine({ event: "control_refused", request_id: requestId, code: "request_headers_too_large", method, path }),
  );
  c.header("x-request-id", requestId);
  return answer(c, failure("RequestHeaderFieldsTooLarge", "the request's headers are larger than 60 KiB"));
};

/** Every route past this needs a token that is known: an administrator made it, or somebody signed in for it. */
export const authenticated: MiddlewareHandler<Api> = async (c, next) => {
  const token = shownToken(c);
  const account = token === null ? null : await accountOf(c.env.DB, token);
  if (account === null) {
    c.header("www-authenticate", "Bearer");
    return answer(c, failure("Unauthorized", "Unauthorized: send `Authorization: Bearer` and a valid token"));
  }
  c.set("account", account);
  return next();
};

/** `kubectl --as`: who means to do less than they may must not do all of it. */
export const noImpersonation: MiddlewareHandler<Api> = async (c, next) => {
  for (const name of c.req.raw.headers.keys())
    if (name.startsWith("impersonate-")) {
      const { name: user } = c.var.account;
      const message = `User "${user}" cannot impersonate: nobody acts as somebody else here; use a token of theirs, without \`--as\``;
      return answer(c, failure("Forbidden", message));
    }
  return next();
};

/** Whether the request's token still gives what it gave when it was looked at first. */
export async function isStillLetIn(c: Context<Api>): Promise<boolean> {
  const token = bearer(c.req.header("authorization"));
  const account = token === null ? null : await accountOf(c.env.DB, token);
  const { account: first } = c.var;
  return (
    account !== null &&
    account.role === first.role &&
    account.namespace === first.namespace &&
    permissionsOf(first).every((permission) => permissionsOf(account).includes(permission))
  );
}

/** @returns null where nobody has such a token now */
export async function accountOf(database: D1Database, token: string): Promise<Account | null> {
  const now = Date.now();
  if (!token.startsWith(BROWSER_PREFIX)) return storeOf(database, token.startsWith(SESSION_PREFIX)).find(token, now);
  const found = await browserSessionStore(database).find(token, now);
  if (found === null) return null;
  // What it was made of is asked each time: it ends with that, and follows its rights.
  const account = await accountById(database, found.account, now);
  const expiresAt = Math.min(account?.expiresAt ?? found.expiresAt, found.expiresAt);
  return account && { ...account, expiresAt, browser: browserOf(found.id) };
}

/** @param name as `Account.id` @returns null where it is no more */
export async function accountById(database: D1Database, name: string, now: number): Promise<Account | null> {
  const [kind = "", id] = name.split("/");
  return storeOf(database, id !== undefined).findById(id ?? kind, now);
}

/** A browser's session, as what it has open is known by. */
export function browserOf(id: string): string {
  return `browser/${id}`;
}

function storeOf(database: D1Database, isSession: boolean) {
  return isSession ? sessionStore(database) : tokenStore(database);
}

/** A browser may be made to send requests by any page: writes with an Origin are refused, since no page of ours writes (R23). */
export const noBrowserWrites: MiddlewareHandler<Api> = async (c, next) => {
  const safe = c.req.method === "GET" || c.req.method === "HEAD";
  if (!safe && c.req.header("origin") !== undefined)
    return answer(c, failure("Forbidden", "writes from a browser's page are refused"));
  return next();
};

/** The mesh's settings as they are stored now. */
export async function meshConfig({ env }: Pick<Context<Api>, "env">): Promise<MeshConfigSpec> {
  const stored = await objectStore(env).get(MESH_CONFIG_REF);
  return stored?.spec ?? {};
}

/** Namespaces whose objects hold for the whole mesh: the administrator's (R19). */
export async function rootNamespaces(c: Context<Api>): Promise<ReadonlySet<string>> {
  const { rootNamespace } = await meshConfig(c);
  return new Set([SYSTEM_NAMESPACE, rootNamespace ?? SYSTEM_NAMESPACE]);
}

/** @returns the refusal, or null */
export async function refusal(c: Context<Api>, wish: Wish): Promise<Status | null> {
  const { account } = c.var;
  // The administrator of the mesh may write everywhere, and a viewer nowhere: which namespace is the root matters to others.
  const isAnswered = account.role === "viewer" || (account.role === "admin" && account.namespace === null);
  const root = isAnswered ? new Set<string>() : await rootNamespaces(c);
  return mayDo(account, wish, root) ? null : forbidden(account, wish);
}

/** Whether the request's account may do this with what its path names. */
export async function allowed(c: Context<Api>, path: ResourcePath, verb: Verb): Promise<Result<null, Status>> {
  const { info, namespace, name, status } = path;
  // A Namespace belongs to itself: who may touch one namespace alone may read it.
  const own = isNamespace(info) && verb === "get" ? name : namespace;
  const resource = status ? `${info.plural}/status` : info.plural;
  const refused = await refusal(c, { verb, group: info.group, resource, namespace: own ?? "" });
  return refused === null ? ok(null) : err(refused);
}

/** For what is no resource: metrics, tokens, the history. */
export const needsPath: MiddlewareHandler<Api> = async (c, next) => {
  const { account } = c.var;
  const { path } = c.req;
  if (mayUse(account, path)) return next();
  const limit = account.namespace === null ? "" : ` of namespace "${account.namespace}"`;
  const permission = permissionFor(path);
  const ask =
    permission === null
      ? ""
      : `: it needs the permission \`${permission}\`; an administrator of the mesh gives it, with \`tulle token create --permit ${permission}\` or \`permissions\` of a rule in \`signIn\``;
  return answer(c, failure("Forbidden", `User "${account.name}", ${account.role}${limit}, cannot use ${path}${ask}`));
};

/** Whom a write is put down to, and how far they see. */
export function actorOf(c: Context<Api>): Writer & { readonly namespace: string | null } {
  return { ...writerOf(c), namespace: c.var.account.namespace };
}

/** Whom the audit puts something down to. */
export function writerOf(c: Context<Api>): Writer {
  return writerFor(c.var.account);
}

export function writerFor({ name, id }: Account): Writer {
  return { actor: name, account: id.startsWith("session/") ? id : `token/${id}` };
}

export async function isBootstrap(c: Context<Api>): Promise<boolean> {
  const sent = bearer(c.req.header("authorization"));
  return sent !== null && c.env.BOOTSTRAP_SECRET !== "" && (await sameSecret(sent, c.env.BOOTSTRAP_SECRET));
}

export function answer(c: Context<Api>, status: Status): Response {
  if (status.reason === "TooManyRequests") c.header("retry-after", "1");
  return c.json(status, status.code as 400);
}
