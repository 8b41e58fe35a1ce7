/** The RPC surfaces between the Workers. Types only: each Worker implements or calls them, none imports another. */
import type { ApiKeyFact } from "../request/api-key-fact.ts";
import type { Ask, Taken } from "../limits/limiter.ts";
import type { CountOrders, CountReport } from "../limits/seen-counts.ts";
import type { OutlierSettings, ProbeSettings, SignedRoot } from "./model.ts";
import type { Tailed, TailNews, TailOrder } from "./tail-model.ts";

/** Props of a gateway's binding to the State Worker (`State` entrypoint). Written by the deployer. */
export interface StateProps {
  readonly gateway: string;
}

/** Props of a gateway's binding to control (`ConfigApi` entrypoint). Only these decide what its root holds. */
export interface GatewayProps {
  readonly gateway: string;
  /** `["*"]` or `["ns/service"]`: the services it fronts. */
  readonly fronts: readonly string[];
  /** `["ns/name"]`, or `["*"]`: the Gateways whose listeners it serves. */
  readonly gateways: readonly string[];
}

/** Props of the State Worker's binding to control (`StateApi` entrypoint). */
export interface StateApiProps {
  readonly state: string;
}

/** Props of a caller's binding to a gateway's `MeshEntrypoint`: whoever writes them decides who the caller is. */
export interface CallerProps {
  /** Who calls, under the mesh's own trust domain. Both absent: a call without identity; one alone counts for nothing. */
  readonly namespace?: string;
  readonly serviceAccount?: string;
  /** For logs and metrics only: `productpage-v1`. */
  readonly workload?: string;
  readonly app?: string;
  readonly version?: string;
  /** The only host that this binding calls, whatever URL and Host say: `orders.shop.svc.cluster.local`. Absent: the one dialled. */
  readonly service?: string;
  /** Logical port of `service`. Absent: 80. */
  readonly port?: number;
  /** Entrypoint of the callee. Absent: its default one. */
  readonly entrypoint?: string;
  /** Variant of the callee's binding that is called (src/deployment/binding-names.ts). Absent: the binding itself. */
  readonly binding?: string;
}

/** What a gateway deployment says of itself; the authoritative part is in its props. */
export interface Registration {
  /** Names of its bindings that begin with `EP_` (services, without their variants) or `CERT_` (client certificates). */
  readonly bindings: readonly string[];
  readonly hasPrivate: boolean;
  /** The newest configuration format it reads. */
  readonly format: number;
  /** Of its package. Absent: older than versions are told. */
  readonly version?: string;
}

/** Gateway -> control. */
export interface ConfigApi {
  register(registration: Registration): Promise<Registered>;
}

/** What a gateway is told that registered. An older control says nothing. */
export type Registered = {
  /** By which it hides sensitive values in decision records: the mesh's, base64url. */
  readonly recordKey: string;
} | void;

/** State Worker -> control. */
export interface StateApi {
  /**
   * The gateway's newest root, or null when `haveGeneration` is the newest and its signature is younger than 5 minutes
   * (`haveIssuedAt`, epoch ms). `unknown` when that gateway never registered.
   *
   * @param seen what the gateway's isolates say of themselves; absent: nothing
   */
  root(
    gateway: string,
    have: { generation: number; issuedAt: number } | null,
    seen?: IsolatesSeen,
  ): Promise<RootAnswer>;
  /**
   * The same for all gateways of a cell, in their order: one call a second. What would make the answer too large is `later`.
   * Control is deployed before the state Worker: one that lacks this is older than it.
   */
  roots(looks: readonly Look[]): Promise<readonly RootAnswer[]>;
  /** Texts of these slices, of those that this gateway's newest root lists. */
  slices(gateway: string, ids: readonly string[]): Promise<Record<string, string>>;
  /** Adds metric deltas. `source` and `sequence` make a repeat harmless. */
  report(report: TelemetryReport): Promise<void>;
  /** Lines for the tails that are open. What is lost is lost: it is never sent again. */
  tailed(tailed: Tailed): Promise<void>;
  /** How near counts are to their limits. What is lost is lost. An older control lacks it. */
  counted(report: CountReport): Promise<CountOrders>;
  /** As of `StateRpc`. An older control lacks it. */
  keys(hashes: readonly string[]): Promise<readonly ApiKeyFact[]>;
}

/** A cell's question for one of its gateways. */
export interface Look {
  readonly gateway: string;
  readonly have: { readonly generation: number; readonly issuedAt: number } | null;
  readonly seen: IsolatesSeen;
}

export type RootAnswer = RootNews & {
  /** Read by the cell, which passes it on. Absent: no tail is open. */
  readonly tails?: TailOrder;
};

type RootNews =
  | { readonly kind: "root"; readonly root: SignedRoot }
  | { readonly kind: "current" }
  /** There may be news, which had no room beside what others were told: ask again. */
  | { readonly kind: "later" }
  | { readonly kind: "unknown" };

/** What the isolates of one gateway say that take requests at one location now. */
export interface IsolatesSeen {
  /** Name of the cell (src/exchange/shards.ts): the location's, and where that has several a number after a slash. */
  readonly location: string;
  /** The oldest generation that one of them serves; null where none has any yet. */
  readonly serving: number | null;
  readonly refused: RefusedSnapshots | null;
  /** The oldest order of tails that one of them has; the Hub reads it. Absent: one has none. */
  readonly tails?: number;
  /** Version of the state Worker that tells this. Absent: older than versions are told. */
  readonly state?: string;
}

/** Snapshots that an isolate refused since it last took a root. */
export interface RefusedSnapshots {
  /** Why the last one was (src/snapshot/signature.ts). */
  readonly code: string;
  readonly count: number;
}

export interface TelemetryReport {
  /** Random id of the sender's life. */
  readonly source: string;
  /** 1, 2, 3 … within `source`; a sequence that was seen is ignored. */
  readonly sequence: number;
  readonly metrics: readonly MetricDelta[];
  /** Records that were dropped on the way, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** How much counters grew, by `counterKey` (src/telemetry/counters.ts). Absent: none did. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Series by route: `labels` in the order of `ROUTE_LABELS` (src/telemetry/route-labels.ts), without bodies. Absent: none. */
  readonly routes?: readonly MetricDelta[];
  /** Decision records of a location: control's Records keep them. Absent: none. */
  readonly records?: { readonly location: string; readonly records: readonly KeptRecord[] };
}

/** A decision record on its way: what it is found and counted by, and its text. */
export interface SentRecord {
  readonly requestId: string;
  readonly traceId: string;
  /** Epoch ms of the arrival. */
  readonly at: number;
  readonly kind: "refused" | "failed" | "passed";
  /** Whose request it is, as far as it was proven: caller and token. */
  readonly principals: readonly string[];
  readonly slice: string | null;
  /** JSON of a `DecisionRecord` (src/decide/decision-record.ts). */
  readonly text: string;
}

/** The same with the gateway that it comes from, as its binding says. */
export interface KeptRecord extends SentRecord {
  readonly gateway: string;
}

/** One series of Istio's standard metrics, as sums since the last report. */
export interface MetricDelta {
  /** JSON of the label values in the order of `METRIC_LABELS` (src/telemetry/metrics.ts). */
  readonly labels: string;
  readonly requests: number;
  readonly durationMsSum: number;
  /** Counts per bucket of `BUCKETS` (src/telemetry/metrics.ts), not cumulative; the last is +Inf. Zeros at the end are left out. */
  readonly durationBuckets: readonly number[];
  /** Bodies of requests whose length is known. Absent: there were none. */
  readonly requestBytes?: BytesDelta;
  /** The same of answers. */
  readonly responseBytes?: BytesDelta;
  /** The slowest of these calls whose trace is recorded. Absent: none is. */
  readonly exemplar?: Exemplar;
}

/** How many bodies there were of which length; `buckets` as `MetricDelta.durationBuckets`, in bytes. */
export interface BytesDelta {
  readonly sum: number;
  readonly buckets: readonly number[];
}

/** A call to look at: what a histogram shows as a number can be seen in its trace. */
export interface Exemplar {
  readonly traceId: string;
  readonly durationMs: number;
  /** Epoch ms of the call's end. */
  readonly at: number;
}

/** Gateway -> State Worker: the only talk between an isolate and its cell. */
export interface StateRpc {
  exchange(up: ExchangeUp): Promise<ExchangeDown>;
  /** Charges the limits of a request, all of them or none. An older state Worker lacks it: the limits cannot be asked then. */
  take(up: LimitsUp): Promise<Taken>;
  /** Charges what answers cost, whether there is room or not. An older state Worker lacks it: isolates count that alone then. */
  charge(up: LimitsUp): Promise<void>;
  /**
   * Whose API keys these are, in their order. An older state Worker lacks it: no key can be checked then.
   *
   * @param hashes of at most `MAX_KEYS_A_CALL` keys, as src/identity/api-key.ts has both: the keys themselves stay in the gateway
   */
  keys(hashes: readonly string[]): Promise<readonly ApiKeyFact[]>;
}

export interface LimitsUp {
  /** As of `ExchangeUp`. */
  readonly location: string | null;
  readonly asks: readonly RemoteAsk[];
}

/** What is asked of a counter that isolates share. */
export interface RemoteAsk extends Ask {
  /** `namespace/policy/limit`. */
  readonly name: string;
  readonly scope: "GLOBAL" | "LOCATION";
  /** The counter of all keys for which there is no room. */
  readonly shared: string;
}

export interface ExchangeUp {
  /** Random id of this isolate's life. */
  readonly isolate: string;
  readonly sequence: number;
  /** `cf.colo` of a request of the public entrypoint, `LOC` in the local mesh, else null: the entrypoint's own. */
  readonly location: string | null;
  /** How many cells the location has, as its cell told it last. Absent: it knows of one alone. */
  readonly shards?: number;
  /** Generation and time of issue of the root in use; null when none. */
  readonly have: { readonly generation: number; readonly issuedAt: number } | null;
  /** Absent: none since this root was taken. */
  readonly refused?: RefusedSnapshots;
  /** Signature of a root that did not verify here: it need not come again. */
  readonly refusedRoot?: string;
  /** Slice ids held. */
  readonly slices: readonly string[];
  /** Hosts in use or waited for: their slices come down with a newer root. */
  readonly hosts: readonly { readonly scope: string; readonly host: string }[];
  /** Decision records, at most 20 a second: the cell passes them on to control. Absent: none. */
  readonly records?: readonly SentRecord[];
  readonly outcomes: readonly OutcomeReport[];
  readonly metrics: readonly MetricDelta[];
  readonly dropped: Readonly<Record<string, number>>;
  /** How much counters grew, by `counterKey`. Absent: none did. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Series by route, as `TelemetryReport.routes`: the cell adds them up for control. Absent: none. */
  readonly routes?: readonly MetricDelta[];
  /** Endpoints in use that are probed. Absent: none. */
  readonly probes?: readonly { readonly endpoint: string; readonly settings: ProbeSettings }[];
  /** How probes ended that the cell asked for. */
  readonly probed?: readonly { readonly endpoint: string; readonly ok: boolean }[];
  /** Revision of the order of tails that it has. Absent: none. */
  readonly tails?: number;
  /** Lines for open tails, which the cell passes on. Absent: none. */
  readonly tailed?: Tailed;
}

/** (caller workload, cluster, endpoint): for whom an endpoint is judged. */
export interface BreakerKey {
  /** Principal, or `-` without one. */
  readonly caller: string;
  readonly cluster: string;
  readonly endpoint: string;
}

/** What one isolate saw of one endpoint for one caller since the last exchange, in order: errors at the start, whether a success came between, errors at the end. */
export interface OutcomeReport extends BreakerKey, Streaks {
  readonly settings: OutlierSettings;
  /** Endpoints of the cluster. */
  readonly hosts: number;
  /** Endpoints that are ejected, and that the cluster has no more: they leave room for others. Absent: none. */
  readonly gone?: readonly string[];
  /** Epoch ms of the last error. */
  readonly lastErrorAt: number;
  /** Epoch ms at which the isolate itself ejected it, if it did. */
  readonly ejectedAt?: number;
  readonly ejectedFor?: EjectionCause;
}

/** By counter. */
export interface Streaks {
  readonly errors5xx: Streak;
  readonly gatewayErrors: Streak;
  /** Of failures without an answer, where they are counted apart. Absent: nothing. */
  readonly localErrors?: Streak;
}

/** Which counter ejected, by Envoy's names. */
export type EjectionCause = "consecutive_5xx" | "consecutive_gateway_failure" | "consecutive_local_origin_failure";

export interface Streak {
  readonly first: number;
  readonly success: boolean;
  /** Equal to `first` where no success came between. */
  readonly last: number;
}

export interface Ejection extends BreakerKey {
  /** Epoch ms; it ends at the first sweep at or after `at + durationMs`. Sweeps stand at multiples of `intervalMs`. */
  readonly at: number;
  readonly durationMs: number;
  readonly intervalMs: number;
  readonly cause: EjectionCause;
}

export interface ExchangeDown {
  /** A newer root than `have`, or the same generation signed again; null when `have` is current. */
  readonly root: SignedRoot | null;
  /** True when neither the cell nor control knows this gateway: register, then exchange again. */
  readonly unknown: boolean;
  /** Slice id -> canonical JSON: for `hosts`, under the newest root, those not in `slices`. */
  readonly slices: Readonly<Record<string, string>>;
  /** All that are ejected in this location among the clusters of this gateway. */
  readonly ejections: readonly Ejection[];
  /** Endpoints with errors counted and not ejected: a success seen of one must be told, since it ends the count. */
  readonly suspects: readonly BreakerKey[];
  /** Of `probes`: which to make now, and which endpoints are out by theirs. Absent: nothing of either. */
  readonly probes?: { readonly due: readonly string[]; readonly unhealthy: readonly string[] };
  /** Of which calls lines go up; `TailBook` reads it. Absent: no tail is open. */
  readonly tails?: TailNews;
  /** The cell waits for control still: a tail may have opened. Absent: it does not. */
  readonly looking?: true;
  /** How many cells the location has: which of them is the isolate's follows from its id. Absent: one. */
  readonly shards?: number;
  /** Milliseconds until the next exchange. */
  readonly nextMs: number;
}
