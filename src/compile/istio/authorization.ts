import type {
  AuthorizationPolicySpec,
  ConditionSpec,
  OperationSpec,
  RuleSpec,
  SourceSpec,
} from "../../resources/authorization-policy.ts";
import { claimPath, headerOfKey, labelOfKey, PROTOCOL_KEY } from "../../resources/condition-keys.ts";
import { isDryRun } from "../../resources/dry-run.ts";
import type { KubeObject } from "../../resources/object.ts";
import { withCapitalEscapes } from "../../routing/unreserved.ts";
import { canonicalJson } from "../../snapshot/canonical.ts";
import type {
  AuthorizationPolicyModel,
  AuthorizationRule,
  Condition,
  Operation,
  RequestPrincipalMatch,
  Source,
  StringMatch,
} from "../../snapshot/model.ts";
import { namespaceOf } from "../view.ts";
import type { World } from "../world.ts";
import { type TrustDomains, trustDomains, withOwnDomains, withOwnPrincipals } from "./trust-domains.ts";

/** What of the mesh a policy's values are read by. */
interface Reading {
  /** The policy's own. */
  readonly namespace: string;
  readonly domains: TrustDomains;
}

/**
 * A policy as it stands for a workload at a port: which rules are about that port is known here.
 *
 * @param ports by which the workload may be known; where they differ in what they allow, nothing is allowed, and where in what
 *   they deny, it is denied
 */
export function authorizationModel(
  world: World,
  policy: KubeObject,
  ports: readonly number[],
): AuthorizationPolicyModel {
  const { action = "ALLOW", rules = [] } = policy.spec as AuthorizationPolicySpec;
  const namespace = namespaceOf(policy);
  const reading = { namespace, domains: trustDomains(world) };
  return {
    name: `${namespace}/${policy.metadata.name}`,
    rules: numbered(
      rules.map((rule) => {
        const models = ports.map((port) => rulesAt(rule, port).map((one) => ruleModel(one, reading)));
        const different = [...new Map(models.map((model) => [canonicalJson(model), model])).values()];
        return action === "ALLOW" && different.length > 1 ? [] : different.flat();
      }),
    ),
    ...(isDryRun(policy.metadata) && { dryRun: true as const }),
  };
}

/** Those that are not where their author wrote them say where that is. */
function numbered(models: readonly (readonly AuthorizationRule[])[]): readonly AuthorizationRule[] {
  return models
    .flatMap((rules, at) => rules.map((rule) => ({ rule, at })))
    .map(({ rule, at }, place) => (at === place ? rule : { ...rule, at }));
}

/** What is left of a rule at one port, without what it says of ports: nothing where it is about others. */
function rulesAt({ to, when, ...rest }: RuleSpec, port: number): readonly RuleSpec[] {
  const text = String(port);
  const operations = to?.flatMap(({ operation: { ports, notPorts, ...operation } }) =>
    isOneOf(text, ports, notPorts) ? [{ operation }] : [],
  );
  const isMet = (when ?? []).every(
    ({ key, values, notValues }) => key !== PORT_KEY || isOneOf(text, values, notValues),
  );
  if (operations?.length === 0 || !isMet) return [];
  const others = when?.filter(({ key }) => key !== PORT_KEY) ?? [];
  // An operation that named ports alone is every operation now.
  const isAny = operations?.some(({ operation }) => Object.keys(operation).length === 0) ?? true;
  return [{ ...rest, ...(operations && !isAny && { to: operations }), ...(others.length > 0 && { when: others }) }];
}

function isOneOf(value: string, some: readonly string[] | undefined, none: readonly string[] | undefined): boolean {
  return (some?.includes(value) ?? true) && !(none?.includes(value) ?? false);
}

function ruleModel({ from, to, when }: RuleSpec, reading: Reading): AuthorizationRule {
  return {
    ...(from && { from: from.map(({ source }) => sourceModel(source, reading)) }),
    ...(to && { to: to.map(({ operation }) => operationModel(operation)) }),
    ...(when && { when: when.map((condition) => conditionModel(condition, reading)) }),
  };
}

function sourceModel(spec: SourceSpec, { namespace, domains }: Reading): Source {
  const plain = (values: readonly string[]): readonly StringMatch[] => values.map((value) => textMatch(value, false));
  const tokens = (values: readonly string[]): readonly RequestPrincipalMatch[] => values.map(requestPrincipal);
  const principals = (values: readonly string[]) => plain(withOwnPrincipals(values, domains));
  const trust = (values: readonly string[]) => plain(withOwnDomains(values, domains));
  const accounts = (values: readonly string[]) => values.map((value) => accountIn(value, namespace));
  const {
    principals: some,
    notPrincipals: none,
    requestPrincipals,
    notRequestPrincipals,
    namespaces,
    notNamespaces,
    serviceAccounts,
    notServiceAccounts,
    trustDomains: inDomains,
    notTrustDomains,
    ...addresses
  } = spec;
  return {
    ...(some && { principals: principals(some) }),
    ...(none && { notPrincipals: principals(none) }),
    ...(requestPrincipals && { requestPrincipals: tokens(requestPrincipals) }),
    ...(notRequestPrincipals && { notRequestPrincipals: tokens(notRequestPrincipals) }),
    ...(namespaces && { namespaces: namespaces.map(namespaceMatch) }),
    ...(notNamespaces && { notNamespaces: notNamespaces.map(namespaceMatch) }),
    ...(serviceAccounts && { serviceAccounts: accounts(serviceAccounts) }),
    ...(notServiceAccounts && { notServiceAccounts: accounts(notServiceAccounts) }),
    ...(inDomains && { trustDomains: trust(inDomains) }),
    ...(notTrustDomains && { notTrustDomains: trust(notTrustDomains) }),
    ...addresses,
  };
}

/** A name without namespace is one of the policy's own. */
function accountIn(value: string, namespace: string): string {
  return value.includes("/") ? value : `${namespace}/${value}`;
}

/** Each `*` is a wildcard, as in Istio. */
function namespaceMatch(value: string): StringMatch {
  return value.slice(1, -1).includes("*") || (value.length > 1 && value.startsWith("*") && value.endsWith("*"))
    ? { kind: "wildcard", value }
    : textMatch(value, false);
}

function operationModel(spec: OperationSpec): Operation {
  const hosts = (values: readonly string[]): readonly StringMatch[] =>
    values.map((value) => textMatch(value.toLowerCase(), true));
  const plain = (values: readonly string[]): readonly StringMatch[] => values.map((value) => textMatch(value, false));
  const regex: readonly StringMatch[] | undefined =
    spec.pathRegex === undefined ? undefined : [{ kind: "regex", value: spec.pathRegex }];
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
    ...(regex && { paths: regex }),
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

/** What the mesh itself knows of a workload's port. */
const PORT_KEY = "destination.port";

function conditionModel({ key, values, notValues }: ConditionSpec, { namespace, domains }: Reading): Condition {
  const lists = <T>(model: (list: readonly string[]) => readonly T[]) => ({
    ...(values && { values: model(values) }),
    ...(notValues && { notValues: model(notValues) }),
  });
  const each = (model: (value: string) => StringMatch) => lists((list) => list.map(model));
  const plain = (value: string): StringMatch => textMatch(value, false);
  const header = headerOfKey(key);
  if (header !== null) {
    const isHost = header === "host";
    return {
      key: { kind: "header", name: header },
      ...each((value) => plain(isHost ? value.toLowerCase() : value)),
    };
  }
  const path = claimPath(key);
  if (path !== null) return { key: { kind: "request.auth.claims", path }, ...each(plain) };
  const label = labelOfKey(key);
  if (label !== null) return { key: { kind: "request.auth.key.labels", name: label }, ...each(plain) };
  switch (key) {
    case PROTOCOL_KEY:
      return { key: { kind: "protocol" }, ...each(plain) };
    case "source.ip":
    case "remote.ip":
      return { key: { kind: key }, ...lists((list) => list) };
    case "source.namespace":
      return { key: { kind: key }, ...each(namespaceMatch) };
    case "source.principal":
      return { key: { kind: key }, ...lists((list) => withOwnPrincipals(list, domains).map(plain)) };
    case "source.trustDomain":
      return { key: { kind: key }, ...lists((list) => withOwnDomains(list, domains).map(plain)) };
    case "source.serviceAccount":
      return { key: { kind: key }, ...each((value) => ({ kind: "exact", value: accountIn(value, namespace) })) };
    case "connection.sni":
      return { key: { kind: key }, ...each((value) => plain(value.toLowerCase())) };
    case "request.auth.principal":
    case "request.auth.audiences":
    case "request.auth.presenter":
    case "request.auth.key.id":
    case "request.auth.key.name":
    case "request.auth.key.plan":
      return { key: { kind: key }, ...each(plain) };
    default:
      throw new Error(`a condition passed the checks that nobody knows: ${key}`);
  }
}
