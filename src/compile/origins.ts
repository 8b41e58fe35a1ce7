import type { KubeObject, ObjectRef } from "../resources/object.ts";

/** What the model says of where something comes from (src/decide/stages.ts has the same form). */
export type ModelOrigin =
  | { readonly kind: "policy"; readonly name: string; readonly rule: number | null }
  | { readonly kind: "limit"; readonly name: string }
  | { readonly kind: "rehearsal"; readonly name: string }
  | { readonly kind: "key"; readonly name: string }
  | { readonly kind: "jwt"; readonly name: string }
  | { readonly kind: "gateway"; readonly name: string }
  | { readonly kind: "route"; readonly name: string; readonly block: number | null; readonly blocks: number }
  | { readonly kind: "mtls"; readonly cluster: string };

const SECURITY = "security.istio.io";
const NETWORKING = "networking.istio.io";
const OUR_OWN = "tulle.dev";
const MESH_CONFIG: ObjectRef = { group: OUR_OWN, kind: "MeshConfig", namespace: "istio-system", name: "default" };

/** @returns the object that brought it in; null: none did, or several could have */
export function objectOf(origin: ModelOrigin): ObjectRef | null {
  if (origin.kind === "mtls") return null;
  const [namespace, name, ...more] = origin.name.split("/");
  if (origin.kind === "policy" && origin.name === "MeshConfig.defaultDeny") return MESH_CONFIG;
  if (!namespace || !name) return null;
  switch (origin.kind) {
    case "policy":
      return { group: SECURITY, kind: "AuthorizationPolicy", namespace, name };
    case "limit":
      return { group: OUR_OWN, kind: "RateLimitPolicy", namespace, name };
    case "rehearsal":
      return { group: OUR_OWN, kind: "FaultRehearsal", namespace, name };
    case "key":
      return { group: OUR_OWN, kind: "APIKeyPolicy", namespace, name };
    case "jwt":
      return { group: SECURITY, kind: "RequestAuthentication", namespace, name };
    case "gateway":
      return { group: NETWORKING, kind: "Gateway", namespace, name };
    case "route":
      return more.length === 0 ? null : { group: NETWORKING, kind: "VirtualService", namespace, name };
  }
}

/**
 * Where in the object it stands.
 *
 * @param below the condition that is meant, as the model names it; null: all of it
 * @param object as it was then; null: it is not to be had, so only what the model knows is told
 */
export function fieldOf(origin: ModelOrigin, below: string | null, object: KubeObject | null): string {
  switch (origin.kind) {
    case "policy":
      return origin.name === "MeshConfig.defaultDeny"
        ? "spec.defaultDeny"
        : ruleField(origin.rule, below, specOf(object)["rules"]);
    case "limit":
      return limitField(origin.name, specOf(object)["limits"]);
    case "jwt":
      return `spec.jwtRules[${origin.name.split("/").at(-1) ?? ""}]`;
    case "route":
      return routeField(origin, below, specOf(object)["http"]);
    case "key":
    case "rehearsal":
    case "gateway":
    case "mtls":
      return "spec";
  }
}

/** Each limit has a name that no other one of its policy has. */
function limitField(name: string, limits: unknown): string {
  const own = name.slice(name.lastIndexOf("/") + 1);
  const at = listOf(limits).findIndex((_, index) => partOf(limits, index)["name"] === own);
  return at < 0 ? "spec.limits" : `spec.limits[${at}]`;
}

function ruleField(rule: number | null, below: string | null, rules: unknown): string {
  if (rule === null) return "spec.rules";
  const field = `spec.rules[${rule}]`;
  if (below === null) return field;
  const { to, when } = partOf(rules, rule);
  // What a rule says of ports is not in the model: what stands behind it has another number there.
  const isShifted = below.startsWith("to[") ? hasPorts(to) : below.startsWith("when[") && namesPort(when);
  if (isShifted) return `${field}.${below.slice(0, below.indexOf("["))}`;
  const at = /^to\[(\d+)\]\.operation\.paths$/.exec(below);
  const { operation } = partOf(to, Number(at?.[1]));
  const isRegex = at !== null && typeof operation === "object" && operation !== null && "pathRegex" in operation;
  return `${field}.${isRegex ? below.replace(/paths$/, "pathRegex") : below}`;
}

function hasPorts(to: unknown): boolean {
  return listOf(to).some((_, at) => {
    const { operation } = partOf(to, at);
    return typeof operation === "object" && operation !== null && ("ports" in operation || "notPorts" in operation);
  });
}

function namesPort(when: unknown): boolean {
  return listOf(when).some((_, at) => partOf(when, at)["key"] === "destination.port");
}

function routeField(
  { name, block, blocks }: Extract<ModelOrigin, { readonly kind: "route" }>,
  below: string | null,
  http: unknown,
): string {
  const label = name.split("/").slice(2).join("/");
  const rules = listOf(http);
  const named = rules.findIndex((_, at) => isLabelOf(label, partOf(http, at)["name"]));
  const [, number] = /^(\d+)(?:-\d+)?(?:\.|$)/.exec(label) ?? [];
  const at = named >= 0 ? named : number === undefined ? null : Number(number);
  if (at === null) return "spec.http";
  const field = `spec.http[${at}]`;
  const matches = listOf(partOf(http, at)["match"]);
  const byName = matches.findIndex((_, index) => {
    const { name: of } = partOf(matches, index);
    return typeof of === "string" && of !== "" && label.endsWith(`.${of}`);
  });
  // Blocks that cannot hold at a place are not in the model: then nobody can tell which one is meant.
  const match = byName >= 0 ? byName : block !== null && matches.length === blocks && blocks > 0 ? block : null;
  if (match === null) return matches.length > 0 && below !== null ? `${field}.match` : field;
  return `${field}.match[${match}]${below === null || below === "" ? "" : `.${below}`}`;
}

function isLabelOf(label: string, name: unknown): boolean {
  return typeof name === "string" && name !== "" && (label === name || label.startsWith(`${name}.`));
}

function specOf(object: KubeObject | null): Readonly<Record<string, unknown>> {
  return (object?.spec ?? {}) as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function partOf(list: unknown, at: number): Readonly<Record<string, unknown>> {
  const part = listOf(list)[at];
  return typeof part === "object" && part !== null ? (part as Readonly<Record<string, unknown>>) : {};
}
