import { z } from "zod";
import type { RequestFacts } from "../request/facts.ts";
import { neverCanonical } from "./canonical-path.ts";
import { choice, later, list, never, strict } from "./fields.ts";
import { isHeaderName } from "./header-operations.ts";
import { checkDryRun } from "./dry-run.ts";
import type { Context } from "./kind.ts";
import { neverMethod } from "./never-matches.ts";
import type { Report } from "./report.ts";
import { warnOfEmptySelector, WorkloadSelector } from "./selector.ts";
import type { StringMatchSpec } from "./string-match.ts";

const values = list(z.string().min(1)).exactOptional();

const Source = strict(
  {
    principals: values,
    notPrincipals: values,
    requestPrincipals: values,
    notRequestPrincipals: values,
    namespaces: values,
    notNamespaces: values,
  },
  {
    serviceAccounts: later("`principals` works"),
    notServiceAccounts: later("`notPrincipals` works"),
    trustDomains: later("`principals` works, such as `cluster.local/*`"),
    notTrustDomains: later("`notPrincipals` works, such as `cluster.local/*`"),
    ipBlocks: later(),
    notIpBlocks: later(),
    remoteIpBlocks: later(),
    notRemoteIpBlocks: later(),
  },
);

const Operation = strict(
  { hosts: values, notHosts: values, methods: values, notMethods: values, paths: values, notPaths: values },
  { ports: later(), notPorts: later() },
);

/** Keys that Istio knows and we refuse. */
const REFUSED_KEYS: Readonly<Record<string, string>> = {
  "source.ip": later(),
  "remote.ip": later(),
  "source.serviceAccount": later("`source.principal` works"),
  "source.trustDomain": later("`source.principal` works, such as `cluster.local/*`"),
  "destination.port": later(),
  "connection.sni": later("`hosts` works"),
  "destination.ip": never("a Worker has no address"),
};
/** Ours: tells a call of Workers RPC from the HTTP request with the same method and path. */
export const PROTOCOL_KEY = "tulle.dev/protocol";
const PROTOCOLS: readonly string[] = ["http", "workers-rpc"] satisfies RequestFacts["protocol"][];
const PLAIN_KEYS = new Set([
  PROTOCOL_KEY,
  "source.principal",
  "source.namespace",
  "request.auth.principal",
  "request.auth.audiences",
  "request.auth.presenter",
]);
const HEADER_KEY = /^request\.headers\[(.+)\]$/;
const CLAIM_KEY = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/;

function keyProblem(key: string): string | null {
  if (PLAIN_KEYS.has(key) || CLAIM_KEY.test(key)) return null;
  const header = HEADER_KEY.exec(key)?.[1];
  if (header !== undefined) return isHeaderName(header) ? null : `\`${header}\` is no header name`;
  if (Object.hasOwn(REFUSED_KEYS, key)) return `\`${key}\`: ${REFUSED_KEYS[key]}`;
  if (key.startsWith("experimental.envoy.filters.")) return `\`${key}\`: ${never("there are no Envoy filters")}`;
  return `\`${key}\` is no condition; use request.headers[name], ${[...PLAIN_KEYS].join(", ")} or request.auth.claims[name]`;
}

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

export const AuthorizationPolicy = strict(
  {
    selector: WorkloadSelector.exactOptional(),
    action: choice(["ALLOW", "DENY", "AUDIT"], { CUSTOM: later() }).exactOptional(),
    rules: z.array(Rule).max(512).exactOptional(),
  },
  { targetRef: later("use `selector`"), targetRefs: later("use `selector`"), provider: later() },
);

/** An absent `action` is ALLOW. Absent or empty `rules` match nothing, a rule `{}` matches all. */
export type AuthorizationPolicySpec = z.infer<typeof AuthorizationPolicy>;
type RuleSpec = z.infer<typeof Rule>;

/** @returns the path of a key `request.auth.claims[a][b]`: `["a", "b"]`; null for another key */
export function claimPath(key: string): readonly string[] | null {
  const brackets = CLAIM_KEY.exec(key)?.[1];
  return brackets === undefined ? null : brackets.slice(1, -1).split("][");
}

/** @returns the name in a key `request.headers[name]`, lower case; null for another key */
export function headerOfKey(key: string): string | null {
  return HEADER_KEY.exec(key)?.[1]?.toLowerCase() ?? null;
}

export function checkAuthorizationPolicy(spec: AuthorizationPolicySpec, report: Report, context: Context): void {
  checkDryRun(context);
  if (spec.selector !== undefined) warnOfEmptySelector(spec.selector.matchLabels, report.at("selector"));
  if (spec.action === "DENY" && (spec.rules ?? []).length === 0)
    report.at("rules").warn("a DENY policy without rules denies nothing", "TULLE0305");
  if (spec.action === "AUDIT" && (spec.rules ?? []).length === 0)
    report.at("rules").warn("an AUDIT policy without rules matches nothing", "TULLE0305");
  if (spec.action === "DENY")
    for (const [index, rule] of (spec.rules ?? []).entries()) warnOfHttpOnly(rule, report.at("rules", index));
  for (const [index, rule] of (spec.rules ?? []).entries()) checkRule(rule, report.at("rules", index));
}

/**
 * As Istio warns: it leaves what is HTTP out of a DENY rule for TCP. Not of a rule of paths alone, the usual one: that it is
 * about HTTP goes without saying.
 */
function warnOfHttpOnly({ from, to }: RuleSpec, report: Report): void {
  const byConnection = from?.some(
    ({ source }) => source.principals ?? source.notPrincipals ?? source.namespaces ?? source.notNamespaces,
  );
  const byPathsAlone =
    from === undefined &&
    to?.every(({ operation }) => Object.keys(operation).every((field) => field === "paths" || field === "notPaths"));
  if ((to !== undefined && byPathsAlone !== true) || (from !== undefined && byConnection !== true))
    report.warn("names HTTP alone: Istio would deny all TCP of the workload too; no TCP comes through this mesh");
}

function checkRule(rule: RuleSpec, report: Report): void {
  for (const [index, { source }] of (rule.from ?? []).entries())
    checkEach(source, SOURCE_CHECKS, report.at("from", index, "source"));
  for (const [index, { operation }] of (rule.to ?? []).entries())
    checkEach(operation, OPERATION_CHECKS, report.at("to", index, "operation"));
  for (const [index, condition] of (rule.when ?? []).entries()) {
    const place = report.at("when", index);
    const { key, values: some = [], notValues: none = [] } = condition;
    if (some.length + none.length === 0) place.error("set `values` or `notValues`", "FieldValueRequired");
    const check =
      key === "source.principal"
        ? principal
        : key === "source.namespace"
          ? namespace
          : key === "request.auth.principal"
            ? requestPrincipal
            : key === PROTOCOL_KEY
              ? protocol
              : ends;
    some.forEach((value, at) => check(value, place.at("values", at)));
    none.forEach((value, at) => check(value, place.at("notValues", at)));
  }
}

type ValueCheck = (value: string, report: Report) => void;

/** Looks at each value of the given lists; an object without any list would match everything, which nobody means (R15). */
function checkEach(
  lists: Readonly<Record<string, readonly string[] | undefined>>,
  checks: Readonly<Record<string, ValueCheck>>,
  report: Report,
): void {
  const given = Object.entries(lists).filter(([, list]) => list !== undefined);
  if (given.length === 0)
    report.error("empty: it would match everything; set a field or leave it out", "FieldValueRequired");
  for (const [name, list = []] of given) list.forEach((value, index) => checks[name]?.(value, report.at(name, index)));
}

/** `*` alone, at the start or at the end; elsewhere it is an ordinary character in Istio. */
const ends: ValueCheck = (value, report) => {
  if (value.length > 2 && value.startsWith("*") && value.endsWith("*"))
    report.error("`*` may stand at one end only: Istio takes the other one literally");
  else if (value.slice(1, -1).includes("*")) report.warn("`*` in the middle is an ordinary character, not a wildcard");
};

const principal: ValueCheck = (value, report) => {
  ends(value, report);
  if (value.startsWith("spiffe://"))
    report.error("principals are written without `spiffe://`; with it they never match");
  else if (!value.includes("*") && !/^[^/]+\/ns\/[^/]+\/sa\/[^/]+$/.test(value))
    report.warn("never matches: principals have the form `trust-domain/ns/namespace/sa/service-account`", "TULLE0203");
};

const requestPrincipal: ValueCheck = (value, report) => {
  ends(value, report);
  if (!value.includes("*") && !value.includes("/"))
    report.warn("never matches: request principals have the form `issuer/subject`", "TULLE0203");
};

const namespace: ValueCheck = (value, report) => {
  if (value.slice(1, -1).includes("*") || (value.length > 1 && value.startsWith("*") && value.endsWith("*")))
    report.error(later("a namespace takes `*` at one end only"), "FieldValueNotSupported");
};

const protocol: ValueCheck = (value, report) => {
  if (!PROTOCOLS.includes(value)) report.error(`never holds: a protocol is ${PROTOCOLS.join(" or ")}`);
};

const host: ValueCheck = (value, report) => {
  ends(value, report);
  if (value.includes("/")) report.warn("never matches: a host has no scheme and no path", "TULLE0203");
};

const method: ValueCheck = (value, report) => {
  ends(value, report);
  const remark = value.startsWith("*") ? null : neverMethod(endsWithStar(value));
  if (remark !== null) report.warn(remark, "TULLE0203");
};

function endsWithStar(value: string): StringMatchSpec {
  return value.endsWith("*") ? { prefix: value.slice(0, -1) } : { exact: value };
}

const path: ValueCheck = (value, report) => {
  const problem = templateProblem(value);
  if (problem !== null) return report.error(problem);
  if (!isTemplate(value)) ends(value, report);
  const remark =
    !value.startsWith("/") && !value.startsWith("*")
      ? "never matches: a path begins with `/`"
      : neverCanonical(value.replace(/\*$/, ""));
  if (remark !== null) report.warn(remark, "TULLE0203");
};

const SOURCE_CHECKS = {
  principals: principal,
  notPrincipals: principal,
  requestPrincipals: requestPrincipal,
  notRequestPrincipals: requestPrincipal,
  namespaces: namespace,
  notNamespaces: namespace,
} satisfies Record<keyof z.infer<typeof Source>, ValueCheck>;

const OPERATION_CHECKS = {
  hosts: host,
  notHosts: host,
  methods: method,
  notMethods: method,
  paths: path,
  notPaths: path,
} satisfies Record<keyof z.infer<typeof Operation>, ValueCheck>;

/** Whether a path is a template, with `{*}` and `{**}`, and not a plain value. */
function isTemplate(value: string): boolean {
  return value.includes("{") || value.includes("}");
}

/** @returns what is wrong with a path template (`/a/{*}/b`, `/a/{**}`), or null; also null for a plain value */
function templateProblem(value: string): string | null {
  if (!isTemplate(value)) return null;
  const segments = value.split("/");
  if (segments[0] !== "") return "a path template begins with `/`";
  for (const [index, segment] of segments.entries()) {
    if (segment === "{*}" || (segment === "{**}" && !segments.slice(index + 1).some(isTemplate))) continue;
    if (segment === "{**}") return "`{**}` must be the last operator of a path template";
    if (/[{}*]/.test(segment))
      return "in a path template `{*}` and `{**}` are whole segments, and no other `{`, `}` or `*` may stand in it";
  }
  return null;
}
