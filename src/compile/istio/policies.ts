import type { AuthorizationPolicySpec } from "../../resources/authorization-policy.ts";
import { MODE_LABEL } from "../../resources/core.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { PeerAuthenticationSpec } from "../../resources/peer-authentication.ts";
import type { AuthorizationPolicyModel, CustomPolicyModel, MtlsMode, PolicySet } from "../../snapshot/model.ts";
import { registrationsOf } from "../addresses.ts";
import { isFor, type PolicyTable, selectorOf } from "../entries.ts";
import { targetLabels } from "../targets.ts";
import { meshConfig, namespaceOf, rootNamespace } from "../view.ts";
import type { World, Registration } from "../world.ts";
import { authorizationModel } from "./authorization.ts";
import { apiKeyModel } from "./api-keys.ts";
import { jwtRules } from "./jwt-rules.ts";

type Labels = Readonly<Record<string, string>>;

/** Policies follow the endpoint: those that select any registration of its address guard it, by whatever name it is called. */
export function endpointPolicies(world: World, key: string, port: number): PolicySet {
  return world.memo.get(`endpoint-policies ${key} ${port}`, () => {
    const registrations = registrationsOf(world, key, port);
    const declared = registrations.flatMap(({ declared }) => declared?.[port] ?? port);
    const ports = [...new Set(declared)].sort((a, b) => a - b);
    const set = joined(
      registrations.map(({ namespace, labels }) => {
        const targets = targetLabels(world, namespace, key, port);
        return workloadPolicies(world, { namespace, labels: { ...labels, ...targets } }, ports);
      }),
    );
    const observed = canRefuse(set) && registrations.every(({ namespace }) => observes(world, namespace));
    return observed ? { ...set, observe: true as const } : set;
  });
}

function canRefuse({ mtls, jwt, deny, allow, custom = [], keys = [] }: PolicySet): boolean {
  return mtls === "STRICT" || [jwt, deny, allow, custom, keys].some(({ length }) => length > 0);
}

/**
 * All that guards a workload with these labels.
 *
 * @param ports by which policies may know it: more than one where its services declare different ones
 */
export function workloadPolicies(
  world: World,
  { namespace, labels }: Pick<Registration, "namespace" | "labels">,
  ports: readonly number[],
): PolicySet {
  const name = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return world.memo.get(`policies ${namespace} ${ports.join()} ${JSON.stringify(name)}`, () => {
    const authorization = selecting(world, "authorization", namespace, labels);
    const objectsOf = (action: NonNullable<AuthorizationPolicySpec["action"]>) =>
      authorization.filter(({ spec }) => ((spec as AuthorizationPolicySpec).action ?? "ALLOW") === action);
    const withAction = (action: "ALLOW" | "DENY" | "AUDIT"): readonly AuthorizationPolicyModel[] =>
      objectsOf(action).map((policy) => authorizationModel(world, policy, ports));
    const custom = objectsOf("CUSTOM").map((policy) => customModel(world, policy, ports));
    const [deny, allow, audit] = [withAction("DENY"), withAction("ALLOW"), withAction("AUDIT")];
    const looksAtKeys = [...custom, ...deny, ...allow, ...audit].some(isOfKeys);
    return {
      mtls: mtlsMode(world, selecting(world, "peer-authentication", namespace, labels), ports),
      jwt: selecting(world, "request-authentication", namespace, labels).flatMap((policy) => jwtRules(world, policy)),
      deny,
      allow: meshConfig(world).defaultDeny === true ? [DEFAULT_DENY, ...allow] : allow,
      ...unlessEmpty("custom", custom),
      ...unlessEmpty("keys", selecting(world, "api-key", namespace, labels).map(apiKeyModel)),
      ...unlessEmpty("keysOf", looksAtKeys ? unique([namespace, rootNamespace(world)]) : []),
      ...unlessEmpty("audit", audit),
    };
  });
}

function isOfKeys({ rules }: AuthorizationPolicyModel): boolean {
  return rules.some(({ when = [] }) => when.some(({ key }) => key.kind.startsWith("request.auth.key.")));
}

/** `MeshConfig.defaultDeny`: as an ALLOW policy of the root namespace that allows nothing. */
const DEFAULT_DENY: AuthorizationPolicyModel = { name: "MeshConfig.defaultDeny", rules: [] };

/** Those of its namespace and of the root namespace, the oldest first. */
export function selecting(world: World, table: PolicyTable, namespace: string, labels: Labels): readonly KubeObject[] {
  const pairs = ["", ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)];
  const namespaces = new Set([rootNamespace(world), namespace]);
  return [...namespaces].flatMap((of) =>
    pairs.flatMap((pair) => world.inventory.of(table, `${of}/${pair}`)).filter((policy) => isFor(policy, labels)),
  );
}

/** Whether a workload's policies refuse nothing: what its namespace says goes before what the mesh says. */
export function observes(world: World, namespace: string): boolean {
  const [object] = world.inventory.of("namespace", namespace);
  const mode = object?.metadata.labels?.[MODE_LABEL];
  return mode === undefined ? meshConfig(world).mode === "Observe" : mode === "observe";
}

const STRICTNESS: readonly MtlsMode[] = ["DISABLE", "PERMISSIVE", "STRICT"];

function strictest(modes: readonly MtlsMode[]): MtlsMode {
  return STRICTNESS.findLast((mode) => modes.includes(mode)) ?? "PERMISSIVE";
}

function joined(sets: readonly PolicySet[]): PolicySet {
  const named = <T extends { readonly name: string }>(members: readonly T[]): readonly T[] =>
    [...new Map(members.map((member) => [member.name, member])).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    mtls: strictest(sets.map(({ mtls }) => mtls)),
    jwt: named(sets.flatMap(({ jwt }) => jwt)),
    deny: named(sets.flatMap(({ deny }) => deny)),
    allow: named(sets.flatMap(({ allow }) => allow)),
    ...unlessEmpty("custom", named(sets.flatMap(({ custom = [] }) => custom))),
    ...unlessEmpty("keys", named(sets.flatMap(({ keys = [] }) => keys))),
    ...unlessEmpty("keysOf", unique(sets.flatMap(({ keysOf = [] }) => keysOf))),
    ...unlessEmpty("audit", named(sets.flatMap(({ audit = [] }) => audit))),
  };
}

function unique(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}

function customModel(world: World, policy: KubeObject, ports: readonly number[]): CustomPolicyModel {
  const { provider } = policy.spec as AuthorizationPolicySpec;
  return { ...authorizationModel(world, policy, ports), provider: provider?.name ?? "" };
}

/** What nobody uses is not in the slice. */
function unlessEmpty<Name extends string, T>(name: Name, list: readonly T[]): { readonly [N in Name]?: readonly T[] } {
  return list.length === 0 ? {} : ({ [name]: list } as { readonly [N in Name]?: readonly T[] });
}

/** Mesh, then namespace, then workload; a mode that is set replaces the one before. Of several at a level the oldest holds. */
function mtlsMode(world: World, peers: readonly KubeObject[], ports: readonly number[]): MtlsMode {
  const root = rootNamespace(world);
  const isGeneral = (policy: KubeObject): boolean => Object.keys(selectorOf(policy)).length === 0;
  const specOf = (policy: KubeObject | undefined) => (policy?.spec ?? {}) as PeerAuthenticationSpec;
  const mesh = specOf(peers.find((policy) => isGeneral(policy) && namespaceOf(policy) === root));
  const namespace = specOf(peers.find((policy) => isGeneral(policy) && namespaceOf(policy) !== root));
  // In the root namespace one with a selector is ignored, as in Istio; applying it is answered with a warning.
  const workload = specOf(peers.find((policy) => !isGeneral(policy) && namespaceOf(policy) !== root));
  const modeAt = (port: number): MtlsMode => {
    const levels = [mesh.mtls, namespace.mtls, workload.mtls, workload.portLevelMtls?.[String(port)]];
    const set = levels.map((level) => level?.mode).filter((mode) => mode !== undefined && mode !== "UNSET");
    return set.at(-1) ?? "PERMISSIVE";
  };
  return strictest(ports.map(modeAt));
}
