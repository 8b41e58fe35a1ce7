import { allOf, anyOf, type Test } from "../match/rule-index.ts";
import { linkAny, linkMatch } from "../match/string-match.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { AuthorizationRule, Operation, RequestPrincipalMatch, Source, StringMatch } from "../snapshot/model.ts";
import { linkAddresses } from "./addresses.ts";
import { type LinkContext, linkCondition } from "./conditions.ts";
import { accountOf } from "./service-account.ts";

export function linkRule({ from, to, when }: AuthorizationRule, deny: boolean, context: LinkContext): Test {
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

function addAddresses(
  parts: Test[],
  wanted: readonly string[] | undefined,
  unwanted: readonly string[] | undefined,
  addressOf: (facts: RequestFacts) => string | null,
  deny: boolean,
): void {
  if (wanted || unwanted) parts.push(linkAddresses(wanted, unwanted, addressOf, deny));
}

function linkSource(source: Source, deny: boolean): Test {
  const parts: Test[] = [];
  addPair(parts, source.principals, source.notPrincipals, ({ peer }) => peer.principal, deny);
  addPair(parts, source.namespaces, source.notNamespaces, ({ peer }) => peer.namespace, deny);
  addPair(parts, source.trustDomains, source.notTrustDomains, ({ peer }) => peer.trustDomain, deny);
  const accounts = (list: readonly string[] | undefined) => list?.map((value) => ({ kind: "exact" as const, value }));
  addPair(parts, accounts(source.serviceAccounts), accounts(source.notServiceAccounts), accountOf, deny);
  addAddresses(parts, source.ipBlocks, source.notIpBlocks, ({ sourceIp }) => sourceIp, deny);
  addAddresses(parts, source.remoteIpBlocks, source.notRemoteIpBlocks, ({ clientIp }) => clientIp, deny);
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
