import type { Context, MiddlewareHandler } from "hono";
import { type Account, sameSecret, tokenStore } from "./db/tokens.ts";
import type { Env } from "./env.ts";
import { failure, type Status } from "../../src/kube/status.ts";

export interface Api {
  readonly Bindings: Env;
  readonly Variables: { readonly account: Account };
}

/** Namespaces whose objects hold for the whole mesh: the administrator's (R19). */
const MESH_NAMESPACES = new Set(["istio-system"]);

/** The token of `Authorization: Bearer`, or null. Nowhere else is one looked for, least of all in the URL (R22). */
export function bearer(header: string | undefined): string | null {
  const [, token] = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(header ?? "") ?? [];
  return token ?? null;
}

/** Every route past this needs a token that is known. */
export const authenticated: MiddlewareHandler<Api> = async (c, next) => {
  const token = bearer(c.req.header("authorization"));
  const account = token === null ? null : await tokenStore(c.env.DB).find(token, Date.now());
  if (account === null) {
    c.header("www-authenticate", "Bearer");
    return answer(c, failure("Unauthorized", "Unauthorized: send `Authorization: Bearer` and a valid token"));
  }
  c.set("account", account);
  return next();
};

/** A browser may be made to send requests by any page: writes with an Origin are refused, since no page of ours writes (R23). */
export const noBrowserWrites: MiddlewareHandler<Api> = async (c, next) => {
  const safe = c.req.method === "GET" || c.req.method === "HEAD";
  if (!safe && c.req.header("origin") !== undefined)
    return answer(c, failure("Forbidden", "writes from a browser's page are refused"));
  return next();
};

/** What an account wants to do, in Kubernetes' words. */
export interface Wish {
  readonly verb: "get" | "list" | "create" | "update" | "delete";
  readonly group: string;
  /** Plural. */
  readonly resource: string;
  /** Empty for what has none, and for a list over all. */
  readonly namespace: string;
}

/** @returns the refusal, or null: viewers read, editors write in their namespaces, the mesh's own is the administrator's */
export function refusal(account: Account, wish: Wish): Status | null {
  return mayDo(account, wish) ? null : forbidden(account, wish);
}

function mayDo({ role, namespace }: Account, wish: Wish): boolean {
  if (namespace !== null && wish.namespace !== namespace) return false;
  if (wish.verb === "get" || wish.verb === "list") return true;
  if (role === "admin") return true;
  return role === "editor" && wish.namespace !== "" && !MESH_NAMESPACES.has(wish.namespace);
}

function forbidden({ name }: Account, { verb, group, resource, namespace }: Wish): Status {
  const scope = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const of = group === "" ? resource : `${resource}.${group}`;
  return failure(
    "Forbidden",
    `${of} is forbidden: User "${name}" cannot ${verb} resource "${resource}" in API group "${group}" ${scope}`,
  );
}

/** For what is no resource: metrics, tokens. */
export function needsRole(role: "viewer" | "admin"): MiddlewareHandler<Api> {
  return async (c, next) => {
    const { account } = c.var;
    if (role === "admin" && (account.role !== "admin" || account.namespace !== null))
      return answer(c, failure("Forbidden", `User "${account.name}" is no administrator of the mesh`));
    return next();
  };
}

export async function isBootstrap(c: Context<Api>): Promise<boolean> {
  const sent = bearer(c.req.header("authorization"));
  return sent !== null && c.env.BOOTSTRAP_SECRET !== "" && (await sameSecret(sent, c.env.BOOTSTRAP_SECRET));
}

export function answer(c: Context<Api>, status: Status): Response {
  return c.json(status, status.code as 400);
}
