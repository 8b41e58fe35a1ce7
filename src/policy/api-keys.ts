import { changedHeaders, type HeaderChange } from "../request/changes.ts";
import type { ApiKey, ApiKeyFact } from "../request/api-key-fact.ts";
import type { RequestFacts } from "../request/facts.ts";
import { isPreflight } from "../request/preflight.ts";
import type { ApiKeyPolicyModel } from "../snapshot/api-key-model.ts";

/** The APIKeyPolicies of one set, ready. */
export interface LinkedKeys {
  readonly headers: readonly KeyHeader[];
  /** The first that asks for a key; null: none does. */
  readonly required: string | null;
}

interface KeyHeader {
  readonly header: string;
  readonly remove: HeaderChange;
  /** By the namespace whose keys they take. */
  readonly policies: ReadonlyMap<string, string>;
  /** Who tells what is no key of anybody's here. */
  readonly first: string;
}

/** A key that was sent and must be looked up. The key itself stands in the request alone. */
export interface ApiKeyNeed {
  readonly kind: "api_key";
  readonly header: string;
}

type KeyRefusal = "api_key_missing" | "api_key_unknown" | "api_key_expired" | "api_key_revoked" | "api_key_unavailable";

export type KeyCheck =
  | {
      readonly kind: "identified";
      /** Null: there was none, and none is asked for. */
      readonly key: ApiKey | null;
      readonly changes: readonly HeaderChange[];
    }
  | { readonly kind: "need"; readonly needs: readonly ApiKeyNeed[] }
  | {
      readonly kind: "refused";
      readonly code: KeyRefusal;
      readonly policy: string;
      readonly changes: readonly HeaderChange[];
    };

/** @returns null where there are none: then nothing of this costs anything */
export function linkKeys(policies: readonly ApiKeyPolicyModel[]): LinkedKeys | null {
  if (policies.length === 0) return null;
  const headers = keyHeadersOf(policies).map((header): KeyHeader => {
    const own = policies.filter((policy) => policy.header === header);
    return {
      header,
      remove: { op: "remove", name: header },
      policies: new Map(own.toReversed().map(({ namespace, name }) => [namespace, name])),
      first: own[0]?.name ?? "",
    };
  });
  return { headers, required: policies.find(({ required }) => required === true)?.name ?? null };
}

/** Each once, sorted. */
export function keyHeadersOf(policies: readonly ApiKeyPolicyModel[]): readonly string[] {
  return [...new Set(policies.map(({ header }) => header))].sort();
}

const NOTHING: readonly never[] = [];

/**
 * Judges a request by the key that its client sent: whatever changes of headers stand in between, the key is the client's. One that
 * is there must be good, each of them. A CORS preflight carries none and is not asked.
 */
export function identifyKey(keys: LinkedKeys, facts: RequestFacts): KeyCheck {
  let changes: HeaderChange[] | null = null;
  let needs: ApiKeyNeed[] | null = null;
  let refused: { readonly code: KeyRefusal; readonly policy: string } | null = null;
  let accepted: ApiKey | null = null;
  const isAsked = !isPreflight(facts);
  for (const of of keys.headers) {
    const fact = factOf(of, facts);
    if (fact === null) continue;
    (changes ??= []).push(of.remove);
    if (!isAsked) continue;
    if (fact === undefined) (needs ??= []).push({ kind: "api_key", header: of.header });
    else {
      const code = refusalOf(fact, of, facts.startedAt);
      if (code !== null) refused ??= { code, policy: of.first };
      else if (fact.state === "known") accepted ??= fact.key;
    }
  }
  if (needs !== null) return { kind: "need", needs };
  if (isAsked && refused === null && accepted === null && keys.required !== null)
    refused = { code: "api_key_missing", policy: keys.required };
  if (refused !== null) return { kind: "refused", ...refused, changes: changes ?? NOTHING };
  return { kind: "identified", key: accepted, changes: changes ?? NOTHING };
}

/** Where nothing at all is known of keys there was none: who makes facts says of each header what came. */
function factOf({ header }: KeyHeader, { apiKeys }: RequestFacts): ApiKeyFact | null | undefined {
  return apiKeys === undefined ? null : apiKeys.get(header);
}

function refusalOf(fact: ApiKeyFact, { policies }: KeyHeader, now: number): KeyRefusal | null {
  switch (fact.state) {
    case "known": {
      const { namespace, expiresAt } = fact.key;
      // Another namespace's key says nothing here, not even that it is one.
      if (!policies.has(namespace)) return "api_key_unknown";
      return expiresAt !== null && expiresAt <= now ? "api_key_expired" : null;
    }
    case "revoked":
      return policies.has(fact.namespace) ? "api_key_revoked" : "api_key_unknown";
    case "unavailable":
      return "api_key_unavailable";
    case "unknown":
    case "malformed":
      return "api_key_unknown";
  }
}

/**
 * The request as a workload's policies see it. Who may write in a Gateway's namespace makes keys there of any name and plan: they say
 * nothing to policies of others.
 *
 * @param namespaces whose keys those policies know
 */
export function withKnownKey(facts: RequestFacts, namespaces: readonly string[] | undefined): RequestFacts {
  const { apiKey } = facts;
  if (apiKey === undefined || namespaces?.includes(apiKey.namespace) === true) return facts;
  return { ...facts, apiKey: undefined };
}

/** The request as everything behind this sees it: with whose key it was, and without the key. */
export function withKey(facts: RequestFacts, key: ApiKey | null, changes: readonly HeaderChange[]): RequestFacts {
  if (changes.length === 0 && key === null) return facts;
  return { ...facts, headers: changedHeaders(facts.headers, changes), ...(key !== null && { apiKey: key }) };
}
