import { linkAny } from "../match/string-match.ts";
import { type HeaderFormat, headersIn, parseFormat } from "../request/header-format.ts";
import { foldedName, type NamePatterns, type NameTest } from "../request/header-names.ts";
import { isDropped } from "../request/headers.ts";
import type { ExternalAuthorizer, HeaderNames, PolicySet, Slice } from "../snapshot/model.ts";
import { type LinkedPolicies, linkPolicies } from "./authorization.ts";
import type { LinkContext } from "./conditions.ts";
import { enforced } from "./policy-set.ts";

/** Somebody who is asked whether requests may pass, ready. */
export interface LinkedAuthorizer {
  readonly name: string;
  readonly model: ExternalAuthorizer;
  /** Of the request's headers those that it is told. */
  readonly told: NameTest;
  readonly added: readonly { readonly name: string; readonly format: HeaderFormat }[];
  /** Of its answer's headers those that the request is sent on with. */
  readonly toService: NameTest;
  /** Those, and whatever a server may take for one of them. */
  readonly fills: NameTest;
  /** What the client gets of a refusal. */
  readonly toClientOnDeny: NameTest;
  readonly toClientOnAllow: NameTest;
}

interface LinkedCheck {
  readonly provider: string;
  /** Null: there is nobody of that name. What the policies match is refused. */
  readonly authorizer: LinkedAuthorizer | null;
  readonly policies: LinkedPolicies;
}

/** The CUSTOM policies of one workload. */
export interface LinkedCustom {
  /** One a provider, in the order of their names, as in Istio. */
  readonly checks: readonly LinkedCheck[];
  /** Headers that only a provider may fill: what a client wrote there is taken away, however it is spelt (R9). */
  readonly claims: NameTest;
}

/** Who says who they are by themselves: a client may send these although a provider fills them. */
const CREDENTIALS = new Set(["authorization", "cookie"]);

/** What frames a message or belongs to a connection is nobody's to set, beside what the mesh alone may say. */
const FRAMING = new Set(["host", "content-length", "content-encoding", "content-type", "upgrade", "cf-connecting-ip"]);
const OURS = new Set(["x-request-id", "traceparent", "tracestate"]);
/** The request that asks has its own. */
const NOT_TOLD = new Set(["host", "content-length", "upgrade"]);

/** Whether a provider may set a header of the request, by a name in small letters. */
export function isSettable(name: string): boolean {
  return !FRAMING.has(name) && !OURS.has(name) && !isDropped(name);
}

/** @returns null where no CUSTOM policy counts */
export function linkCustom(
  { custom = [] }: PolicySet,
  authorizers: ReadonlyMap<string, LinkedAuthorizer>,
  context: LinkContext,
): LinkedCustom | null {
  const policies = enforced(custom);
  if (policies.length === 0) return null;
  const providers = [...new Set(policies.map(({ provider }) => provider))].sort();
  const checks = providers.map((provider) => ({
    provider,
    authorizer: authorizers.get(provider) ?? null,
    // What is unsure is asked about.
    policies: linkPolicies(
      policies.filter((policy) => policy.provider === provider),
      true,
      context,
    ),
  }));
  const fills = filledBy(checks.flatMap(({ authorizer }) => authorizer ?? []));
  return { checks, claims: (name) => !CREDENTIALS.has(name) && fills(name) };
}

/** Whether one of them may fill a header, or one that a server may take for it. */
export function filledBy(authorizers: readonly LinkedAuthorizer[]): NameTest {
  return (name) => authorizers.some(({ fills }) => fills(name));
}

/** Whether a provider of the set may fill a header. */
export function filledByProviders(
  custom: PolicySet["custom"] = [],
  of: ReadonlyMap<string, LinkedAuthorizer>,
): NameTest {
  return filledBy(enforced(custom).flatMap(({ provider }) => of.get(provider) ?? []));
}

/** Those whom a slice may ask, by name. */
export function linkAuthorizers({ authorizers = {} }: Slice): ReadonlyMap<string, LinkedAuthorizer> {
  return new Map(Object.entries(authorizers).map(([name, model]) => [name, linkAuthorizer(name, model)]));
}

function linkAuthorizer(name: string, model: ExternalAuthorizer): LinkedAuthorizer {
  const { told = [], added = [], toService = [], toClientOnDeny, toClientOnAllow = [] } = model;
  const isTold = linkAny(told, false);
  const isForService = linkAny(toService, false);
  const isLikeForService = linkAny(toService.map(folded), false);
  const isForClient = linkAny(toClientOnAllow, false);
  const isForDenied = toClientOnDeny === undefined ? () => true : linkAny(toClientOnDeny, false);
  return {
    name,
    model,
    told: (header) => header === "authorization" || (!NOT_TOLD.has(header) && isTold(header)),
    added: added.map(([header, text]) => ({ name: header, format: formatOf(text) })),
    toService: (header) => isSettable(header) && isForService(header),
    fills: (header) => {
      if (isSettable(header) && isForService(header)) return true;
      const plain = foldedName(header);
      return isSettable(plain) && isLikeForService(plain);
    },
    toClientOnDeny: (header) =>
      isPassable(header) && (header === "www-authenticate" || header === "location" || isForDenied(header)),
    toClientOnAllow: (header) => isPassable(header) && isForClient(header),
  };
}

/** Of an answer: the body comes decoded, the request's id is the mesh's. */
function isPassable(name: string): boolean {
  return name === "content-type" || isSettable(name);
}

function formatOf(text: string): HeaderFormat {
  const format = parseFormat(text);
  if (!format.ok) throw new Error("the slice holds a header that is no format");
  return format.value;
}

/** Headers that providers fill, by those of their names that are no patterns, lower case. */
export function providedHeaders({ authorizers = {} }: Slice): readonly string[] {
  return Object.values(authorizers).flatMap(({ toService = [] }) =>
    toService.flatMap((match) => (match.kind === "exact" ? match.value : [])),
  );
}

/** Headers of the request that providers are told, by those of their names that are no patterns, lower case. */
export function toldHeaders(authorizers: Iterable<LinkedAuthorizer>): readonly string[] {
  return [...authorizers].flatMap(({ model, added }) => [
    ...(model.told ?? []).flatMap((match) => (match.kind === "exact" ? match.value : [])),
    ...added.flatMap(({ format }) => headersIn(format)).filter((name) => !name.startsWith(":")),
  ]);
}

/**
 * What patterns of theirs say of the request's headers that they are told; null: there is none. Of two that mean one header each by
 * its own separator neither is told the other's spelling: none goes on.
 */
export function toldByPatterns(authorizers: Iterable<LinkedAuthorizer>): NamePatterns | null {
  const asked = [...authorizers].flatMap(({ model: { told = [] } }) => {
    const patterns = told.flatMap((match) => (match.kind === "prefix" || match.kind === "suffix" ? [match] : []));
    return patterns.length === 0
      ? []
      : [{ patterns, isTold: linkAny(told, false), isLike: linkAny(patterns.map(folded), false) }];
  });
  if (asked.length === 0) return null;
  const patterns = asked.flatMap((one) => one.patterns);
  const spellings = patterns.map(spellingOf);
  return {
    isOther: (name) => {
      const plain = foldedName(name);
      let isMeant = false;
      for (const { isLike, isTold } of asked) {
        if (!isLike(plain)) continue;
        if (!isTold(name)) return true;
        isMeant = true;
      }
      return isMeant && !spellings.some((isSpelt) => isSpelt(name));
    },
    isAny: patterns.some(({ value }) => value !== foldedName(value)),
  };
}

type Pattern = Extract<HeaderNames[number], { readonly kind: "prefix" | "suffix" }>;

function folded(match: HeaderNames[number]): HeaderNames[number] {
  return "value" in match ? { ...match, value: foldedName(match.value) } : match;
}

/** What a pattern leaves open is spelt with the separator next to it, with `-` where it has none: else one header had two names. */
function spellingOf({ kind, value }: Pattern): NameTest {
  const separators = value.replace(/[^-_.]/g, "");
  const own = (kind === "prefix" ? separators.at(-1) : separators[0]) ?? "-";
  return (name) => {
    if (!(kind === "prefix" ? name.startsWith(value) : name.endsWith(value))) return false;
    const open = kind === "prefix" ? name.slice(value.length) : name.slice(0, name.length - value.length);
    return open.replaceAll(own, "").search(/[-_.]/) === -1;
  };
}
