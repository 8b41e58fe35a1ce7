import { apiVersionOf, type KindInfo } from "../resources/kinds.ts";
import { KINDS } from "../kinds/registry.ts";
import type { DiscoveryVersion } from "./accept.ts";

// How a client learns what is served: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api

/** What is served under one path `/apis/group/version/name`. */
interface Resource {
  readonly name: string;
  readonly singularName: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly status: boolean;
}

interface ServedVersion {
  readonly version: string;
  readonly resources: readonly Resource[];
}

interface ServedGroup {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly ServedVersion[];
}

interface GroupVersion {
  readonly groupVersion: string;
  readonly version: string;
}

/** How discovery names a group, whatever document it stands in. */
interface Group {
  readonly name: string;
  readonly versions: readonly GroupVersion[];
  readonly preferredVersion: GroupVersion;
}

/** `x`, or `x/status` with an empty `singularName`. Empty lists are left out, as Kubernetes does. */
interface ApiResource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

const READ = ["get", "list", "watch"];
const ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const STATUS = ["get", "patch", "update"];

type Served = readonly [group: string, version: string, resource: Resource];

function resourceOf(info: KindInfo): Resource {
  return {
    name: info.plural,
    singularName: info.singular,
    kind: info.kind,
    namespaced: info.namespaced,
    verbs: info.readOnly ? READ : ALL,
    shortNames: info.shortNames,
    categories: info.categories,
    status: info.hasStatus,
  };
}

/** A question that is answered and not stored: its kind is served as its plural, and can only be created. */
function review(group: string, kind: string): Served {
  const singularName = kind.toLowerCase();
  const name = `${singularName}s`;
  const names = { name, singularName, kind, shortNames: [], categories: [] };
  return [group, "v1", { ...names, namespaced: false, verbs: ["create"], status: false }];
}

const REVIEWS: readonly Served[] = [
  review("authorization.k8s.io", "SelfSubjectAccessReview"),
  review("authorization.k8s.io", "SelfSubjectRulesReview"),
  review("authentication.k8s.io", "SelfSubjectReview"),
];

function underOwnGroup(info: KindInfo): readonly Served[] {
  return info.versions.map((version) => [info.group, version, resourceOf(info)]);
}

/** Without the names that would be found twice: `kubectl get vs` and `kubectl get all` mean the real group. */
function underAliases(info: KindInfo): readonly Served[] {
  return info.aliases.map((apiVersion) => {
    const [group = "", version = ""] = apiVersion.split("/");
    return [group, version, { ...resourceOf(info), shortNames: [], categories: [] }];
  });
}

/** Clients look for a name in the groups as they stand here, so aliases come last. */
const GROUPS = groupsOf([...KINDS.flatMap(underOwnGroup), ...REVIEWS, ...KINDS.flatMap(underAliases)]);

function groupsOf(served: readonly Served[]): readonly ServedGroup[] {
  return distinct(served.map(([group]) => group)).map((name) => {
    const own = served.filter(([group]) => group === name);
    const versions = distinct(own.map(([, version]) => version)).toSorted(newestFirst);
    return { name, versions: versions.map((version) => ({ version, resources: resourcesIn(own, version) })) };
  });
}

function distinct(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

function resourcesIn(served: readonly Served[], wanted: string): readonly Resource[] {
  return served.filter(([, version]) => version === wanted).map(([, , resource]) => resource);
}

/**
 * Kinds of one group may be served in different versions, and the group's first one is what clients prefer.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority
 */
function newestFirst(a: string, b: string): number {
  const [first, second] = [maturity(a), maturity(b)];
  return second.stage - first.stage || second.major - first.major || second.minor - first.minor;
}

function maturity(version: string): { readonly stage: number; readonly major: number; readonly minor: number } {
  const [, major, stage, minor = "0"] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
  return { stage: ["alpha", "beta", undefined].indexOf(stage), major: Number(major), minor: Number(minor) };
}

/**
 * GET /version. Clients compare it with their own and warn where they are far apart, nothing more; all members are text.
 */
export function version() {
  return {
    major: "1",
    minor: "33",
    gitVersion: "v1.33.0+mesh",
    gitCommit: "",
    gitTreeState: "",
    buildDate: "",
    goVersion: "",
    compiler: "",
    platform: "",
  } as const;
}

/** GET /api */
export function apiVersions() {
  return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] } as const;
}

function groupDocument({ name, versions }: ServedGroup): Group {
  const named = versions.map(({ version }) => ({ groupVersion: apiVersionOf(name, version), version }));
  const [preferredVersion = { groupVersion: name, version: "" }] = named;
  return { name, versions: named, preferredVersion };
}

function namedGroups(): readonly ServedGroup[] {
  return GROUPS.filter(({ name }) => name !== "");
}

/** GET /apis */
export function apiGroupList() {
  return { kind: "APIGroupList", apiVersion: "v1", groups: namedGroups().map(groupDocument) } as const;
}

/** GET /apis/{name}; null where the group is not served. */
export function apiGroup(name: string) {
  const group = namedGroups().find((served) => served.name === name);
  return group ? ({ kind: "APIGroup", apiVersion: "v1", ...groupDocument(group) } as const) : null;
}

/**
 * GET /api/v1 and /apis/{group}/{version}.
 *
 * @param apiVersion `v1` or `group/version`
 * @returns null where it is not served
 */
export function apiResourceList(apiVersion: string) {
  for (const { name, versions } of GROUPS) {
    const served = versions.find(({ version }) => apiVersionOf(name, version) === apiVersion);
    if (served)
      return {
        kind: "APIResourceList",
        apiVersion: "v1",
        groupVersion: apiVersion,
        resources: served.resources.flatMap(apiResources),
      } as const;
  }
  return null;
}

function apiResources({ name, singularName, namespaced, kind, verbs, status, ...more }: Resource) {
  const resource: ApiResource = { name, singularName, namespaced, kind, verbs, ...unlessEmpty(more) };
  const sub: ApiResource = { name: `${name}/status`, singularName: "", namespaced, kind, verbs: STATUS };
  return status ? [resource, sub] : [resource];
}

function unlessEmpty({ shortNames, categories }: Pick<Resource, "shortNames" | "categories">) {
  return { ...(shortNames.length > 0 && { shortNames }), ...(categories.length > 0 && { categories }) };
}

/**
 * GET /api (`core`) and /apis (`groups`) for clients that ask for all of discovery at once.
 *
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
 */
export function aggregatedDiscovery(part: "core" | "groups", version: DiscoveryVersion) {
  const groups = part === "core" ? GROUPS.filter(({ name }) => name === "") : namedGroups();
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: name === "" ? {} : { name },
      versions: versions.map((served) => ({
        version: served.version,
        resources: served.resources.map((resource) => discoveredResource(name, served.version, resource)),
        freshness: "Current",
      })),
    })),
  } as const;
}

function discoveredResource(group: string, version: string, resource: Resource) {
  const { name, singularName, namespaced, kind, verbs, status, ...more } = resource;
  const responseKind = { group, version, kind };
  return {
    resource: name,
    responseKind,
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singularName,
    verbs,
    ...unlessEmpty(more),
    ...(status && { subresources: [{ subresource: "status", responseKind, verbs: STATUS }] }),
  } as const;
}
