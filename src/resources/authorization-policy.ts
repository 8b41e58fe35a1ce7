import { z } from "zod";
import { keyProblem, PROTOCOL_KEY } from "./condition-keys.ts";
import { checkCustom } from "./custom-action.ts";
import { choice, list, strict } from "./fields.ts";
import { checkDryRun } from "./dry-run.ts";
import type { Context } from "./kind.ts";
import { checkSubtrees } from "./open-subtrees.ts";
import * as check from "./policy-values.ts";
import type { Report } from "./report.ts";
import { checkScope, scopeFields } from "./target-refs.ts";

const values = list(z.string().min(1)).exactOptional();

/** As Istio's schema has it. */
const MAX_ACCOUNTS = 16;
const accounts = list(z.string().min(1)).max(MAX_ACCOUNTS).exactOptional();

const Source = strict({
  principals: values,
  notPrincipals: values,
  requestPrincipals: values,
  notRequestPrincipals: values,
  namespaces: values,
  notNamespaces: values,
  serviceAccounts: accounts,
  notServiceAccounts: accounts,
  trustDomains: values,
  notTrustDomains: values,
  ipBlocks: values,
  notIpBlocks: values,
  remoteIpBlocks: values,
  notRemoteIpBlocks: values,
});

const Operation = strict({
  hosts: values,
  notHosts: values,
  ports: values,
  notPorts: values,
  methods: values,
  notMethods: values,
  paths: values,
  notPaths: values,
  /** Ours: RE2, on the whole path. */
  pathRegex: z.string().exactOptional(),
});

const Condition = strict({
  key: z.string().superRefine((key, ctx) => {
    const message = keyProblem(key);
    if (message !== null) ctx.addIssue({ code: "custom", message });
  }),
  values,
  notValues: values,
});

const Rule = strict({
  from: list(strict({ source: Source })).exactOptional(),
  to: list(strict({ operation: Operation })).exactOptional(),
  when: list(Condition).exactOptional(),
});

export const AuthorizationPolicy = strict({
  ...scopeFields,
  action: choice(["ALLOW", "DENY", "AUDIT", "CUSTOM"]).exactOptional(),
  rules: z.array(Rule).max(512).exactOptional(),
  provider: strict({ name: z.string() }).exactOptional(),
});

/** An absent `action` is ALLOW. Absent or empty `rules` match nothing, a rule `{}` matches all. */
export type AuthorizationPolicySpec = z.infer<typeof AuthorizationPolicy>;
export type RuleSpec = z.infer<typeof Rule>;
export type SourceSpec = z.infer<typeof Source>;
export type OperationSpec = z.infer<typeof Operation>;
export type ConditionSpec = z.infer<typeof Condition>;

export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec, report: Report, context: Context): void {
  checkDryRun(context);
  checkCustom(spec, report);
  checkScope(spec, report);
  if (spec.action === "DENY" && (spec.rules ?? []).length === 0)
    report.at("rules").warn("a DENY policy without rules denies nothing", "TULLE0305");
  if (spec.action === "AUDIT" && (spec.rules ?? []).length === 0)
    report.at("rules").warn("an AUDIT policy without rules matches nothing", "TULLE0305");
  if (spec.action === "DENY")
    for (const [index, rule] of (spec.rules ?? []).entries()) warnOfHttpOnly(rule, report.at("rules", index));
  for (const [index, rule] of (spec.rules ?? []).entries()) checkRule(rule, report.at("rules", index));
  checkSubtrees(spec, report.at("rules"));
}

/**
 * As Istio warns: it leaves what is HTTP out of a DENY rule for TCP. Not of a rule of paths alone, the usual one: that it is
 * about HTTP goes without saying.
 */
function warnOfHttpOnly({ from, to }: RuleSpec, report: Report): void {
  if (to?.every(({ operation: { ports, notPorts } }) => ports ?? notPorts)) return;
  const byConnection = from?.some(({ source }) => CONNECTION_FIELDS.some((field) => source[field] !== undefined));
  const byPathsAlone =
    from === undefined && to?.every(({ operation }) => Object.keys(operation).every((field) => PATH_FIELDS.has(field)));
  if ((to !== undefined && byPathsAlone !== true) || (from !== undefined && byConnection !== true))
    report.warn("names HTTP alone: Istio would deny all TCP of the workload too; no TCP comes through this mesh");
}

const PATH_FIELDS = new Set(["paths", "notPaths", "pathRegex"]);

/** What of a source is known of a connection, whatever it carries. */
const CONNECTION_FIELDS = [
  "principals",
  "notPrincipals",
  "namespaces",
  "notNamespaces",
  "serviceAccounts",
  "notServiceAccounts",
  "trustDomains",
  "notTrustDomains",
  "ipBlocks",
  "notIpBlocks",
] as const satisfies readonly (keyof SourceSpec)[];

function checkRule(rule: RuleSpec, report: Report): void {
  for (const [index, { source }] of (rule.from ?? []).entries())
    checkSource(source, report.at("from", index, "source"));
  for (const [index, { operation }] of (rule.to ?? []).entries())
    checkOperation(operation, report.at("to", index, "operation"));
  for (const [index, { key, values: some = [], notValues: none = [] }] of (rule.when ?? []).entries()) {
    const place = report.at("when", index);
    if (some.length + none.length === 0) place.error("set `values` or `notValues`", "FieldValueRequired");
    const checkValue = checkOfKey(key);
    some.forEach((value, at) => checkValue(value, place.at("values", at)));
    none.forEach((value, at) => checkValue(value, place.at("notValues", at)));
  }
}

function checkSource(source: SourceSpec, report: Report): void {
  checkEach(source, SOURCE_CHECKS, report);
  const { serviceAccounts, notServiceAccounts, principals, notPrincipals, namespaces, notNamespaces } = source;
  const others = principals ?? notPrincipals ?? namespaces ?? notNamespaces;
  if ((serviceAccounts ?? notServiceAccounts) !== undefined && others !== undefined)
    report.error("service accounts cannot stand with principals or namespaces; write another source for these");
}

function checkOperation({ pathRegex, ...lists }: OperationSpec, report: Report): void {
  if (pathRegex === undefined) return checkEach(lists, OPERATION_CHECKS, report);
  if (lists.paths !== undefined) report.error("`pathRegex` and `paths` are two ways to say the same; set one of them");
  check.regex(pathRegex, report.at("pathRegex"));
  if (Object.keys(lists).length > 0) checkEach(lists, OPERATION_CHECKS, report);
}

/** Looks at each value of the given lists; an object without any list would match everything, which nobody means (R15). */
function checkEach(
  lists: Readonly<Record<string, readonly string[] | undefined>>,
  checks: Readonly<Record<string, check.ValueCheck>>,
  report: Report,
): void {
  const given = Object.entries(lists).filter(([, list]) => list !== undefined);
  if (given.length === 0)
    report.error("empty: it would match everything; set a field or leave it out", "FieldValueRequired");
  for (const [name, list = []] of given) list.forEach((value, index) => checks[name]?.(value, report.at(name, index)));
}

const SOURCE_CHECKS = {
  principals: check.principal,
  notPrincipals: check.principal,
  requestPrincipals: check.requestPrincipal,
  notRequestPrincipals: check.requestPrincipal,
  namespaces: check.namespace,
  notNamespaces: check.namespace,
  serviceAccounts: check.serviceAccount,
  notServiceAccounts: check.serviceAccount,
  trustDomains: check.trustDomain,
  notTrustDomains: check.trustDomain,
  ipBlocks: check.address,
  notIpBlocks: check.address,
  remoteIpBlocks: check.address,
  notRemoteIpBlocks: check.address,
} satisfies Record<keyof SourceSpec, check.ValueCheck>;

const OPERATION_CHECKS = {
  hosts: check.host,
  notHosts: check.host,
  ports: check.port,
  notPorts: check.port,
  methods: check.method,
  notMethods: check.method,
  paths: check.path,
  notPaths: check.path,
} satisfies Record<Exclude<keyof OperationSpec, "pathRegex">, check.ValueCheck>;

const KEY_CHECKS: Readonly<Record<string, check.ValueCheck>> = {
  "source.ip": check.address,
  "remote.ip": check.address,
  "source.principal": check.principal,
  "source.namespace": check.namespace,
  "source.serviceAccount": check.serviceAccount,
  "source.trustDomain": check.trustDomain,
  "destination.port": check.port,
  "request.auth.principal": check.requestPrincipal,
  [PROTOCOL_KEY]: check.protocol,
};

function checkOfKey(key: string): check.ValueCheck {
  return (Object.hasOwn(KEY_CHECKS, key) ? KEY_CHECKS[key] : undefined) ?? check.ends;
}
