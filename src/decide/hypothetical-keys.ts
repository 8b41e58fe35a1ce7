import { isApiKey } from "../identity/api-key.ts";
import type { ApiKey, ApiKeyFact, ApiKeyFacts } from "../request/api-key-fact.ts";
import type { HeaderRecord } from "../request/headers.ts";
import { err, ok, type Result } from "../result.ts";
import type { LinkedSlice } from "../snapshot/link.ts";

/** An API key that nobody sent: whose it is, or why it is none. */
export interface HypotheticalKey {
  readonly namespace: string;
  readonly name: string;
  readonly id: string;
  readonly plan: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: it is good. */
  readonly refused?: "unknown" | "expired" | "revoked" | "unavailable" | undefined;
}

/** What is known of keys that stand in the request, by their text. */
export type FoundKeys = ReadonlyMap<string, ApiKeyFact>;

const NONE: FoundKeys = new Map();

/**
 * What a gateway would know of the request's keys. The one that is told stands wherever a key is looked for, whether something is
 * sent there or not.
 *
 * @returns undefined where no key is looked for; the header that holds one of which nobody knows whose it is
 */
export function hypotheticalKeys(
  { keyHeaders }: LinkedSlice,
  headers: HeaderRecord,
  told: HypotheticalKey | undefined,
  found: FoundKeys = NONE,
): Result<ApiKeyFacts | undefined, string> {
  if (keyHeaders === null) return ok(undefined);
  const facts = new Map<string, ApiKeyFact | null>();
  for (const header of keyHeaders) {
    const text = headers[header];
    const fact = told === undefined ? factOf(text, found) : toldFact(told);
    if (fact === undefined) return err(header);
    facts.set(header, fact);
  }
  return ok(facts);
}

function factOf(text: string | undefined, found: FoundKeys): ApiKeyFact | null | undefined {
  if (text === undefined) return null;
  return isApiKey(text) ? found.get(text) : { state: "malformed" };
}

function toldFact({ refused, ...key }: HypotheticalKey): ApiKeyFact {
  switch (refused) {
    case undefined:
      return { state: "known", key: { ...key, expiresAt: null } satisfies ApiKey };
    case "expired":
      return { state: "known", key: { ...key, expiresAt: 0 } };
    case "revoked":
      return { state: "revoked", namespace: key.namespace };
    case "unknown":
    case "unavailable":
      return { state: refused };
  }
}
