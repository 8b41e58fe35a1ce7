import { parseDuration } from "../resources/duration.ts";
import { type Finding, unsuppressed } from "../resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../resources/object.ts";
import { CLOSED } from "../routing/host.ts";
import type { EndpointAddress, Scope } from "../snapshot/model.ts";
import type { MeshTelemetry } from "../snapshot/telemetry-model.ts";
import type { MeshTracing } from "../snapshot/tracing-model.ts";
import { visible } from "./exports.ts";
import { gatewayListings } from "./gateways.ts";
import { type Entries, Inventory, type ObjectChange } from "./inventory.ts";
import type { Described, DescribedKind } from "./istio/described.ts";
import { describePolicy } from "./istio/describe-policy.ts";
import { describeRoute } from "./istio/describe-route.ts";
import { describeService } from "./istio/describe-service.ts";
import { describeWorkload } from "./istio/describe-workload.ts";
import { ISTIO, ISTIO_POLICIES } from "./istio/front-end.ts";
import { meshTelemetry } from "./istio/telemetry.ts";
import { type CallerVerdict, judgeCaller, type SeenCaller } from "./seen-callers.ts";
import { sidecarViewers } from "./imports.ts";
import { Memo } from "./memo.ts";
import { closedListings, type MeshListing, meshHosts, meshListings } from "./mesh.ts";
import type { CompiledSlice } from "./slices.ts";
import { meshTracing } from "./tracing.ts";
import { meshConfig, trustDomain } from "./view.ts";
import type { CompiledKind, World } from "./world.ts";

/** Whose hosts a gateway deployment serves; `*` is all. */
export interface Fronted {
  /** `namespace/service`. */
  readonly fronts: readonly string[];
  /** `namespace/name` of Gateways. */
  readonly gateways: readonly string[];
}

/** Null: the host is hidden from those of this scope. */
export type Scopes = ReadonlyMap<Scope, ReadonlyMap<string, CompiledSlice | null>>;

type Put = (scope: Scope, host: string, slice: CompiledSlice | null) => void;

/** Before the `refKey` of an object: what is wrong with it, as derived. */
const VERDICT = "verdict ";

function* entriesOf(kind: CompiledKind | undefined, object: KubeObject): Entries {
  if (kind === undefined) return;
  yield* kind.entries(object);
  for (const { account } of kind.callers(object)) yield ["account", account];
}

/** A change as it would be: the compiler answers as if it were made, until it is accepted or rejected. */
export interface Attempt {
  /**
   * By `refKey`: what is wrong with each changed object among all others, and with each other one whose verdict may have
   * changed by it.
   */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  accept(): void;
  /** Everything is as it was before, what had been compiled included. */
  reject(): void;
}

/** Whom the mesh federates with. */
export interface Federated {
  readonly domains: readonly { readonly trustDomain: string; readonly url: string }[];
  readonly allowedHosts: readonly string[];
}

const DESCRIBERS: Readonly<Record<DescribedKind, (world: World, namespace: string, name: string) => Described | null>> =
  { service: describeService, route: describeRoute, policy: describePolicy, workload: describeWorkload };

/** Resources to slices, incrementally: a change costs what it touches. Pure: whoever holds it stores and signs. */
export class Compiler {
  readonly #world: World;
  /** By who asked, until something changes. */
  #scopes = new Map<string, Scopes>();

  /** @param options.trustDomain of the deployment's certificates */
  constructor(options: Pick<World, "local" | "trustDomain" | "kindOf" | "anyAddress">) {
    const memo = new Memo();
    const inventory = new Inventory(memo, (object) => entriesOf(options.kindOf(object), object));
    this.#world = { memo, inventory, frontEnds: [ISTIO], policies: ISTIO_POLICIES, ...options };
  }

  /** Tries changes; one attempt is ended before the next is begun. */
  attempt(changes: readonly ObjectChange[]): Attempt {
    const { memo, inventory } = this.#world;
    const scopes = this.#scopes;
    const stale = memo.try(() => inventory.change(changes));
    this.#scopes = new Map();
    const reject = (): void => {
      memo.reject();
      inventory.change(changes.map(({ before, after }) => ({ before: after, after: before })));
      this.#scopes = scopes;
    };
    try {
      return { findings: this.#findings(changes, stale), accept: () => memo.accept(), reject };
    } catch (error) {
      reject();
      throw error;
    }
  }

  #findings(changes: readonly ObjectChange[], stale: Iterable<string>): ReadonlyMap<string, readonly Finding[]> {
    const doubtful = new Set(changes.flatMap(({ after }) => (after === null ? [] : refKey(refOf(after)))));
    for (const key of stale) if (key.startsWith(VERDICT)) doubtful.add(key.slice(VERDICT.length));
    const findings = new Map<string, readonly Finding[]>();
    for (const key of doubtful) {
      const found = this.verdict(key);
      if (found !== null) findings.set(key, found);
    }
    return findings;
  }

  /**
   * What is wrong with an object among all others.
   *
   * @param key its `refKey`
   * @returns null where there is no such object
   */
  verdict(key: string): readonly Finding[] | null {
    const { memo, inventory } = this.#world;
    return memo.get(`${VERDICT}${key}`, () => {
      const object = inventory.object(key);
      return object && unsuppressed(object.metadata, this.#world.kindOf(object)?.check(this.#world, object) ?? []);
    });
  }

  /** Whether an object is exported to a namespace. */
  isExported(object: KubeObject, namespace: string): boolean {
    return visible(this.#world, object, namespace);
  }

  /** What policies say now to callers that were seen, in their order. */
  judge(seen: readonly SeenCaller[]): readonly CallerVerdict[] {
    return seen.map((caller) => judgeCaller(this.#world, caller));
  }

  /** What holds for something as all objects together say; null: there is no such thing. */
  describe(kind: DescribedKind, namespace: string, name: string): Described | null {
    return DESCRIBERS[kind](this.#world, namespace, name);
  }

  get trustDomain(): string {
    return trustDomain(this.#world);
  }

  /** Other trust domains, and where their bundles are; with what may be fetched. */
  get federation(): Federated {
    const { federation = [], egress } = meshConfig(this.#world);
    return {
      domains: federation.map(({ trustDomain, bundleEndpointURL: url }) => ({ trustDomain, url })),
      allowedHosts: egress?.allowedHosts ?? [],
    };
  }

  get trustDomainAliases(): readonly string[] {
    return meshConfig(this.#world).trustDomainAliases ?? [];
  }

  /** Milliseconds; null: a snapshot never grows too old. */
  get maxAgeMs(): number | null {
    const { snapshot } = meshConfig(this.#world);
    return snapshot?.maxAge === undefined ? null : parseDuration(snapshot.maxAge);
  }

  /** Milliseconds after which nobody's identity counts; null: the word on who was revoked never grows too old. */
  get revocationMaxAgeMs(): number | null {
    const { revocation } = meshConfig(this.#world);
    return revocation?.maxAge === undefined ? null : parseDuration(revocation.maxAge);
  }

  /**
   * What gateways do about traces; null: nothing.
   *
   * @param reaches whether a gateway has the way to an endpoint
   */
  tracing(reaches: (address: EndpointAddress) => boolean): MeshTracing | null {
    return meshTracing(this.#world, reaches);
  }

  /** What gateways tell of calls; null: what they tell where nothing is said. */
  get telemetry(): MeshTelemetry | null {
    return meshTelemetry(this.#world);
  }

  /** Hosts by scope, with their slices. What did not change is not compiled again: its slice is the same object. */
  scopes(fronted: Fronted): Scopes {
    const key = JSON.stringify([fronted.fronts, fronted.gateways]);
    const known = this.#scopes.get(key);
    if (known) return known;
    const scopes = new Map<Scope, Map<string, CompiledSlice | null>>();
    const put: Put = (scope, host, slice) => {
      const hosts = scopes.get(scope);
      if (hosts) hosts.set(host, slice);
      else scopes.set(scope, new Map([[host, slice]]));
    };
    this.#meshScopes(fronted.fronts, put);
    this.#gatewayScopes(fronted.gateways, put);
    this.#scopes.set(key, scopes);
    return scopes;
  }

  #meshScopes(fronts: readonly string[], put: Put): void {
    const all = fronts.includes("*");
    const named = new Set(fronts);
    const fronted = ({ service }: CompiledSlice): boolean => all || (service !== null && named.has(service));
    const list = ({ scope, name, slice, wider }: MeshListing): void => {
      if (slice !== null && fronted(slice)) put(scope, name, slice);
      // What others are served here must not serve those who see another service by this name, or none.
      else if (wider !== null && fronted(wider)) put(scope, name, null);
    };
    for (const host of meshHosts(this.#world)) meshListings(this.#world, host).forEach(list);
    for (const viewer of sidecarViewers(this.#world).closed) {
      put(`mesh/${viewer}`, CLOSED, null);
      closedListings(this.#world, viewer).forEach(list);
    }
  }

  #gatewayScopes(names: readonly string[], put: Put): void {
    const all = names.includes("*");
    const anyGateway = new Set<string>();
    for (const { gateway, port, host, slice } of gatewayListings(this.#world, (name) => all || names.includes(name))) {
      put(`gw/${gateway}/${port}`, host, slice);
      // Where no listener is told, the oldest Gateway that exposes the host serves it, on its lowest port.
      if (anyGateway.has(host)) continue;
      anyGateway.add(host);
      put("gw/*", host, slice);
    }
  }
}
