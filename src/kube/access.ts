import { isNamespace } from "../resources/object.ts";
import { type Permission, PERMISSIONS } from "../resources/permissions.ts";
import { KINDS } from "../kinds/registry.ts";
import { failure, type Status } from "./status.ts";

type Role = "viewer" | "editor" | "admin";

/** Who makes a request, as its token says. */
export interface Account {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** The only namespace that it may touch; null: all. */
  readonly namespace: string | null;
  /** Beside those that its role has. Absent: none. */
  readonly permissions?: readonly Permission[];
  /** Epoch ms; null: never. Absent where nobody asks. */
  readonly expiresAt?: number | null;
  /** The browser's session that it came by, as `browser/id`. Absent: by its own token. */
  readonly browser?: string;
}

const READ_VERBS = ["get", "list", "watch"] as const;
const WRITE_VERBS = ["create", "update", "patch", "delete", "deletecollection"] as const;
export type Verb = (typeof READ_VERBS)[number] | (typeof WRITE_VERBS)[number];

/** What an account wants to do, in Kubernetes' words. */
export interface Wish {
  readonly verb: Verb;
  readonly group: string;
  /** Plural; `plural/status` for the subresource. */
  readonly resource: string;
  /** Empty for what has none, and for all of them. */
  readonly namespace: string;
}

/**
 * The roles: viewers read, editors write besides, the administrator of the mesh does everything. A token of one namespace
 * reaches nothing outside of it. What holds for the whole mesh is the administrator's: kinds without a namespace, and
 * whatever stands in the mesh's root namespace (R19, R21). A Secret is read by whoever may write it.
 *
 * @param root the mesh's root namespace, and the one its settings stand in
 */
export function mayDo({ role, namespace }: Account, wish: Wish, root: ReadonlySet<string>): boolean {
  if (namespace !== null && wish.namespace !== namespace) return false;
  if (isRead(wish.verb) && !isOfSecrets(wish)) return true;
  if (role === "admin") return namespace === null || !root.has(wish.namespace);
  return role === "editor" && wish.namespace !== "" && !root.has(wish.namespace);
}

function isOfSecrets({ group, resource }: Wish): boolean {
  return group === "" && (resource === "secrets" || resource.startsWith("secrets/"));
}

function isRead(verb: Verb): boolean {
  return READ_VERBS.some((read) => read === verb);
}

export function isVerb(verb: string): verb is Verb {
  return [...READ_VERBS, ...WRITE_VERBS].some((known) => known === verb);
}

export function forbidden({ name }: Account, { verb, group, resource, namespace }: Wish): Status {
  const scope = namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const of = group === "" ? resource : `${resource}.${group}`;
  return failure(
    "Forbidden",
    `${of} is forbidden: User "${name}" cannot ${verb} resource "${resource}" in API group "${group}" ${scope}`,
    { ...(group !== "" && { group }), kind: resource },
  );
}

/** What `kubectl auth can-i` asks: `authorization.k8s.io/v1`. `*` stands for all. */
export interface ResourceAttributes {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
}

export interface Review {
  readonly allowed: boolean;
  readonly reason: string;
}

const STATUS_VERBS = ["get", "update", "patch"] as const satisfies readonly Verb[];

/** Answers by the same rules that requests are judged by. */
export function review(account: Account, attributes: ResourceAttributes, root: ReadonlySet<string>): Review {
  const { verb = "", group = "", resource = "", subresource = "", namespace = "", name = "" } = attributes;
  if (verb === "*" || resource === "*" || group === "*") {
    const all = account.role === "admin" && account.namespace === null;
    return { allowed: all, reason: all ? "administrator of the mesh" : `role ${account.role} may not do everything` };
  }
  const info = KINDS.find((kind) => kind.group === group && kind.plural === resource) ?? aliased(group, resource);
  if (!info) return { allowed: false, reason: `the server serves no \`${resource}\` of group \`${group}\`` };
  if (!isVerb(verb)) return { allowed: false, reason: `\`${verb}\` is no verb of this server` };
  if (info.readOnly && !isRead(verb)) return { allowed: false, reason: "these objects are written by the mesh alone" };
  const isStatus = subresource === "status" && info.hasStatus && STATUS_VERBS.some((known) => known === verb);
  if (subresource !== "" && !isStatus)
    return { allowed: false, reason: `the server does not ${verb} \`${resource}/${subresource}\`` };
  // A Namespace belongs to itself: who may touch one namespace alone may read it, but not list or watch for it.
  const own = isNamespace(info) && verb === "get" ? name : info.namespaced ? namespace : "";
  const wish: Wish = {
    verb,
    group,
    resource: subresource === "" ? resource : `${resource}/${subresource}`,
    namespace: own,
  };
  const allowed = mayDo(account, wish, root);
  const of = account.namespace === null ? "" : ` of namespace \`${account.namespace}\``;
  return { allowed, reason: `${allowed ? "allowed" : "not allowed"} to role ${account.role}${of}` };
}

function aliased(group: string, resource: string) {
  return KINDS.find((kind) => kind.plural === resource && kind.aliases.some((alias) => alias.startsWith(`${group}/`)));
}

/**
 * What an account may do beside its role: administrators, of the mesh or of a namespace, have every permission. A namespace's
 * account has it for what it sees of requests (src/telemetry/visibility.ts).
 */
export function permissionsOf({ role, permissions = [] }: Account): readonly Permission[] {
  return role === "admin" ? PERMISSIONS : PERMISSIONS.filter((permission) => permissions.includes(permission));
}

/** Paths that a permission opens, whatever the role. */
const BY_PERMISSION: Readonly<Record<string, Permission>> = {
  "/api/v1/tail": "tail",
  "/api/v1/explain": "explain",
  "/api/v1/records": "explain",
};

/** @returns the permission that a path asks for; null: it asks for none */
export function permissionFor(path: string): Permission | null {
  return Object.hasOwn(BY_PERMISSION, path) ? (BY_PERMISSION[path] ?? null) : null;
}

/** For whoever has a token: a namespace's is told of that namespace alone. */
const FOR_EACH: ReadonlySet<string> = new Set([
  "/api/v1/findings",
  "/api/v1/query",
  "/api/v1/query_range",
  "/api/v1/graph",
  "/api/v1/limits",
  "/api/v1/keys",
]);

/**
 * Who may use a path beside `/k8s`: what tells of requests needs a permission; metrics and the mesh's status tell of all
 * namespaces; the rest is the administrator's.
 */
export function mayUse(account: Account, path: string): boolean {
  const { role, namespace } = account;
  const permission = permissionFor(path);
  if (permission !== null) return permissionsOf(account).includes(permission);
  // These tell each of what it may read.
  if (FOR_EACH.has(path) || path.startsWith("/api/v1/describe/")) return true;
  // Everybody may end their own.
  if (path === "/api/v1/sessions/current") return true;
  // A browser's session has the rights of whoever asks for it.
  if (path === "/api/v1/sign-in-codes") return true;
  if (namespace !== null) return false;
  return path === "/metrics" || path === "/api/v1/status" || role === "admin";
}

/** Where a client learns what is served: below `/k8s`, and of the mesh's own API, whose paths begin with `/api/v1/`. */
const DISCOVERY = /^\/(api(\/v1(\/openapi\.json)?)?|apis(\/[^/]+){0,2}|openapi\/v[23](\/.+)?|version)$/;

/** What kubectl calls non-resource URLs: discovery is everybody's who has a token. */
export function mayGetPath(account: Account, path: string): boolean {
  return DISCOVERY.test(path) || mayUse(account, path);
}

/** `authorization.k8s.io/v1` SelfSubjectRulesReview: all that may be done in one namespace. */
export function rulesFor(account: Account, namespace: string, root: ReadonlySet<string>) {
  return KINDS.flatMap((info) => {
    const verbs = [...READ_VERBS, ...WRITE_VERBS].filter(
      (verb) =>
        review(account, { verb, group: info.group, resource: info.plural, namespace, name: namespace }, root).allowed,
    );
    if (verbs.length === 0) return [];
    const rule = { verbs, apiGroups: [info.group], resources: [info.plural] };
    const isOwnAlone = isNamespace(info) && account.namespace !== null;
    return [isOwnAlone ? { ...rule, resourceNames: [account.namespace] } : rule];
  });
}
