import { isApiKey } from "../../src/identity/api-key.ts";
import type { ApiKeyFact } from "../../src/request/api-key-fact.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { Call } from "./call.ts";

const MALFORMED: ApiKeyFact = { state: "malformed" };

/** What is known already of the API keys that the client sent: where none was, what has no key's form, and what was looked up before. */
export function knowKeys(call: Call, facts: RequestFacts, keyHeaders: readonly string[]): RequestFacts {
  const known = new Map<string, ApiKeyFact | null>();
  for (const header of keyHeaders) {
    const text = facts.headers[header];
    const fact = text === undefined ? null : factOf(call, text);
    if (fact !== undefined) known.set(header, fact);
  }
  call.apiKeys = known;
  return { ...facts, apiKeys: known };
}

/** Known ones first: they need no look at their form. */
function factOf({ mesh }: Call, text: string): ApiKeyFact | undefined {
  return mesh.apiKeys.cached(text) ?? (isApiKey(text) ? undefined : MALFORMED);
}

/** Asks whose the key in a header is. Never rejects. */
export async function lookUpKey({ mesh, apiKeys, facts, lease }: Call, header: string): Promise<void> {
  const text = facts.headers[header];
  if (apiKeys === null || text === undefined || apiKeys.has(header)) return;
  apiKeys.set(header, await mesh.apiKeys.find(text, lease));
}
