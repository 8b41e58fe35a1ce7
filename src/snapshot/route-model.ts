// What a slice says of requests: which ones a route takes, and what becomes of them. Plain JSON, as all of the model.

/** How one string is matched. Case matters unless `ignoreCase` is set. Nothing a user wrote becomes a `RegExp`: `regex` is RE2, on the whole value. */
export type StringMatch =
  | { readonly kind: "exact"; readonly value: string; readonly ignoreCase?: true }
  | { readonly kind: "prefix"; readonly value: string; readonly ignoreCase?: true }
  | { readonly kind: "suffix"; readonly value: string; readonly ignoreCase?: true }
  /** There, also when empty (Istio's header presence). */
  | { readonly kind: "present" }
  /** There and not empty (authorization's `*`). */
  | { readonly kind: "nonempty" }
  /** Of an AuthorizationPolicy's namespaces: each `*` is any characters, also none. */
  | { readonly kind: "wildcard"; readonly value: string }
  /** Path template of an AuthorizationPolicy: `{*}` one segment, `{**}` any number. */
  | { readonly kind: "template"; readonly value: string }
  | { readonly kind: "regex"; readonly value: string };

/** Changes to headers: `remove` first, then `set`, then `add`. Names are lower case. Values are Envoy's formats, in which `%%` is a percent sign. */
export interface HeaderOps {
  readonly remove?: readonly string[];
  readonly set?: readonly (readonly [name: string, value: string])[];
  readonly add?: readonly (readonly [name: string, value: string])[];
}

/** All given fields must hold (AND). */
export interface RouteMatch {
  /** On the canonical path, without the query. `prefix` is a plain string prefix. */
  readonly uri?: StringMatch;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  /** On the Host as received, with its port if it had one. */
  readonly authority?: StringMatch;
  /** `:method`, `:path` (with the query), `:authority` and `:scheme` are names, too. Repeated headers are joined by `,` first. An absent header never matches; with `invert` it is the empty string for the inner match, save for `present`. */
  readonly headers?: readonly { readonly name: string; readonly match: StringMatch; readonly invert?: true }[];
  /** On the first value of the key, as it stands. */
  readonly query?: readonly { readonly name: string; readonly match: StringMatch }[];
  /** The listener's or service's logical port that the request came in on. */
  readonly port?: number;
  /** The caller's namespace (mesh only). */
  readonly sourceNamespace?: string;
  /** Claims of a verified token (Gateways only), by their path; a list matches where any member does. */
  readonly claims?: readonly {
    readonly path: readonly string[];
    readonly match: StringMatch;
    readonly invert?: true;
  }[];
}

export interface WeightedDestination {
  /** Key into `Slice.clusters`. */
  readonly cluster: string;
  /** Share = weight / sum. With one destination it gets all. */
  readonly weight: number;
  readonly request?: HeaderOps;
  readonly response?: HeaderOps;
  /** Indexes into `Slice.rehearsals`, those that end last first; absent: none. */
  readonly rehearsals?: readonly number[];
}

export interface Route {
  /** For logs: `namespace/VirtualService/rule`, the rule's name or index, with `.` and the name of its match block; or `default`. */
  readonly name: string;
  /** For logs alone. */
  readonly statPrefix?: string;
  /** ORed; empty matches all. */
  readonly matches: readonly RouteMatch[];
  readonly destinations: readonly WeightedDestination[];
  /** Where the uri matched by prefix `uri` replaces that prefix, else the whole path; `regex` replaces every part that matches. */
  readonly rewrite?: { readonly uri?: string; readonly regex?: RegexRewrite; readonly authority?: string };
  /** Route-level operations. With several destinations these run after the destination's, with one before it (Istio). */
  readonly request?: HeaderOps;
  readonly response?: HeaderOps;
  /** Milliseconds for the whole call, from the first byte out to the end of the answer. */
  readonly timeoutMs?: number;
  /** Milliseconds without a byte of request or answer; then the call is broken off. */
  readonly idleTimeoutMs?: number;
  /** Absent: nothing is tried again. */
  readonly retries?: RetryPolicy;
  readonly fault?: Fault;
  readonly cors?: CorsPolicy;
  readonly mirrors?: readonly Mirror[];
  /** Indexes into `Slice.limits`; absent: none. */
  readonly limits?: readonly number[];
  /** Answered here, by a redirect; `destinations` is then empty. */
  readonly redirect?: Redirect;
  /** Answered here, as given; `destinations` is then empty. */
  readonly direct?: DirectResponse;
}

/** RE2, of which every match is replaced; `\1` to `\9` in `rewrite` stand for its groups. */
interface RegexRewrite {
  readonly match: string;
  readonly rewrite: string;
}

/**
 * Envoy's conditions that can be seen here. `reset`: any end without an answer. `connect-failure`: a call that broke off, where a
 * repeat does no harm, else one of which no byte was sent. `reset-before-request`: one of which no byte was sent.
 */
export type RetryCondition =
  | "5xx"
  | "gateway-error"
  | "reset"
  | "connect-failure"
  | "reset-before-request"
  | "retriable-4xx"
  | "envoy-ratelimited"
  | "cancelled"
  | "deadline-exceeded"
  | "internal"
  | "resource-exhausted"
  | "unavailable";

export interface RetryPolicy {
  /** Retries, so at most one call more than these; at least 1. */
  readonly attempts: number;
  /** The author asked for it on this route, so methods that are not idempotent are tried again, too (R34). */
  readonly explicit?: true;
  readonly on: readonly RetryCondition[];
  readonly statusCodes: readonly number[];
  readonly perTryTimeoutMs?: number;
  /** Base of the back-off: retry N waits a random part of (2^N - 1) times this, at most 10 times it. */
  readonly backoffMs: number;
  /** Endpoints that were tried are avoided while there are others; absent: unless the cluster balances by a hash. */
  readonly avoidPrevious?: boolean;
  /** Every second retry prefers another locality. */
  readonly remoteLocalities?: true;
}

/** Each part with its own draw; the delay comes first. `share` is a part of [0, 1]. */
export interface Fault {
  readonly delay?: { readonly share: number; readonly ms: number };
  readonly abort?: { readonly share: number; readonly status: number; readonly grpcStatus?: number };
}

interface Mirror {
  /** Key into `Slice.clusters`. */
  readonly cluster: string;
  /** Part of [0, 1]. */
  readonly share: number;
}

/** Lists are joined by `,`, as they stand in the headers. */
export interface CorsPolicy {
  readonly origins: readonly StringMatch[];
  readonly methods?: string;
  readonly headers?: string;
  readonly exposed?: string;
  /** Seconds. */
  readonly maxAge?: number;
  readonly credentials?: boolean;
  /** What becomes of a preflight of another origin: it goes on to the service, or is answered here. */
  readonly unmatched: "FORWARD" | "IGNORE";
}

export const REDIRECT_CODES = [301, 302, 303, 307, 308] as const;

export interface Redirect {
  readonly status: (typeof REDIRECT_CODES)[number];
  readonly scheme?: "http" | "https";
  /** Absent: the request's, with its port if it had one. */
  readonly authority?: string;
  /** Left out where it is the scheme's own. `request` is the port that was called. */
  readonly port?: number | "request";
  /** The whole path; a query in it stands in place of the request's. Absent: the request's. */
  readonly path?: string;
  /** In place of the prefix that matched; at most one of `path` and `prefix` is set. */
  readonly prefix?: string;
}

export interface DirectResponse {
  readonly status: number;
  readonly body: string;
  /** `body` is base64 of bytes that are no text. */
  readonly base64?: true;
  /** The caller may call only hosts that it sees. */
  readonly blocked?: true;
}
