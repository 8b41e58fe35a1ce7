import type { Finding } from "../resources/finding.ts";
import type { KubeObject } from "../resources/object.ts";
import type {
  Front,
  LoadBalancer,
  LocalitySettings,
  OutlierSettings,
  PolicySet,
  PoolSettings,
  Route,
  Warmup,
  WeightedDestination,
} from "../snapshot/model.ts";
import type { LimitModel } from "../snapshot/limit-model.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";
import type { TelemetrySettings } from "../snapshot/telemetry-model.ts";
import type { LimitedPlace } from "./limited-place.ts";
import type { Entries, Inventory } from "./inventory.ts";
import type { Memo } from "./memo.ts";

/**
 * For whom configuration is compiled: a namespace, or `namespace/serviceAccount`; `*` stands for any that has no view of its own.
 * A Gateway's workload is one, too: see `gatewayViewer`.
 */
export type Viewer = string;

/** What compilation reads: everything else comes from these. */
export interface World {
  readonly memo: Memo;
  readonly inventory: Inventory;
  readonly trustDomain: string;
  /** True in the local mesh alone. */
  readonly local: boolean;
  /** Nobody knows the mesh's settings, as of files without a MeshConfig: endpoints may stand anywhere. */
  readonly anyAddress?: true;
  /** Undefined: no kind that is served. */
  readonly kindOf: (object: KubeObject) => CompiledKind | undefined;
  readonly frontEnds: readonly FrontEnd[];
  /** The same whichever front end routed a call. */
  readonly policies: Policies;
}

/** What the compiler asks of a kind of objects. */
export interface CompiledKind {
  /** The tables that an object stands in, and under which keys: worked out from the object alone. */
  readonly entries: (object: KubeObject) => Entries;
  /** What is wrong with an object among all others; its own form was checked before. */
  readonly check: (world: World, object: KubeObject) => readonly Finding[];
  /** @param key of an address, by which the object is found in the table `address` */
  readonly registrations: (world: World, object: KubeObject, key: string) => readonly Registration[];
  /** The workloads that an object tells of, as callers: each is found by its service account in the table `account`. */
  readonly callers: (object: KubeObject) => readonly Caller[];
}

/** A workload as it calls. */
interface Caller {
  /** `namespace/serviceAccount`. */
  readonly account: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One place where an object says that a workload is reached: policies that select any of them guard the endpoint. */
export interface Registration {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Null: any. */
  readonly ports: readonly number[] | null;
  /** By which ports policies know those at which it listens, where its service declares others. */
  readonly declared?: Readonly<Record<number, readonly number[]>>;
}

/** What the objects of one API make of requests. What puts slices together knows none of them. */
export interface FrontEnd {
  /** Hosts that it routes in the mesh, services or not. */
  readonly meshHosts: (world: World) => readonly string[];
  /** Namespaces, and single service accounts, whose view of a host may differ from that of the next wider viewer. */
  readonly viewers: (world: World, host: string) => readonly Viewer[];
  /**
   * @param ports of the service; null where the host is none
   * @returns null where it does not route the host
   */
  readonly meshRoutes: (
    world: World,
    host: string,
    viewer: Viewer,
    ports: readonly number[] | null,
  ) => CompiledRoutes | null;
  readonly gateways: (world: World) => readonly KubeObject[];
  /** @param name `namespace/name` of one of its Gateways */
  readonly gatewayHosts: (world: World, name: string) => readonly GatewayHost[];
  readonly gatewayEntry: (world: World, name: string, host: GatewayHost) => GatewayEntry | null;
}

/** What guards endpoints, and how they are called. */
export interface Policies {
  /** @param key of an address, without its port */
  readonly ofEndpoint: (world: World, key: string, port: number) => PolicySet;
  /** What is told of calls to an endpoint; null: what its namespace says. @param key as of `ofEndpoint` */
  readonly telemetryOf: (world: World, key: string, port: number) => TelemetrySettings | null;
  /** Those of a Gateway, or of a route of a VirtualService. @param section name of the route; absent: it has none */
  readonly limitsOf: (world: World, target: LimitedPlace, section?: string) => readonly LimitModel[];
  /** Those of the services of an endpoint. @param key as of `ofEndpoint` */
  readonly limitsOfEndpoint: (world: World, key: string, port: number) => readonly LimitModel[];
  /**
   * How calls to a service, or to a part of it, are made.
   *
   * @param owner namespace of the service; null where the host is none
   */
  readonly ofDestination: (world: World, target: Target, owner: string | null, viewer: Viewer) => Destination;
}

export interface Destination extends ClusterSettings {
  /** Of the endpoints that are meant; null: there is no such subset. */
  readonly labels: Readonly<Record<string, string>> | null;
}

/** Settings of one cluster. */
export interface ClusterSettings {
  readonly loadBalancer: LoadBalancer;
  readonly warmup: Warmup | null;
  readonly locality: LocalitySettings | null;
  readonly pool: PoolSettings;
  readonly outlier: OutlierSettings | null;
  /** Null: the mesh's own identities, as is done without a rule. */
  readonly tls: ClientTls | null;
  /** A rule asks for the mesh's own identities. */
  readonly isMutual: boolean;
}

/** How endpoints are reached, other than as members of the mesh. */
export interface ClientTls {
  readonly mode: "DISABLE" | "SIMPLE" | "MUTUAL";
  /** The gateway's binding of the client certificate, for MUTUAL. */
  readonly certificate: string | null;
}

/** What a route points at. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly subset: string | undefined;
}

/** What has its limits whole; a slice numbers them. */
export type WithLimits<T> = Omit<T, "limits"> & { readonly limits?: readonly LimitModel[] };

/** Its limits and rehearsals are whole; a slice numbers them. */
export type RouteDraft = Omit<WithLimits<Route>, "destinations"> & {
  readonly destinations: readonly DestinationDraft[];
};

export type DestinationDraft = Omit<WeightedDestination, "rehearsals"> & {
  readonly rehearsals?: readonly RehearsalModel[];
};

export interface CompiledRoutes {
  readonly routes: readonly RouteDraft[];
  readonly targets: readonly Target[];
}

/** One host that a Gateway exposes on one of its ports. */
export interface GatewayHost {
  readonly port: number;
  readonly host: string;
}

/** What comes of a request to one of a Gateway's hosts. */
export interface GatewayEntry {
  /** As whom it calls. */
  readonly viewer: Viewer;
  readonly front: FrontDraft;
  readonly routes: CompiledRoutes;
}

/** A front that names its policies by content; a slice numbers them. */
export type FrontDraft = WithLimits<Omit<Front, "policySet">> & { readonly policies: PolicySet };
