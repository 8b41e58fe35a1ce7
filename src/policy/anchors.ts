import type { Anchors, Key } from "../match/rule-index.ts";
import { isPlainExact } from "../match/string-match.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { AuthorizationRule, Condition, Operation, Source, StringMatch } from "../snapshot/model.ts";
import { claimValues } from "./claims.ts";
import { accountOf } from "./service-account.ts";

/**
 * By what a rule is found: plain paths, where each of its operations names some, and one property beside, of which each of its
 * sources, or of its operations, or one condition names plain values. Of several the one that tells requests apart best.
 */
export function anchorsOf({ from, to, when = [] }: AuthorizationRule): Anchors {
  const paths = complete(to?.map((operation) => operation.paths?.map(pathAnchor)));
  const key = bySource(from) ?? byCondition(when) ?? byOperation(to) ?? bySource(from, WIDE);
  return { ...(paths && { paths }), ...(key && { key }) };
}

type KeyAnchor = NonNullable<Anchors["key"]>;
/** The plain values that a part of a rule wants; undefined: it wants none; null among them: some is a pattern. */
type Wanted<T> = (part: T) => readonly (string | null)[] | undefined;

const PRINCIPAL: Key = { name: "principal", valueOf: ({ peer }) => peer.principal };
const ACCOUNT: Key = { name: "account", valueOf: accountOf };
const NAMESPACE: Key = { name: "namespace", valueOf: ({ peer }) => peer.namespace };
const TRUST_DOMAIN: Key = { name: "trust domain", valueOf: ({ peer }) => peer.trustDomain };
const METHOD: Key = { name: "method", valueOf: ({ method }) => method };
const HOST: Key = { name: "host", valueOf: ({ host, authority }) => (host === authority ? host : [host, authority]) };
const REQUEST_PRINCIPAL: Key = {
  name: "request principal",
  valueOf: (_, tokens) => valuesIn(tokens, ({ principal }) => principal),
};

const NARROW: readonly (readonly [Key, Wanted<Source>])[] = [
  [PRINCIPAL, ({ principals }) => principals?.map(plain)],
  [ACCOUNT, ({ serviceAccounts }) => serviceAccounts],
  [
    REQUEST_PRINCIPAL,
    ({ requestPrincipals }) =>
      requestPrincipals?.map(({ issuer, subject }) =>
        isPlainExact(issuer) && isPlainExact(subject) ? `${issuer.value}/${subject.value}` : null,
      ),
  ],
];

/** Many callers share these. */
const WIDE: readonly (readonly [Key, Wanted<Source>])[] = [
  [NAMESPACE, ({ namespaces }) => namespaces?.map(plain)],
  [TRUST_DOMAIN, ({ trustDomains }) => trustDomains?.map(plain)],
];

const OF_OPERATIONS: readonly (readonly [Key, Wanted<Operation>])[] = [
  [HOST, ({ hosts }) => hosts?.map(plain)],
  [METHOD, ({ methods }) => methods?.map(plain)],
];

function bySource(from: readonly Source[] | undefined, keys = NARROW): KeyAnchor | undefined {
  return firstComplete(from, keys);
}

function byOperation(to: readonly Operation[] | undefined): KeyAnchor | undefined {
  return firstComplete(to, OF_OPERATIONS);
}

function firstComplete<T>(
  parts: readonly T[] | undefined,
  keys: readonly (readonly [Key, Wanted<T>])[],
): KeyAnchor | undefined {
  for (const [key, wanted] of keys) {
    const values = complete(parts?.map(wanted));
    if (values) return { ...key, values };
  }
  return undefined;
}

/** All conditions must hold: any of them will do. */
function byCondition(when: readonly Condition[]): KeyAnchor | undefined {
  for (const { key, values } of when) {
    const of = keyOfCondition(key);
    const wanted = of && complete([values?.map((value) => (typeof value === "string" ? null : plain(value)))]);
    if (of && wanted) return { ...of, values: wanted };
  }
  return undefined;
}

function keyOfCondition(key: Condition["key"]): Key | null {
  switch (key.kind) {
    case "source.principal":
      return PRINCIPAL;
    case "source.serviceAccount":
      return ACCOUNT;
    case "request.auth.principal":
      return REQUEST_PRINCIPAL;
    case "request.auth.claims": {
      const { path } = key;
      return {
        name: `claim ${JSON.stringify(path)}`,
        valueOf: (_, tokens) => valuesIn(tokens, (token) => claimValues(token, path)),
      };
    }
    // Headers come on several lines; what else there is tells few requests apart.
    case "header":
    case "source.namespace":
    case "source.trustDomain":
    case "source.ip":
    case "remote.ip":
    case "connection.sni":
    case "protocol":
    case "request.auth.audiences":
    case "request.auth.presenter":
    case "request.auth.key.id":
    case "request.auth.key.name":
    case "request.auth.key.plan":
    case "request.auth.key.labels":
      return null;
  }
}

/** Of all tokens: which of them a rule wants is for the rule to say. */
function valuesIn(
  tokens: readonly VerifiedToken[],
  valueOf: (token: VerifiedToken) => string | readonly string[] | null,
): string | readonly string[] | null {
  const [first, second] = tokens;
  if (first === undefined) return null;
  return second === undefined ? valueOf(first) : tokens.flatMap((token) => valueOf(token) ?? []);
}

function plain(match: StringMatch): string | null {
  return isPlainExact(match) ? match.value : null;
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
