import { type Attempt, Compiler, type Federated, type Scopes } from "../../src/compile/compiler.ts";
import type { ObjectChange } from "../../src/compile/inventory.ts";
import type { DescribedKind } from "../../src/compile/istio/described.ts";
import type { CallerVerdict, SeenCaller } from "../../src/compile/seen-callers.ts";
import type { ServingGateway } from "../../src/kube/description.ts";
import { kindOfObject } from "../../src/kinds/registry.ts";
import { lookupSlice, servingScope } from "../../src/compile/lookup.ts";
import { type CompiledSlice, isReached } from "../../src/compile/slices.ts";
import { elsewhere, lacksPort, type Place } from "../../src/request/places.ts";
import { type RevocationList, revocationList } from "../../src/identity/revocation-list.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { MAX_SLICE_COST } from "../../src/match/regex-cost.ts";
import { tooManyPrograms } from "../../src/compile/istio/telemetry-size.ts";
import { patternCostOf } from "../../src/compile/pattern-cost.ts";
import { canonicalJson } from "../../src/snapshot/canonical.ts";
import { formatFor, ReachableSlices, telemetryFor } from "./formats.ts";
import { RetiredSlices } from "./retired-slices.ts";
import { type Excess, excessOf, type Oversized, partIn, worse } from "./too-much.ts";
import { sliceId } from "../../src/snapshot/hash.ts";
import type { Root, SignedRoot, Trust } from "../../src/snapshot/model.ts";
import type { MeshTracing } from "../../src/snapshot/tracing-model.ts";
import type { MeshTelemetry } from "../../src/snapshot/telemetry-model.ts";
import type { AuthorityTrust } from "./authority/trust.ts";
import type { GatewayProps, IsolatesSeen, Registration, RootAnswer } from "../../src/snapshot/rpc.ts";
import { type GatewayStanding, type GatewayStatus, liveAt, type LocationSeen, seenOf } from "./gateway-status.ts";
import {
  importSigningKey,
  MAX_ROOT_BYTES,
  MAX_SLICE_BYTES,
  type SigningKey,
  signRoot,
} from "../../src/snapshot/signature.ts";

export interface Deployment {
  readonly props: GatewayProps;
  readonly registration: Registration;
}

/** By which scope each place is looked up, and what the first that lists its host serves. */
interface FoundSlice {
  readonly scopes: readonly string[];
  readonly slice: { readonly at: number; readonly id: string; readonly text: string } | null;
}

/** A deployment with what was last published for it. */
interface Published {
  readonly deployment: Deployment;
  readonly bindings: ReadonlySet<string>;
  /** Of the configuration that `root` was made of; -1: none yet. */
  version: number;
  root: { readonly signed: SignedRoot; readonly generation: number; readonly issuedAt: number } | null;
  /** Canonical JSON of a `Content`: a change that leaves it alone makes no new root. */
  content: string;
  slices: ReadonlyMap<string, string>;
  problem: string | null;
  /** What its cells said when each last looked, by location. */
  readonly seen: Map<string, LocationSeen>;
}

/** Of a root what the configuration says: without generation and time. */
interface Content {
  readonly scopes: Root["scopes"];
  readonly maxAgeMs: number | null;
  readonly trust: Trust;
  /** Null: nobody is told of traces. */
  readonly tracing: MeshTracing | null;
  /** Null: nothing is said. */
  readonly telemetry: MeshTelemetry | null;
  readonly format: number;
}

/** Of a root's characters those that the configuration fills. */
const MAX_CONTENT = MAX_ROOT_BYTES - 10_000;

/** A root whose signature is older is signed again when a cell asks: its age tells gateways that control is there. */
const SIGN_AGAIN_MS = 5 * 60_000;

/** The compiler with what it makes for each gateway deployment: roots, signed, and their slices by id. */
export class Publisher {
  readonly #compiler: Compiler;
  readonly #signingKey: Promise<SigningKey>;
  #authority: AuthorityTrust;
  readonly #deployments = new Map<string, Published>();
  readonly #ids = new WeakMap<CompiledSlice, string>();
  readonly #retired = new RetiredSlices();
  readonly #reachable = new ReachableSlices();
  #federated: Readonly<Record<string, readonly string[]>> = {};
  #generation: number;
  /** What is too much of the configuration as it is, and as the attempt that is open would have it; null: not looked at. */
  #excess: Excess | null = null;
  #tried: Excess | null = null;
  /** Grows with whatever a root is made of. */
  #version = 0;

  constructor(options: {
    readonly local: boolean;
    readonly trustDomain: string;
    /** Ed25519, PKCS#8, base64. */
    readonly signingKey: string;
    readonly authority: AuthorityTrust;
    readonly generation: number;
    readonly deployments: readonly Deployment[];
  }) {
    const { local, trustDomain } = options;
    this.#compiler = new Compiler({ local, trustDomain, kindOf: kindOfObject });
    this.#signingKey = importSigningKey(options.signingKey);
    this.#authority = options.authority;
    this.#generation = options.generation;
    for (const deployment of options.deployments) this.register(deployment);
  }

  /** Tries changes. No root is made of them before they are accepted; those that are rejected make none anew. */
  attempt(changes: readonly ObjectChange[]): Attempt {
    this.#excess ??= this.#measure();
    this.#tried = null;
    const attempt = this.#compiler.attempt(changes);
    const accept = (): void => {
      attempt.accept();
      this.#excess = this.#tried;
    };
    return { ...attempt, accept };
  }

  /** What policies say now, or would say under the attempt that is open, to callers that were seen. */
  judge(seen: readonly SeenCaller[]): readonly CallerVerdict[] {
    return this.#compiler.judge(seen);
  }

  /** Whether a namespace may know of an object of another one. */
  isExported(object: KubeObject, namespace: string): boolean {
    return this.#compiler.isExported(object, namespace);
  }

  /** @param object as it is stored */
  verdict(object: KubeObject): readonly Finding[] {
    this.#excess ??= this.#measure();
    return [...(this.#compiler.verdict(refKey(refOf(object))) ?? []), ...partIn(this.#excess, object)];
  }

  /** The changes accepted so far are those of this generation. */
  publish(generation: number): void {
    this.#generation = generation;
    this.#version += 1;
  }

  /**
   * Of two words of the authority the later one counts: roots are made anew where it says something else.
   *
   * @returns whether it is the later one
   */
  takeTrust(authority: AuthorityTrust): boolean {
    if (authority.version <= this.#authority.version) return false;
    this.#authority = authority;
    this.#version += 1;
    return true;
  }

  async revocationList(): Promise<RevocationList> {
    const { version, revoked } = this.#authority;
    return revocationList(version, revoked, this.#compiler.revocationMaxAgeMs);
  }

  get trustDomain(): string {
    return this.#compiler.trustDomain;
  }

  /** Whom the mesh federates with, as its settings say. */
  get federation(): Federated {
    return this.#compiler.federation;
  }

  /** @param authorities of other trust domains, base64 DER; those with whom the mesh does not federate count for nothing */
  federate(authorities: Readonly<Record<string, readonly string[]>>): void {
    this.#federated = authorities;
    this.#version += 1;
  }

  /** Authorities of the trust domains that the settings name now. */
  #foreign(): Readonly<Record<string, readonly string[]>> {
    const names = this.federation.domains.map(({ trustDomain }) => trustDomain);
    return Object.fromEntries(
      names.flatMap((name) => {
        const known = Object.hasOwn(this.#federated, name) ? this.#federated[name] : undefined;
        return known === undefined ? [] : [[name, known] as const];
      }),
    );
  }

  /** The whole slice of the first place that lists its host, wherever its endpoints may be bound. */
  async find(places: readonly Place[]): Promise<FoundSlice> {
    const compiled = this.#compiler.scopes({ fronts: ["*"], gateways: ["*"] });
    const scopes = places.map(({ scope }) => servingScope(compiled, scope));
    for (const [at, place] of places.entries()) {
      const scope = scopes[at] ?? "";
      const listed = lookupSlice(compiled, scope, place.host);
      if (listed === null) continue;
      const other = lacksPort(listed.slice, place) ? lookupSlice(compiled, scope, elsewhere(place).host) : null;
      const found = other ?? listed;
      return { scopes, slice: { at, id: await this.#idOf(found), text: found.text } };
    }
    return { scopes, slice: null };
  }

  /** @returns what the attempt that is open makes too much for gateways, or more than it is already; null: nothing */
  oversized(): Oversized | null {
    this.#tried = this.#measure();
    return worse(this.#excess ?? this.#tried, this.#tried);
  }

  /** Hosts' slices, by their size and by what it takes to link them, and Telemetry. */
  #measure(): Excess {
    const { telemetry } = this.#compiler;
    const found: Oversized[] = telemetry === null ? [] : [...this.#largeTelemetry(telemetry)];
    for (const [scope, hosts] of this.#compiler.scopes({ fronts: ["*"], gateways: ["*"] }))
      for (const [host, slice] of hosts) {
        if (slice === null) continue;
        const place = `${scope} ${host}`;
        const size = slice.text.length;
        if (size > MAX_SLICE_BYTES) found.push({ kind: "slice", place, size });
        const patternCost = patternCostOf(slice);
        if (patternCost > MAX_SLICE_COST) found.push({ kind: "cost", place, patternCost });
      }
    return excessOf(found);
  }

  /** Telemetry stands in the root of every gateway: what makes one too large would keep all of them from what is newer. */
  *#largeTelemetry(telemetry: MeshTelemetry): Generator<Oversized> {
    for (const programs of tooManyPrograms(telemetry)) yield { kind: "programs", ...programs };
    const size = canonicalJson(telemetry).length;
    for (const [gateway, { deployment }] of this.#deployments) {
      const others = sizeOfScopes(this.#compiler.scopes(deployment.props));
      if (others <= MAX_CONTENT && others + size > MAX_CONTENT) yield { kind: "telemetry", gateway, size };
    }
  }

  /** @returns whether no registered gateway has this service binding, though there are gateways */
  isUnbound(binding: string): boolean {
    const published = [...this.#deployments.values()];
    return published.length > 0 && !published.some(({ bindings }) => bindings.has(binding));
  }

  /** @returns whether this is news */
  register(deployment: Deployment): boolean {
    const { gateway } = deployment.props;
    const known = this.#deployments.get(gateway);
    if (known && canonicalJson(known.deployment) === canonicalJson(deployment)) return false;
    // What is too much depends on what gateways serve.
    this.#excess = null;
    this.#deployments.set(gateway, {
      deployment,
      bindings: new Set(deployment.registration.bindings),
      version: -1,
      root: known?.root ?? null,
      content: "",
      slices: known?.slices ?? new Map(),
      problem: null,
      seen: known?.seen ?? new Map(),
    });
    return true;
  }

  /** @param now epoch ms */
  async root(
    gateway: string,
    have: { generation: number; issuedAt: number } | null,
    seen: IsolatesSeen | undefined,
    now: number,
  ): Promise<RootAnswer> {
    const published = this.#deployments.get(gateway);
    if (!published) return { kind: "unknown" };
    const { location = "unknown", serving = null, refused = null, ...more } = seen ?? {};
    published.seen.set(location, { serving, refused, at: now, have, ...more });
    const root = await this.#current(published, now);
    if (root === null) return { kind: "unknown" };
    const current = have !== null && have.generation === root.generation && have.issuedAt === root.issuedAt;
    return current ? { kind: "current" } : { kind: "root", root: root.signed };
  }

  /** What holds for something, and which gateways serve it; null: there is no such thing. */
  describe(kind: DescribedKind, namespace: string, name: string) {
    const described = this.#compiler.describe(kind, namespace, name);
    if (described === null) return null;
    const gateways = Array.from(this.#deployments.values()).flatMap(({ deployment, root, seen }): ServingGateway[] => {
      const scopes = [...this.#compiler.scopes(deployment.props).values()];
      if (!described.hosts.some((host) => scopes.some((hosts) => (hosts.get(host) ?? null) !== null))) return [];
      const { gateway } = deployment.props;
      return [{ gateway, generation: root?.generation ?? null, have: seenOf(seen).have }];
    });
    return { described, gateways };
  }

  /** Whether all isolates that take requests now have this order of tails, or a newer one. */
  haveTails(revision: number, now: number): boolean {
    for (const { seen } of this.#deployments.values())
      for (const { at, serving, tails = 0 } of seen.values())
        if (now - at < TAKES_REQUESTS_MS && serving !== null && tails < revision) return false;
    return true;
  }

  /** Of its newest root; null: there is none. */
  generationOf(gateway: string): number | null {
    return this.#deployments.get(gateway)?.root?.generation ?? null;
  }

  async slices(gateway: string, ids: readonly string[], now: number): Promise<Record<string, string>> {
    const published = this.#deployments.get(gateway);
    if (!published) return {};
    await this.#current(published, now);
    const texts: Record<string, string> = {};
    for (const id of ids) {
      const text = published.slices.get(id);
      if (text !== undefined) texts[id] = text;
    }
    return texts;
  }

  /** Texts of slices that some gateway is given, or was a moment ago: records name them. */
  textsOf(ids: readonly string[]): Record<string, string> {
    const given = [...this.#deployments.values()].map(({ slices }) => slices);
    return Object.fromEntries(
      ids.flatMap((id) => {
        const text = given.find((slices) => slices.has(id))?.get(id) ?? this.#retired.get(id);
        return text === undefined ? [] : [[id, text] as const];
      }),
    );
  }

  async status(now: number): Promise<readonly GatewayStatus[]> {
    for (const published of this.#deployments.values()) await this.#current(published, now);
    return Array.from(this.#deployments.values(), ({ deployment, root, problem, seen }) => ({
      gateway: deployment.props.gateway,
      generation: root?.generation ?? null,
      ...seenOf(seen),
      bindings: deployment.registration.bindings,
      format: deployment.registration.format,
      version: deployment.registration.version ?? null,
      problem,
    }));
  }

  /** As `status`, for who measures: nothing is made for it. @param now epoch ms */
  standings(now: number): readonly GatewayStanding[] {
    return Array.from(this.#deployments.values(), ({ deployment, root, seen }) => ({
      gateway: deployment.props.gateway,
      version: deployment.registration.version ?? null,
      generation: root?.generation ?? null,
      locations: liveAt(seen, now),
    }));
  }

  async #current(published: Published, now: number): Promise<Published["root"]> {
    const stale = published.version !== this.#version;
    if (stale) await this.#compileFor(published, now);
    else if (published.root && now - published.root.issuedAt > SIGN_AGAIN_MS) await this.#sign(published, now);
    return published.root;
  }

  async #compileFor(published: Published, now: number): Promise<void> {
    const version = this.#version;
    const generation = this.#generation;
    const { props } = published.deployment;
    const { scopes, slices } = await this.#listed(this.#compiler.scopes(props), published);
    const { maxAgeMs } = this.#compiler;
    const content = canonicalJson({
      scopes,
      maxAgeMs,
      trust: this.#trust(),
      tracing: this.#tracing(published),
      telemetry: telemetryFor(this.#compiler.telemetry, published.deployment.registration),
      format: formatFor(published.deployment.registration),
    } satisfies Content);
    if (content.length > MAX_CONTENT) {
      // The gateway keeps the last good one; the limit is met here first, so that the reason can be told (R30).
      published.problem = `its root would be ${content.length} characters, more than gateways read; let it front fewer services`;
      published.version = version;
      return;
    }
    published.problem = null;
    this.#retired.add(published.slices, slices, now);
    published.slices = slices;
    if (content !== published.content || published.root === null) {
      published.content = content;
      await this.#sign(published, now, generation);
    }
    published.version = version;
  }

  async #sign(published: Published, now: number, generation?: number): Promise<void> {
    const { scopes, trust, maxAgeMs, tracing, telemetry, format } = JSON.parse(published.content) as Content;
    const root: Root = {
      format,
      gateway: published.deployment.props.gateway,
      generation: generation ?? published.root?.generation ?? this.#generation,
      // Of two roots of one generation the younger is the newer: it must not stand still.
      issuedAt: Math.max(now, (published.root?.issuedAt ?? 0) + 1),
      ...(maxAgeMs !== null && { maxAgeMs }),
      trust,
      ...(tracing !== null && { tracing }),
      ...(telemetry !== null && { telemetry }),
      scopes,
    };
    const signed = await signRoot(root, await this.#signingKey);
    published.root = { signed, generation: root.generation, issuedAt: root.issuedAt };
  }

  #tracing({ bindings, deployment: { registration } }: Published): MeshTracing | null {
    return this.#compiler.tracing((address) =>
      isReached(address, (binding) => bindings.has(binding), registration.hasPrivate),
    );
  }

  #trust(): Trust {
    const { authorities, revoked } = this.#authority;
    const maxAgeMs = this.#compiler.revocationMaxAgeMs;
    const isAny = revoked.serials.length > 0 || revoked.ids.length > 0 || maxAgeMs !== null;
    const federated = this.#foreign();
    return {
      domain: this.trustDomain,
      aliases: this.#compiler.trustDomainAliases,
      authorities,
      ...(Object.keys(federated).length > 0 && { federated }),
      ...(isAny && { revoked: { ...revoked, ...(maxAgeMs !== null && { maxAgeMs }) } }),
    };
  }

  /** Scopes as a root lists them, with the texts of their slices: without endpoints that this gateway cannot reach. */
  async #listed(
    compiled: Scopes,
    published: Published,
  ): Promise<{ scopes: Record<string, Record<string, string | null>>; slices: Map<string, string> }> {
    const scopes: Record<string, Record<string, string | null>> = {};
    const slices = new Map<string, string>();
    for (const [scope, hosts] of compiled) {
      const listed: Record<string, string | null> = {};
      for (const [host, whole] of hosts) {
        if (whole === null) {
          listed[host] = null;
          continue;
        }
        const slice = this.#reachable.of(whole, published.bindings, published.deployment.registration);
        const id = await this.#idOf(slice);
        listed[host] = id;
        slices.set(id, slice.text);
      }
      scopes[scope] = listed;
    }
    return { scopes, slices };
  }

  async #idOf(slice: CompiledSlice): Promise<string> {
    const id = this.#ids.get(slice) ?? (await sliceId(slice.text));
    this.#ids.set(slice, id);
    return id;
  }
}

/** About as many characters as they take in a root. */
function sizeOfScopes(scopes: Scopes): number {
  let size = 0;
  for (const [scope, hosts] of scopes) {
    size += scope.length + ENTRY_SIZE;
    for (const host of hosts.keys()) size += host.length + ENTRY_SIZE;
  }
  return size;
}

/** A slice's id, quotes and commas. */
const ENTRY_SIZE = 72;

/** A cell looks so often where requests come: one that was silent for longer has none. */
const TAKES_REQUESTS_MS = 2_500;
