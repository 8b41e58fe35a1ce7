import type { ClientTls } from "../identity/client-tls.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { HypotheticalCheck } from "./hypothetical-checks.ts";
import type { FoundKeys, HypotheticalKey } from "./hypothetical-keys.ts";
import type { HypotheticalToken } from "./told-token.ts";

/** A request that nobody sent, as somebody tells it. Untrusted; nothing of it is canonical. */
export interface HypotheticalFacts {
  /** Absent: `http`. */
  readonly protocol?: RequestFacts["protocol"] | undefined;
  readonly method: string;
  /** Absent: https at port 443, else http. */
  readonly scheme?: "http" | "https" | undefined;
  /** What is dialled, with a port or without. */
  readonly host: string;
  /** The Host header, where it is another one. */
  readonly authority?: string | undefined;
  readonly port?: number | undefined;
  readonly path: string;
  /** Without `?`. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** The SPIFFE ID that is proven, with its scheme or without. */
  readonly peer: { readonly principal: string } | null;
  readonly clientIp: string | null;
  /** Where a Gateway asks for it; absent: TLS 1.3 for https, with the peer's certificate. */
  readonly tls?: ClientTls | undefined;
  readonly tokens: readonly HypotheticalToken[];
  /** Epoch seconds: tokens that the request itself holds are read, and count as signed. Absent: only those count that are told. */
  readonly now?: number | undefined;
  /** Whose API key comes with it; absent: what its headers hold. */
  readonly apiKey?: HypotheticalKey | undefined;
  /** What is known of keys in its headers; absent: nothing. */
  readonly foundKeys?: FoundKeys | undefined;
  /** What external authorizers answer. */
  readonly checks?: readonly HypotheticalCheck[] | undefined;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly seed: number;
}

/** What cannot be a request, by the field that says it. */
export interface Problem {
  /** Path below the facts; empty for the scope. */
  readonly field: string;
  readonly message: string;
}
