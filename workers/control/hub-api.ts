import type { DescribedKind } from "../../src/compile/istio/described.ts";
import type { Description } from "../../src/kube/description.ts";
import type { FoundFinding } from "../../src/kube/findings.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import type { Operation } from "../../src/kube/object-rules.ts";
import type { Status } from "../../src/kube/status.ts";
import type { WatchWish } from "../../src/kube/watch.ts";
import type { Written } from "../../src/kube/write-results.ts";
import type { Result } from "../../src/result.ts";
import type { GatewayProps, Registration, StateApi } from "../../src/snapshot/rpc.ts";
import type { Place } from "../../src/request/places.ts";
import type { RevocationList } from "../../src/identity/revocation-list.ts";
import type { TailFilter, TailOrder } from "../../src/snapshot/tail-model.ts";
import type { AuthorityTrust } from "./authority/trust.ts";
import type { Witnessed } from "./audit-witness.ts";
import type { AuditHead } from "./db/audit.ts";
import type { Identified, SignInRefusal, SignInSettings } from "./sign-in/identify.ts";
import type { FederatedAuthorities, FederationStatus } from "./federation-status.ts";
import type { Told } from "./programming.ts";
import type { GatewayStanding, GatewayStatus } from "./gateway-status.ts";

export interface WriteOptions {
  readonly actor: string;
  /** By what the actor is known: `token/ID`, `session/ID`; null: the mesh itself. */
  readonly account: string | null;
  /** For the audit: `apply`, `create`, … */
  readonly verb: string;
  /** The only namespace that the actor may look at: of others it is told nothing. Null: all. */
  readonly namespace: string | null;
  /** All but the store. */
  readonly dryRun: boolean;
  /** Nothing is done where the configuration is of another generation (`If-Match`). */
  readonly ifGeneration?: number;
}

export type WriteResult =
  | { readonly ok: true; readonly generation: number; readonly results: readonly Written[] }
  /** Nothing was stored. Where no operation was to blame the index is -1. */
  | { readonly ok: false; readonly failures: readonly { readonly index: number; readonly status: Status }[] };

/** What a scrape tells of the gateways. */
export interface HubStandings {
  readonly generation: number;
  readonly gateways: readonly GatewayStanding[];
}

export interface HubStatus {
  /** Control's. */
  readonly version: string;
  /** Names of the database's migrations, as wrangler remembers them; empty: it remembers none. */
  readonly migrations: readonly string[];
  readonly generation: number;
  readonly resourceVersion: string;
  /** Open ones. */
  readonly watches: number;
  readonly gateways: readonly GatewayStatus[];
  /** Other trust domains, and how it is with their bundles. */
  readonly federation: readonly FederationStatus[];
}

export interface HubFindings {
  readonly generation: number;
  /** How many were looked at. */
  readonly objects: number;
  readonly findings: readonly FoundFinding[];
}

/** What the newest configuration has for a host. */
export interface FoundSlice {
  readonly generation: number;
  readonly trustDomain: string;
  /** By which scope each place is looked up: a caller without a scope of its own sees what its namespace sees. */
  readonly scopes: readonly string[];
  /** Null: no place lists its host. */
  readonly slice: {
    /** Index of the place that lists it. */
    readonly at: number;
    readonly id: string;
    /** Canonical JSON; null: whoever asked has it. */
    readonly text: string | null;
  } | null;
}

/** What the rest of control asks of the Hub. */
export interface HubApi extends Pick<StateApi, "root" | "roots" | "slices"> {
  /** The authority tells of a change. */
  takeTrust(trust: AuthorityTrust): Promise<void>;
  /** All of the operations, or none. */
  write(operations: readonly Operation[], options: WriteOptions): Promise<WriteResult>;
  /** The configuration as of an earlier generation, as one new one. */
  rollback(generation: number, options: WriteOptions): Promise<WriteResult>;
  /** Newline-separated watch events. */
  watch(wish: WatchWish): Promise<Result<ReadableStream, Status>>;
  /** Whether what objects say is live everywhere that is awake. @param keys their `refKey`s @returns in their order */
  programmed(keys: readonly string[]): Promise<readonly Told[]>;
  /** Ends the watches of accounts that are no more. */
  endWatches(accounts: readonly string[]): Promise<void>;
  /**
   * Which tails are open: gateways hear it with their roots, until it is not said again.
   *
   * @returns whether all isolates that take requests now have this order, or a newer one
   */
  follow(order: TailOrder): Promise<boolean>;
  /** Kubernetes' Events as far back as the change log goes, with the resourceVersion they are as of. */
  events(): Promise<{ readonly rv: number; readonly events: readonly KubeObject[] }>;
  /** Whom an issuer's token names: keys of issuers are kept here, where all wait for one fetch. */
  identify(token: string, settings: SignInSettings): Promise<Result<Identified, SignInRefusal>>;
  /** Looks at the audit's end, and remembers it outside of the database. */
  witness(): Promise<Witnessed>;
  /** @param row of the audit, which says that the break at which `seen` had been seen was a restore */
  acceptRestore(seen: AuditHead, row: AuditHead): Promise<void>;
  /** Who was revoked, for whoever checks certificates beside the gateways. */
  revocationList(): Promise<RevocationList>;
  /** @param props from the gateway's binding, never from its own words */
  register(props: GatewayProps, registration: Registration): Promise<void>;
  status(): Promise<HubStatus>;
  standings(): Promise<HubStandings>;
  /** Authorities of other trust domains, as their bundles say now. */
  federated(authorities: FederatedAuthorities): Promise<void>;
  /** @param namespace the only one whose objects are looked at; null: all */
  findings(namespace: string | null): Promise<HubFindings>;
  /** Texts of slices that some gateway is given, or was within a minute. */
  sliceTexts(ids: readonly string[]): Promise<Record<string, string>>;
  /** What holds for something. @param reader the only namespace whose objects are named; null: all */
  describe(kind: DescribedKind, namespace: string, name: string, reader: string | null): Promise<Description | null>;
  /** Names that were probably meant by one that there is not. @param reader the only namespace whose names are told; null: all */
  namesLike(kind: DescribedKind, namespace: string, name: string, reader: string | null): Promise<readonly string[]>;
  /** What of a tail's conditions names nothing, in sentences. @param reader as above */
  unmetConditions(filter: TailFilter, reader: string | null): Promise<readonly string[]>;
  /** @param have ids of slices whose texts need not be sent */
  find(places: readonly Place[], have: readonly string[]): Promise<FoundSlice>;
}
