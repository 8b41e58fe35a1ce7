import {
  type AuthorizationPolicySpec,
  claimPath,
  headerOfKey,
  PROTOCOL_KEY,
} from "../../resources/authorization-policy.ts";
import { isDryRun } from "../../resources/dry-run.ts";
import type { KubeObject } from "../../resources/object.ts";
import type { PeerAuthenticationSpec } from "../../resources/peer-authentication.ts";
import type {
  AuthorizationPolicyModel,
  AuthorizationRule,
  ConditionKey,
  MtlsMode,
  Operation,
  PolicySet,
  RequestPrincipalMatch,
  Source,
  StringMatch,
} from "../../snapshot/model.ts";
import { withCapitalEscapes } from "../../routing/unreserved.ts";
import { registrationsOf } from "../addresses.ts";
import { type PolicyTable, selectorOf } from "../entries.ts";
import { namespaceOf, rootNamespace, selects } from "../view.ts";
import type { World, Registration } from "../world.ts";
import { jwtRules } from "./jwt-rules.ts";

type Labels = Readonly<Record<string, string>>;

/** Policies follow the endpoint: those that select any registration of its address guard it, by whatever name it is called. */
export function endpointPolicies(world: World, key: string, port: number): PolicySet {
  return world.memo.get(`endpoint-policies ${key} ${port}`, () =>
    joined(registrationsOf(world, key, port).map((registration) => workloadPolicies(world, registration, port))),
  );
}

/** All that guards a workload with these labels. */
export function workloadPolicies(
  world: World,
  { namespace, labels }: Pick<Registration, "namespace" | "labels">,
  port: number,
): PolicySet {
  const name = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return world.memo.get(`policies ${namespace} ${port} ${JSON.stringify(name)}`, () => {
    const authorization = selecting(world, "authorization", namespace, labels);
    const withAction = (action: "ALLOW" | "DENY" | "AUDIT") =>
      authorization
        .filter(({ spec }) => ((spec as AuthorizationPolicySpec).action ?? "ALLOW") === action)
        .map(authorizationModel);
    return {
      mtls: mtlsMode(world, selecting(world, "peer-authentication", namespace, labels), port),
      jwt: selecting(world, "request-authentication", namespace, labels).flatMap((policy) => jwtRules(world, policy)),
      deny: withAction("DENY"),
      allow: withAction("ALLOW"),
      ...unlessEmpty("audit", withAction("AUDIT")),
    };
  });
}

/** Those of its namespace and of the root namespace, the oldest first. */
function selecting(world: World, table: PolicyTable, namespace: string, labels: Labels): readonly KubeObject[] {
  const pairs = ["", ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)];
  const namespaces = new Set([rootNamespace(world), namespace]);
  return [...namespaces].flatMap((of) =>
    pairs
      .flatMap((pair) => world.inventory.of(table, `${of}/${pair}`))
      .filter((policy) => selects(selectorOf(policy), labels)),
  );
}

const STRICTNESS: readonly MtlsMode[] = ["DISABLE", "PERMISSIVE", "STRICT"];

function joined(sets: readonly PolicySet[]): PolicySet {
  const unique = <T extends { readonly name: string }>(members: readonly T[]): readonly T[] =>
    [...new Map(members.map((member) => [member.name, member])).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const modes = sets.map(({ mtls }) => mtls);
  return {
    mtls: modes.length === 0 ? "PERMISSIVE" : (STRICTNESS.findLast((mode) => modes.includes(mode)) ?? "PERMISSIVE"),
    jwt: unique(sets.flatMap(({ jwt }) => jwt)),
    deny: unique(sets.flatMap(({ deny }) => deny)),
    allow: unique(sets.flatMap(({ allow }) => allow)),
    ...unlessEmpty("audit", unique(sets.flatMap(({ audit = [] }) => audit))),
  };
}

/** What nobody uses is not in the slice. */
function unlessEmpty<Name extends string, T>(name: Name, list: readonly T[]): { readonly [N in Name]?: readonly T[] } {
  return list.length === 0 ? {} : ({ [name]: list } as { readonly [N in Name]?: readonly T[] });
}

/** Mesh, then namespace, then workload; a mode that is set replaces the one before. Of several at a level the oldest holds. */
function mtlsMode(world: World, peers: readonly KubeObject[], port: number): MtlsMode {
  const root = rootNamespace(world);
  const isGeneral = (policy: KubeObject): boolean => Object.keys(selectorOf(policy)).length === 0;
  const specOf = (policy: KubeObject | undefined) => (policy?.spec ?? {}) as PeerAuthenticationSpec;
  const mesh = specOf(peers.find((policy) => isGeneral(policy) && namespaceOf(policy) === root));
  const namespace = specOf(peers.find((policy) => isGeneral(policy) && namespaceOf(policy) !== root));
  // In the root namespace one with a selector is ignored, as in Istio; applying it is answered with a warning.
  const workload = specOf(peers.find((policy) => !isGeneral(policy) && namespaceOf(policy) !== root));
  const levels = [mesh.mtls, namespace.mtls, workload.mtls, workload.portLevelMtls?.[String(port)]];
  const set = levels.map((level) => level?.mode).filter((mode) => mode !== undefined && mode !== "UNSET");
  return set.at(-1) ?? "PERMISSIVE";
}

function authorizationModel(policy: KubeObject): AuthorizationPolicyModel {
  const { rules = [] } = policy.spec as AuthorizationPolicySpec;
  const name = `${namespaceOf(policy)}/${policy.metadata.name}`;
  return { name, rules: rules.map(ruleModel), ...(isDryRun(policy.metadata) && { dryRun: true as const }) };
}

type RuleSpec = NonNullable<AuthorizationPolicySpec["rules"]>[number];
type SourceSpec = NonNullable<RuleSpec["from"]>[number]["source"];
type OperationSpec = NonNullable<RuleSpec["to"]>[number]["operation"];
type ConditionSpec = NonNullable<RuleSpec["when"]>[number];

function ruleModel({ from, to, when }: RuleSpec): AuthorizationRule {
  return {
    ...(from && { from: from.map(({ source }) => sourceModel(source)) }),
    ...(to && { to: to.map(({ operation }) => operationModel(operation)) }),
    ...(when && {
      when: when.map(({ key, values, notValues }: ConditionSpec) => {
        const isHost = headerOfKey(key) === "host";
        const model = (value: string): StringMatch => textMatch(isHost ? value.toLowerCase() : value, false);
        return {
          key: conditionKey(key),
          ...(values && { values: values.map(model) }),
          ...(notValues && { notValues: notValues.map(model) }),
        };
      }),
    }),
  };
}

function sourceModel(spec: SourceSpec): Source {
  const plain = (values: readonly string[]): readonly StringMatch[] => values.map((value) => textMatch(value, false));
  const tokens = (values: readonly string[]): readonly RequestPrincipalMatch[] => values.map(requestPrincipal);
  return {
    ...(spec.principals && { principals: plain(spec.principals) }),
    ...(spec.notPrincipals && { notPrincipals: plain(spec.notPrincipals) }),
    ...(spec.requestPrincipals && { requestPrincipals: tokens(spec.requestPrincipals) }),
    ...(spec.notRequestPrincipals && { notRequestPrincipals: tokens(spec.notRequestPrincipals) }),
    ...(spec.namespaces && { namespaces: plain(spec.namespaces) }),
    ...(spec.notNamespaces && { notNamespaces: plain(spec.notNamespaces) }),
  };
}

function operationModel(spec: OperationSpec): Operation {
  const hosts = (values: readonly string[]): readonly StringMatch[] =>
    values.map((value) => textMatch(value.toLowerCase(), true));
  const plain = (values: readonly string[]): readonly StringMatch[] => values.map((value) => textMatch(value, false));
  const paths = (values: readonly string[]): readonly StringMatch[] =>
    values
      .map(withCapitalEscapes)
      .map((value) =>
        value.includes("{") || value.includes("}") ? { kind: "template", value } : textMatch(value, false),
      );
  return {
    ...(spec.hosts && { hosts: hosts(spec.hosts) }),
    ...(spec.notHosts && { notHosts: hosts(spec.notHosts) }),
    ...(spec.methods && { methods: plain(spec.methods) }),
    ...(spec.notMethods && { notMethods: plain(spec.notMethods) }),
    ...(spec.paths && { paths: paths(spec.paths) }),
    ...(spec.notPaths && { notPaths: paths(spec.notPaths) }),
  };
}

/**
 * Istio's plain values: `*` alone, `abc*`, `*abc`, else exact; a `*` within is an ordinary character.
 *
 * @param emptyToo whether `*` alone holds also for an empty value, as for hosts; of a header it wants a value
 */
function textMatch(value: string, emptyToo: boolean): StringMatch {
  if (value === "*") return { kind: emptyToo ? "present" : "nonempty" };
  if (value.startsWith("*")) return { kind: "suffix", value: value.slice(1) };
  if (value.endsWith("*")) return { kind: "prefix", value: value.slice(0, -1) };
  return { kind: "exact", value };
}

/** `issuer/subject`, split at the last `/`; without one a `*` at an end says which of the two is meant. */
function requestPrincipal(value: string): RequestPrincipalMatch {
  const any: StringMatch = { kind: "nonempty" };
  if (value === "*") return { issuer: any, subject: any };
  const slash = value.lastIndexOf("/");
  if (slash < 0 && value.startsWith("*")) return { issuer: any, subject: { kind: "suffix", value: value.slice(1) } };
  if (slash < 0 && value.endsWith("*")) return { issuer: { kind: "prefix", value: value.slice(0, -1) }, subject: any };
  // Without a `/` it never matches: a request principal always has one.
  if (slash < 0) return { issuer: { kind: "exact", value }, subject: { kind: "exact", value: "" } };
  return { issuer: textMatch(value.slice(0, slash), false), subject: textMatch(value.slice(slash + 1), false) };
}

function conditionKey(key: string): ConditionKey {
  const header = headerOfKey(key);
  if (header !== null) return { kind: "header", name: header };
  const path = claimPath(key);
  if (path !== null) return { kind: "request.auth.claims", path };
  switch (key) {
    case PROTOCOL_KEY:
      return { kind: "protocol" };
    case "source.principal":
    case "source.namespace":
    case "request.auth.principal":
    case "request.auth.audiences":
    case "request.auth.presenter":
      return { kind: key };
    default:
      throw new Error(`a condition passed the checks that nobody knows: ${key}`);
  }
}
