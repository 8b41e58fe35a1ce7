// What a slice says of destinations: where endpoints are, how one is picked, how failure is judged. Plain JSON, as all of the model.

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
  /**
   * `host:port` behind the gateway's PRIVATE binding, by HTTPS where `tls` is set. Host is kept. `peers`: by the mesh's own mutual
   * TLS; the endpoint's certificate must be of one of these SPIFFE IDs, and where there is none nobody is called.
   */
  | { readonly kind: "private"; readonly authority: string; readonly tls?: true; readonly peers?: readonly string[] };

/** Who serves (or calls), as far as logs and metrics tell it. */
export interface Workload {
  readonly name: string;
  readonly namespace: string;
  /** Without the scheme: `cluster.local/ns/default/sa/reviews`; null where no service account is known. */
  readonly principal: string | null;
  /** Labels `app` and `version`, or Istio's canonical ones. */
  readonly app: string;
  readonly version: string;
  /** Istio's canonical service, where it is another word than `app`. */
  readonly canonicalService?: string;
  /** The same of `version`. */
  readonly canonicalRevision?: string;
}

export interface Endpoint {
  /** Canonical address with its port, e.g. `binding:EP_REVIEWS_V2`, `10.0.0.7:9080` or `dynamic:*.example.com`: the same wherever it is registered. */
  readonly id: string;
  readonly address: EndpointAddress;
  readonly weight: number;
  readonly workload: Workload;
  /** Index into `Slice.policySets`: all policies that select any registration of this endpoint. */
  readonly policySet: number;
  /** Index into `Slice.telemetry`; absent: as its namespace or the mesh says. */
  readonly telemetry?: number;
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

/** A GET, which any status of 200 to 399 answers well, gRPC's health check, or a TCP connection, which is well once it is made. */
export interface Probe {
  readonly address: EndpointAddress;
  /** Host and port: of the GET's URL, where the address has none, or of the connection. */
  readonly authority: string;
  readonly get?: ProbeGet;
  /** gRPC's health check; neither this nor \`get\`: a connection is all. */
  readonly grpc?: { readonly service: string };
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
  /** Of the services that its endpoints are registered for, as indexes into `Slice.limits`; absent: none. */
  readonly limits?: readonly number[];
  readonly endpoints: readonly Endpoint[];
}
