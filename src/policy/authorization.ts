import { type HeaderTest, linkAnyValue, linkEveryValue } from "../match/header-values.ts";
import { allOf, type Anchors, anyOf, type Rule, RuleIndex, type Test } from "../match/rule-index.ts";
import { concluded, isSecretHeader } from "../match/secret-test.ts";
import { isPlainExact, linkAny, linkMatch, type Matcher } from "../match/string-match.ts";
import type {
  AuthorizationPolicyModel,
  AuthorizationRule,
  Condition,
  Operation,
  RequestPrincipalMatch,
  Source,
  StringMatch,
} from "../snapshot/model.ts";
import { claimValues } from "./claims.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";

interface LinkedRule extends Rule {
  readonly policy: string;
}

/** The policies of one action on one workload, found by path and principal. */
export interface LinkedPolicies {
  /** How many policies there are: an ALLOW without rules allows nothing, yet closes what it selects. */
  readonly count: number;
  /** `ns/name` of each. */
  readonly names: readonly string[];
  readonly rules: RuleIndex<LinkedRule>;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly code: "rbac_denied_matched_policy" | "rbac_denied_no_allow" | "allowed";
  /** `ns/name` of the policy that decided. */
  readonly policy: string | null;
}

const OPEN: Verdict = { allowed: true, code: "allowed", policy: null };
const NO_ALLOW: Verdict = { allowed: false, code: "rbac_denied_no_allow", policy: null };

/** Whether nothing can be refused. */
export function isOpen(deny: LinkedPolicies, allow: LinkedPolicies): boolean {
  return deny.rules.size === 0 && allow.count === 0;
}

/** DENY before ALLOW; a workload without ALLOW policies is open, as in Istio. */
export function authorize(
  deny: LinkedPolicies,
  allow: LinkedPolicies,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
): Verdict {
  const denied = firstPolicy(deny, facts, tokens);
  if (denied !== null) return { allowed: false, code: "rbac_denied_matched_policy", policy: denied };
  if (allow.count === 0) return OPEN;
  const allowed = firstPolicy(allow, facts, tokens);
  return allowed === null ? NO_ALLOW : { allowed: true, code: "allowed", policy: allowed };
}

const principalOf = ({ peer }: RequestFacts): string | null => peer.principal;

/** `ns/name` of the first policy of which a rule holds; null: none does. */
export function firstPolicy(
  { rules }: LinkedPolicies,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
): string | null {
  return rules.size === 0 ? null : (rules.find(facts, tokens, principalOf)?.policy ?? null);
}

/** Where rules are asked, and what of a request is not recorded there. */
export interface LinkContext {
  readonly stage: "gateway" | "destination";
  /** Headers that may hold a token, lower case. */
  readonly secretHeaders: ReadonlySet<string>;
}

/** @param deny what is unsure (a pattern that fails, one value of several) then counts as a match */
export function linkPolicies(
  policies: readonly AuthorizationPolicyModel[],
  deny: boolean,
  context: LinkContext,
): LinkedPolicies {
  const rules = policies.flatMap(({ name, rules: list }) =>
    list.map((rule) => ({ anchors: anchorsOf(rule), rule: { policy: name, holds: linkRule(rule, deny, context) } })),
  );
  return { count: policies.length, names: policies.map(({ name }) => name), rules: new RuleIndex(rules) };
}

/** A rule whose every operation names plain paths is found by them, one whose every source names principals by those. */
function anchorsOf({ from, to }: AuthorizationRule): Anchors {
  const paths = to?.map(({ paths: list }) => list?.map(pathAnchor));
  const principals = from?.map(({ principals: list }) =>
    list?.map((match) => (isPlainExact(match) ? match.value : null)),
  );
  const anchoredPaths = complete(paths);
  const anchoredPrincipals = complete(principals);
  return {
    ...(anchoredPaths && { paths: anchoredPaths }),
    ...(anchoredPrincipals && { key: { name: "principal", values: anchoredPrincipals } }),
  };
}

function pathAnchor(match: StringMatch): { kind: "exact" | "prefix"; value: string } | null {
  if (match.kind === "exact" && match.ignoreCase === undefined) return { kind: "exact", value: match.value };
  return match.kind === "prefix" && match.ignoreCase === undefined ? { kind: "prefix", value: match.value } : null;
}

/** All members of all lists, or undefined where a list is missing or a member is none. */
function complete<T>(lists: readonly (readonly (T | null)[] | undefined)[] | undefined): readonly T[] | undefined {
  if (lists === undefined || lists.length === 0) return undefined;
  const all: T[] = [];
  for (const list of lists) {
    if (list === undefined) return undefined;
    for (const member of list) {
      if (member === null) return undefined;
      all.push(member);
    }
  }
  return all;
}

function linkRule({ from, to, when }: AuthorizationRule, deny: boolean, context: LinkContext): Test {
  const parts: Test[] = [];
  if (from && from.length > 0) parts.push(anyOf(from.map((source) => linkSource(source, deny))));
  if (to && to.length > 0) parts.push(anyOf(to.map((operation) => linkOperation(operation, deny))));
  for (const condition of when ?? []) parts.push(linkCondition(condition, deny, context));
  return allOf(parts);
}

/** A pair of lists of which one says "one of these" and the other "none of these". */
function addPair(
  parts: Test[],
  wanted: readonly StringMatch[] | undefined,
  unwanted: readonly StringMatch[] | undefined,
  valueOf: (facts: RequestFacts) => string | null,
  deny: boolean,
): void {
  if (wanted) {
    const matches = linkAny(wanted, deny);
    parts.push((facts) => matches(valueOf(facts)));
  }
  if (unwanted) {
    const matches = linkAny(unwanted, !deny);
    parts.push((facts) => !matches(valueOf(facts)));
  }
}

function linkSource(source: Source, deny: boolean): Test {
  const parts: Test[] = [];
  addPair(parts, source.principals, source.notPrincipals, ({ peer }) => peer.principal, deny);
  addPair(parts, source.namespaces, source.notNamespaces, ({ peer }) => peer.namespace, deny);
  if (source.requestPrincipals) {
    const matches = linkRequestPrincipals(source.requestPrincipals, deny);
    parts.push((_, tokens) => overTokens(tokens, deny, matches));
  }
  if (source.notRequestPrincipals) {
    const matches = linkRequestPrincipals(source.notRequestPrincipals, !deny);
    parts.push((_, tokens) => noneOfTokens(tokens, deny, matches));
  }
  return allOf(parts);
}

function linkRequestPrincipals(
  list: readonly RequestPrincipalMatch[],
  onError: boolean,
): (token: VerifiedToken) => boolean {
  const linked = list.map(({ issuer, subject }) => ({
    issuer: linkMatch(issuer, onError),
    subject: linkMatch(subject, onError),
  }));
  return (token) => linked.some(({ issuer, subject }) => issuer(token.issuer) && subject(token.subject));
}

/** No token never matches; of several, a permission wants each to match and a denial any. */
function overTokens(
  tokens: readonly VerifiedToken[],
  deny: boolean,
  matches: (token: VerifiedToken) => boolean,
): boolean {
  if (tokens.length === 0) return false;
  return deny ? tokens.some(matches) : tokens.every(matches);
}

function noneOfTokens(
  tokens: readonly VerifiedToken[],
  deny: boolean,
  matches: (token: VerifiedToken) => boolean,
): boolean {
  if (tokens.length === 0) return true;
  return deny ? !tokens.every(matches) : !tokens.some(matches);
}

function linkOperation(operation: Operation, deny: boolean): Test {
  const parts: Test[] = [];
  // With and without the port: a rule for `admin.test` also means `admin.test:8080` (R4).
  if (operation.hosts) {
    const matches = linkAny(operation.hosts, deny);
    parts.push(({ host, authority }) => matches(host) || matches(authority));
  }
  if (operation.notHosts) {
    const matches = linkAny(operation.notHosts, !deny);
    parts.push(({ host, authority }) => !matches(host) && !matches(authority));
  }
  addPair(parts, operation.methods, operation.notMethods, ({ method }) => method, deny);
  addPair(parts, operation.paths, operation.notPaths, ({ path }) => path, deny);
  return allOf(parts);
}

/** Tests a list of values; null is "not there". */
type ListTest = (values: readonly string[] | null) => boolean;

function linkCondition(condition: Condition, deny: boolean, context: LinkContext): Test {
  const { key, values, notValues } = condition;
  if (key.kind === "header") {
    const holds = linkHeader(key.name, values, notValues, deny);
    return isSecretHeader(key.name, context.secretHeaders)
      ? concluded(context.stage, { deny, when: condition }, holds)
      : holds;
  }
  const parts: ListTest[] = [];
  // What a token lists (audiences, claims) was signed by its issuer: one member is enough, as in Istio.
  if (values) parts.push(wantedList(linkAny(values, deny)));
  if (notValues) parts.push(unwantedList(linkAny(notValues, !deny)));
  const test: ListTest = (list) => parts.every((part) => part(list));
  switch (key.kind) {
    case "source.principal":
      return ({ peer }) => test(single(peer.principal));
    case "source.namespace":
      return ({ peer }) => test(single(peer.namespace));
    case "protocol":
      return ({ protocol }) => test([protocol]);
    case "request.auth.principal":
      return tokenTest(test, deny, (token) => [token.principal]);
    case "request.auth.audiences":
      return tokenTest(test, deny, ({ audiences }) => audiences);
    case "request.auth.presenter":
      return tokenTest(test, deny, ({ presenter }) => single(presenter));
    case "request.auth.claims": {
      const { path } = key;
      return tokenTest(test, deny, (token) => claimValues(token, path));
    }
  }
}

/**
 * A header's values are the client's to multiply: what is unsure denies (R6). Of values that are wanted a denial takes any and
 * a permission wants every one; of values that are not, a permission fears any, and a denial holds unless every one is there.
 */
function linkHeader(
  name: string,
  values: readonly StringMatch[] | undefined,
  notValues: readonly StringMatch[] | undefined,
  deny: boolean,
): Test {
  const parts: HeaderTest[] = [];
  if (values) parts.push(deny ? linkAnyValue(name, values, true) : linkEveryValue(name, values, false));
  if (notValues) {
    const matches = deny ? linkEveryValue(name, notValues, false) : linkAnyValue(name, notValues, true);
    parts.push((text) => !matches(text));
  }
  return ({ headers }) => {
    const text = headers[name] ?? null;
    return parts.every((part) => part(text));
  };
}

function single(value: string | null): readonly string[] | null {
  return value === null ? null : [value];
}

function wantedList(matches: Matcher): ListTest {
  return (values) => values !== null && values.some(matches);
}

function unwantedList(matches: Matcher): ListTest {
  return (values) => values === null || !values.some(matches);
}

function tokenTest(test: ListTest, deny: boolean, valuesOf: (token: VerifiedToken) => readonly string[] | null): Test {
  return (_, tokens) => {
    if (tokens.length === 0) return test(null);
    const holds = (token: VerifiedToken): boolean => test(valuesOf(token));
    return deny ? tokens.some(holds) : tokens.every(holds);
  };
}
