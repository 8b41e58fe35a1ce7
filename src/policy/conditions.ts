import { type HeaderTest, linkAnyValue, linkEveryValue } from "../match/header-values.ts";
import type { Test } from "../match/rule-index.ts";
import { concluded, isSecretHeader } from "../match/secret-test.ts";
import { linkAny, type Matcher } from "../match/string-match.ts";
import type { ApiKey } from "../request/api-key-fact.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { AddressCondition, Condition, StringMatch, TextCondition } from "../snapshot/model.ts";
import { linkAddresses } from "./addresses.ts";
import { claimValues } from "./claims.ts";
import { accountOf } from "./service-account.ts";

/** Where rules are asked, and what of a request is not recorded there. */
export interface LinkContext {
  readonly stage: "gateway" | "destination";
  /** Headers that may hold a token, lower case. */
  readonly secretHeaders: ReadonlySet<string>;
}

/** Tests a list of values; null is "not there". */
type ListTest = (values: readonly string[] | null) => boolean;

export function linkCondition(condition: Condition, deny: boolean, context: LinkContext): Test {
  if (isOfAddresses(condition)) {
    const { key, values, notValues } = condition;
    const isSource = key.kind === "source.ip";
    return linkAddresses(values, notValues, ({ sourceIp, clientIp }) => (isSource ? sourceIp : clientIp), deny);
  }
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
    case "source.trustDomain":
      return ({ peer }) => test(single(peer.trustDomain));
    case "source.serviceAccount":
      return (facts) => test(single(accountOf(facts)));
    case "connection.sni":
      // Between a Gateway and a workload, and between Workers, no TLS names a host.
      return context.stage === "gateway" ? (facts) => test(single(serverName(facts))) : () => test(null);
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
    case "request.auth.key.id":
    case "request.auth.key.name":
    case "request.auth.key.plan":
    case "request.auth.key.labels":
      return ({ apiKey }) => test(single(keyValue(key, apiKey)));
  }
}

type OfApiKey = Extract<TextCondition["key"], { readonly kind: `request.auth.key.${string}` }>;

/** @returns null where there is no key, or nothing of it */
export function keyValue(of: OfApiKey, key: ApiKey | undefined): string | null {
  if (key === undefined) return null;
  switch (of.kind) {
    case "request.auth.key.id":
      return key.id;
    case "request.auth.key.name":
      return key.name;
    case "request.auth.key.plan":
      return key.plan;
    case "request.auth.key.labels":
      return Object.hasOwn(key.labels, of.name) ? (key.labels[of.name] ?? null) : null;
  }
}

function isOfAddresses(condition: Condition): condition is AddressCondition {
  const { kind } = condition.key;
  return kind === "source.ip" || kind === "remote.ip";
}

/** The platform takes a host name's TLS by its certificate: SNI and host are one. */
function serverName({ entrance, scheme, host }: RequestFacts): string | null {
  return entrance === "public" && scheme === "https" ? host : null;
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
