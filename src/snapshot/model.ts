/**
 * The one model between front ends (Istio, later Gateway API) and the data plane. Everything here is plain JSON: a
 * slice travels as canonical JSON, is named by its SHA-256, and is linked (`link.ts`) when it arrives at a gateway.
 */

/** The configuration format that this code writes and the newest it reads. Grows with each change that an older gateway would misread. */
export const FORMAT = 2;

/** How one string is matched. Case matters unless `ignoreCase` is set. Nothing a user wrote becomes a `RegExp`: `regex` is RE2, on the whole value. */
export type StringMatch =
  | { readonly kind: "exact"; readonly value: string; readonly ignoreCase?: true }
  | { readonly kind: "prefix"; readonly value: string; readonly ignoreCase?: true }
  | { readonly kind: "suffix"; readonly value: string; readonly ignoreCase?: true }
  /** There, also when empty (Istio's header presence). */
  | { readonly kind: "present" }
  /** There and not empty (authorization's `*`). */
  | { readonly kind: "nonempty" }
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

/** Where an endpoint is. Only `endpoint.id` names it elsewhere. */
export type EndpointAddress =
  /** A service binding of the gateway Worker; its name begins with `EP_`. Host is kept. */
  | { readonly kind: "binding"; readonly name: string }
  /**
   * A public origin, `https://host[:port]`, or `http://` where its rule says so; Host becomes the origin's, the caller's goes to
   * X-Forwarded-Host. `certificate`: the gateway's binding whose client certificate is shown; its name begins with `CERT_`.
   */
  | { readonly kind: "origin"; readonly origin: string; readonly certificate?: string }
  /**
   * The public origin of the host that is asked for: one that fits `hosts` and none of `except`, which are names, and `*.` and
   * a name. Host is the host without port.
   */
  | {
      readonly kind: "dynamic";
      readonly hosts: readonly string[];
      readonly except: readonly string[];
      readonly certificate?: string;
    }
  /** `host:port` behind the gateway's PRIVATE binding, by HTTPS where `tls` is set. Host is kept. */
  | { readonly kind: "private"; readonly authority: string; readonly tls?: true };

/** Who serves (or calls), as far as logs and metrics tell it. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  /** Without the scheme: `cluster.local/ns/default/sa/reviews`; null where no service account is known. */
  readonly principal: string | null;
  /** Labels `app` and `version`, or Istio's canonical ones. */
  readonly app: string;
  readonly version: string;
}

export interface Endpoint {
  /** Canonical address with its port, e.g. `binding:EP_REVIEWS_V2`, `10.0.0.7:9080` or `dynamic:*.example.com`: the same wherever it is registered. */
  readonly id: string;
  readonly address: EndpointAddress;
  readonly weight: number;
  readonly workload: Workload;
  /** Index into `Slice.policySets`: all policies that select any registration of this endpoint. */
  readonly policySet: number;
  /** Calls that it takes at once from one isolate, whoever makes them; absent: no limit. */
  readonly limit?: number;
  /** `region/zone/subzone`, or its beginning, as declared. */
  readonly locality?: string;
  /** Those by which the cluster sets priorities. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Epoch ms of its registration, where the cluster lets new endpoints warm up. */
  readonly since?: number;
  /** By which the gateway sees whether it is well; absent: it is not looked. */
  readonly probe?: Probe;
}

/** A GET, which any status of 200 to 399 answers well, or a TCP connection, which is well once it is made. */
export interface Probe {
  readonly address: EndpointAddress;
  /** Host and port: of the GET's URL, where the address has none, or of the connection. */
  readonly authority: string;
  /** Absent: a connection is all. */
  readonly get?: ProbeGet;
  readonly settings: ProbeSettings;
}

export interface ProbeGet {
  /** With its query. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

export interface ProbeSettings {
  readonly initialDelayMs: number;
  readonly timeoutMs: number;
  readonly periodMs: number;
  /** In a row, at least 1. */
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export interface OutlierSettings {
  /** 0 = off. */
  readonly consecutive5xx: number;
  /** 0 = off. */
  readonly consecutiveGatewayErrors: number;
  /** Set: failures without an answer are counted apart, up to this. Absent: they count as the answers 503 and 504. */
  readonly consecutiveLocalOrigin?: number;
  /** Answers that are errors; absent: all from 500 on. */
  readonly errorStatuses?: readonly number[];
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  /** 0-100; of the cluster's endpoints. */
  readonly maxEjectionPercent: number;
  /** 0 = never panic. */
  readonly minHealthPercent: number;
  /** One endpoint may always be ejected, whatever the percentage (Envoy's `always_eject_one_host`). */
  readonly alwaysEjectOne: boolean;
}

export interface PoolSettings {
  /** What runs at once (tcp.maxConnections). */
  readonly maxConnections?: number;
  /** What runs at once (http2MaxRequests); the smaller of the two holds. */
  readonly maxRequests?: number;
  /** What waits (http1MaxPendingRequests). */
  readonly maxPending?: number;
  /** Retries at once. */
  readonly maxRetries?: number;
  /** Stands in for `maxRetries`. */
  readonly retryBudget?: RetryBudgetSettings;
}

/** Retries at once: a share of the calls under way (or, with an interval, of those that began in it), and so many in any case. */
interface RetryBudgetSettings {
  /** 0-100. */
  readonly percent: number;
  readonly minConcurrency: number;
  /** 0: of the calls under way. */
  readonly intervalMs: number;
}

/** By its name, or by a hash of something that the request holds, so that equal ones find the same endpoint. */
export type LoadBalancer = "ROUND_ROBIN" | "RANDOM" | "LEAST_REQUEST" | RingHash | Maglev;

interface RingHash {
  /** Places at least. */
  readonly ring: number;
  /** Absent: nothing to pick by, a random endpoint. */
  readonly key?: HashKey;
}

interface Maglev {
  /** Slots, a prime. */
  readonly maglev: number;
  readonly key?: HashKey;
}

/** New endpoints begin with a part of their weight. */
export interface Warmup {
  readonly durationMs: number;
  /** Part of [0, 1] of the weight that an endpoint has at least. */
  readonly minimum: number;
  /** At least 1, which is a straight line. */
  readonly aggression: number;
}

/** What it means where callers and endpoints are. Localities are `region/zone/subzone` or the beginning of it; the last part may be `*`. */
export interface LocalitySettings {
  /** The first whose `from` holds the caller's locality: endpoints by share, others none. */
  readonly distribute?: readonly {
    readonly from: string;
    /** The most specific first. */
    readonly to: readonly (readonly [locality: string, weight: number])[];
  }[];
  /** Where none of `distribute` counts: which endpoints come first, as long as they are healthy. */
  readonly failover?: {
    /** The more of these, in order, are as `value`, or as the caller's, the nearer. */
    readonly labels: readonly { readonly name: string; readonly value?: string }[];
    /** Then by subzone, zone and region. */
    readonly byLocality: boolean;
    /** Callers of one region go to the other before all others. */
    readonly regions: readonly (readonly [from: string, to: string])[];
  };
}

/** The locality of callers at a place: one of its three names is given. */
export interface CallerLocality {
  /** Three letters of the platform's location; `LOC` in the local mesh. */
  readonly colo?: string;
  /** ISO 3166-1 alpha-2. */
  readonly country?: string;
  /** Two letters: `EU`. */
  readonly continent?: string;
  readonly locality: string;
}

/** What is hashed. A request that lacks it gets a random endpoint. */
export type HashKey =
  /** Lower case, or Envoy's `:method`, `:path`, `:authority`. */
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "cookie"; readonly name: string; readonly create?: CreatedCookie }
  | { readonly kind: "sourceIp" }
  /** The first value. */
  | { readonly kind: "query"; readonly name: string };

/** A request without the cookie gets one with its answer. */
interface CreatedCookie {
  /** 0: until the browser is closed. */
  readonly maxAgeSeconds: number;
  readonly path?: string;
  readonly attributes?: readonly (readonly [name: string, value: string])[];
}

/** One service, port and subset: what a route points at. Envoy's word and form: `outbound|9080|v1|reviews.default.svc.cluster.local`. */
export interface Cluster {
  readonly id: string;
  readonly service: { readonly host: string; readonly name: string; readonly namespace: string };
  readonly port: number;
  readonly subset?: string;
  readonly loadBalancer: LoadBalancer;
  /** Of ROUND_ROBIN and LEAST_REQUEST. */
  readonly warmup?: Warmup;
  readonly locality?: LocalitySettings;
  readonly pool: PoolSettings;
  readonly outlier?: OutlierSettings;
  /** The endpoints are not told who calls: they stand outside of the mesh, or their rule has another TLS than the mesh's own. */
  readonly anonymous?: true;
  /** No such service, port or subset, as far as the caller sees: no endpoint is missing, the name is wrong. */
  readonly unknown?: true;
  readonly endpoints: readonly Endpoint[];
}

export type MtlsMode = "DISABLE" | "PERMISSIVE" | "STRICT";

export interface JwtRule {
  /** `ns/name/index` of the rule, for the operator. */
  readonly name: string;
  readonly issuer: string;
  /** Empty: any audience. */
  readonly audiences: readonly string[];
  readonly keys:
    | { readonly kind: "inline"; readonly jwks: string }
    | { readonly kind: "remote"; readonly uri: string; readonly timeoutMs: number };
  readonly from: {
    readonly headers: readonly { readonly name: string; readonly prefix: string }[];
    readonly params: readonly string[];
    readonly cookies: readonly string[];
  };
  /** False: the token is removed from where it was found. */
  readonly forwardOriginalToken: boolean;
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly spaceDelimitedClaims: readonly string[];
}

/** Given fields are ANDed, the values of one ORed; `not…` means none of them. */
export interface Source {
  readonly principals?: readonly StringMatch[];
  readonly notPrincipals?: readonly StringMatch[];
  readonly requestPrincipals?: readonly RequestPrincipalMatch[];
  readonly notRequestPrincipals?: readonly RequestPrincipalMatch[];
  readonly namespaces?: readonly StringMatch[];
  readonly notNamespaces?: readonly StringMatch[];
}

/** `iss/sub`, split at the last `/` of what the author wrote (Istio). */
export interface RequestPrincipalMatch {
  readonly issuer: StringMatch;
  readonly subject: StringMatch;
}

export interface Operation {
  /** Host header, case ignored (values are lower case), port included if sent. */
  readonly hosts?: readonly StringMatch[];
  readonly notHosts?: readonly StringMatch[];
  readonly methods?: readonly StringMatch[];
  readonly notMethods?: readonly StringMatch[];
  readonly paths?: readonly StringMatch[];
  readonly notPaths?: readonly StringMatch[];
}

export type ConditionKey =
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "source.principal" }
  | { readonly kind: "source.namespace" }
  | { readonly kind: "protocol" }
  | { readonly kind: "request.auth.principal" }
  | { readonly kind: "request.auth.audiences" }
  | { readonly kind: "request.auth.presenter" }
  | { readonly kind: "request.auth.claims"; readonly path: readonly string[] };

export interface Condition {
  readonly key: ConditionKey;
  readonly values?: readonly StringMatch[];
  readonly notValues?: readonly StringMatch[];
}

/** `from` ORed, `to` ORed, `when` ANDed, and the three ANDed; a missing or empty one holds. */
export interface AuthorizationRule {
  readonly from?: readonly Source[];
  readonly to?: readonly Operation[];
  readonly when?: readonly Condition[];
}

export interface AuthorizationPolicyModel {
  /** `namespace/name`. */
  readonly name: string;
  /** ORed; none matches nothing. */
  readonly rules: readonly AuthorizationRule[];
}

/** All that guards one workload (or one Gateway): equal sets are one by content within a slice. */
export interface PolicySet {
  readonly mtls: MtlsMode;
  readonly jwt: readonly JwtRule[];
  readonly deny: readonly AuthorizationPolicyModel[];
  readonly allow: readonly AuthorizationPolicyModel[];
}

/** How the path is made canonical for this host (R1). */
export interface PathOptions {
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: "REFUSE" | "KEEP" | "DECODE";
  /** `;params` of a segment: cut for matching and forwarded untouched, or refused (hosts whose policies restrict paths). */
  readonly params: "CUT" | "REFUSE";
}

/** What a Gateway's listener adds in front of the routes. */
export interface Front {
  /** `ns/name` of the Gateway resource. */
  readonly gateway: string;
  /** As which the request reaches the destination's peer checks, and what metrics call the source. */
  readonly workload: Workload;
  /** Index into `policySets`: the Gateway's own policies, which see the request and its peer as they came. */
  readonly policySet: number;
  /** `required`: without a verified client certificate 403. `none`: certificates are not looked at. */
  readonly clientCertificate: "none" | "optional" | "required";
  /** What else is asked of the client's TLS; absent: nothing. */
  readonly tls?: FrontTls;
  /** So many proxies in front of the platform write X-Forwarded-For; absent: none, the platform's word on the client counts. */
  readonly trustedProxies?: number;
  /** 301 to https for plain http. */
  readonly httpsRedirect?: true;
}

/** Versions are written `TLSv1.2`. Of `hashes` and `keys` one must fit. */
export interface FrontTls {
  readonly minVersion?: string;
  readonly maxVersion?: string;
  /** Up to TLS 1.2, by OpenSSL's names. */
  readonly ciphers?: readonly string[];
  /** Whose word a client's certificate needs: that of an authority that the platform knows for the hostname, or nobody's. Absent: that of the mesh's. */
  readonly signedBy?: "platform" | "anybody";
  /** One of its subjectAltNames. */
  readonly names?: readonly string[];
  /** SHA-256 of the certificate, hex in small letters. */
  readonly hashes?: readonly string[];
  /** SHA-256 of its public key, base64. */
  readonly keys?: readonly string[];
}

/** All that is needed to serve one host in one scope. */
export interface Slice {
  readonly format: number;
  /** The host it serves, canonical: `reviews.default.svc.cluster.local`, `api.example.com`, `*.example.com` or `*`. */
  readonly host: string;
  /** Set for a Gateway's host, absent in the mesh. */
  readonly front?: Front;
  /** Mesh: the service's ports; a call to another port has no route. */
  readonly ports?: readonly number[];
  /** It is for hosts that the mesh does not know. */
  readonly outside?: true;
  readonly path: PathOptions;
  /** In order; the first whose any match holds wins. None: 404 `NR`. */
  readonly routes: readonly Route[];
  readonly clusters: Readonly<Record<string, Cluster>>;
  /** Where callers are; there if a cluster has settings for it. */
  readonly callers?: readonly CallerLocality[];
  readonly policySets: readonly PolicySet[];
}

/** `gw/<ns>/<name>/<port>`, `gw/*` (any Gateway's host, where no listener is told), `mesh/*`, `mesh/<ns>`, `mesh/<ns>/<service account>`. */
export type Scope = string;

/**
 * What one gateway deployment may serve. `scopes` maps scope to host to slice id (SHA-256, lower-case hex).
 * Hosts are lower case, without port: names, `*suffix` (longest wins) or `*`. In `mesh/<ns>` only what differs from
 * `mesh/*` is listed, and in `mesh/<ns>/<account>` what differs from `mesh/<ns>`; `null` hides a host of a wider scope, and `~`
 * with `null` all of them.
 */
export interface Root {
  readonly format: number;
  /** The gateway deployment that this root is for. */
  readonly gateway: string;
  readonly generation: number;
  /** Epoch milliseconds of the signature. */
  readonly issuedAt: number;
  /** Older than this since `issuedAt`: fail closed. Absent: never. */
  readonly maxAgeMs?: number;
  readonly trust: Trust;
  readonly scopes: Readonly<Record<Scope, Readonly<Record<string, string | null>>>>;
}

export interface Trust {
  readonly domain: string;
  readonly aliases: readonly string[];
  /** CA certificates that may speak for the domain, base64 DER. */
  readonly authorities: readonly string[];
}

/** A root as it travels and is stored. Ed25519 over the UTF-8 bytes of `tulle-root-v1\n` + payload. */
export interface SignedRoot {
  /** Canonical JSON of a Root. */
  readonly payload: string;
  /** base64url. */
  readonly signature: string;
  /** First 16 hex digits of the SHA-256 of the raw public key. */
  readonly keyId: string;
}
