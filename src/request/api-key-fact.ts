/** Whose an API key is, and what is known of it. Without the key itself, so that it may be recorded. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  /** Whose it is: policies of other namespaces take it for unknown. */
  readonly namespace: string;
  readonly plan: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Epoch ms; null: it does not end by itself. */
  readonly expiresAt: number | null;
}

/** What is known of what was sent as a key. `malformed`: nobody needs to be asked; `unavailable`: nobody could be. */
export type ApiKeyFact =
  | { readonly state: "known"; readonly key: ApiKey }
  | { readonly state: "revoked"; readonly namespace: string }
  | { readonly state: "unknown" | "malformed" | "unavailable" };

/** By the header, lower case; null: it was not sent; absent: not known yet. */
export type ApiKeyFacts = ReadonlyMap<string, ApiKeyFact | null>;
