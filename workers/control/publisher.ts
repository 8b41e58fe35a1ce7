import { type Attempt, Compiler, type Federated, type Scopes } from "../../src/compile/compiler.ts";
import type { ObjectChange } from "../../src/compile/inventory.ts";
import type { DescribedKind } from "../../src/compile/istio/described.ts";
import type { CallerVerdict, SeenCaller } from "../../src/compile/seen-callers.ts";
import type { ServingGateway } from "../../src/kube/description.ts";
import type { Standing } from "../../src/kube/programmed.ts";
import { kindOfObject } from "../../src/kinds/registry.ts";
import { lookupSlice, servingScope } from "../../src/compile/lookup.ts";
import { elsewhere, lacksPort, type Place } from "../../src/request/places.ts";
import { type RevocationList, revocationList } from "../../src/identity/revocation-list.ts";
import type { Finding } from "../../src/resources/finding.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { MAX_SLICE_COST } from "../../src/match/regex-cost.ts";
import { tooManyPrograms } from "../../src/compile/istio/telemetry-size.ts";
import { patternCostOf } from "../../src/compile/pattern-cost.ts";
import { canonicalJson } from "../../src/snapshot/canonical.ts";
import { type Excess, excessOf, type Oversized, partIn, worse } from "./too-much.ts";
import type { MeshTelemetry } from "../../src/snapshot/telemetry-model.ts";
import type { AuthorityTrust } from "./authority/trust.ts";
import type { IsolatesSeen, RootAnswer } from "../../src/snapshot/rpc.ts";
import { type GatewayStanding, type GatewayStatus, liveAt, seenOf } from "./gateway-status.ts";
import { MAX_SLICE_BYTES } from "../../src/snapshot/signature.ts";
import { type Deployment, MAX_CONTENT, type Published, Roots } from "./roots.ts";

/** By which scope each place is looked up, and what the first that lists its host serves. */
interface FoundSlice {
  readonly scopes: readonly string[];
  readonly slice: { readonly at: number; readonly id: string; readonly text: string } | null;
}

/** The compiler with what it makes for each gateway deployment: roots, signed, and their slices by id. */
export class Publisher {
  readonly #compiler: Compiler;
  readonly #deployments = new Map<string, Published>();
  /** What roots are made of, and the roots. */
  readonly #roots: Roots;
  /** What is too much of the configuration as it is, and as the attempt that is open would have it; null: not looked at. */
  #excess: Excess | null = null;
  #tried: Excess | null = null;

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
    this.#roots = new Roots(this.#compiler, options);
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

  async revocationList(): Promise<RevocationList> {
    const { version, revoked } = this.#roots.authority;
    return revocationList(version, revoked, this.#compiler.revocationMaxAgeMs);
  }

  /** The changes accepted so far are those of this generation. @param now epoch ms */
  publish(generation: number, now: number): void {
    this.#roots.publish(generation);
    for (const { seen } of this.#deployments.values())
      for (const [location, one] of seen)
        if (one.serving !== null && now - one.at < LATE_MS) seen.set(location, { ...one, wasBehind: true });
  }

  /** @returns whether this word of the authority is later than the last */
  takeTrust(authority: AuthorityTrust): boolean {
    return this.#roots.takeTrust(authority);
  }

  /** @param authorities of other trust domains, base64 DER @returns whether they are others than before */
  federate(authorities: Readonly<Record<string, readonly string[]>>): boolean {
    return this.#roots.federate(authorities);
  }

  get trustDomain(): string {
    return this.#compiler.trustDomain;
  }

  /** Whom the mesh federates with, as its settings say. */
  get federation(): Federated {
    return this.#compiler.federation;
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
      return { scopes, slice: { at, id: await this.#roots.idOf(found), text: found.text } };
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
      content: null,
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
    const wasBehind = serving !== null && serving < this.#roots.generation;
    published.seen.set(location, { serving, refused, at: now, have, wasBehind, ...more });
    const root = await this.#roots.current(published, now);
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

  /** Which isolates that take requests now do not serve the newest yet. @param now epoch ms */
  standing(now: number): Standing {
    let isAwake = false;
    const behind = [];
    for (const { root, version, problem, seen } of this.#deployments.values())
      for (const { at, serving, refused, wasBehind } of seen.values()) {
        if (serving === null) continue;
        // Where no root of it was made yet, the newest configuration may be another.
        const isMade = this.#roots.isMade({ version, problem });
        const newest = isMade ? (root?.generation ?? 0) : this.#roots.generation;
        const isBehind = serving < newest;
        // Who is late with the news may be late with its word as well.
        const isLate = isBehind && wasBehind;
        if (now - at < (isLate ? LATE_MS : TAKES_REQUESTS_MS)) isAwake = true;
        else if (!isLate || now - at >= SILENT_MS) continue;
        if (isBehind) behind.push({ serving, newest, isRefusing: refused !== null, isSilent: now - at >= LATE_MS });
      }
    return { isAwake, behind };
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
    await this.#roots.current(published, now);
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
        const text = given.find((slices) => slices.has(id))?.get(id) ?? this.#roots.retired.get(id);
        return text === undefined ? [] : [[id, text] as const];
      }),
    );
  }

  async status(now: number): Promise<readonly GatewayStatus[]> {
    for (const published of this.#deployments.values()) await this.#roots.current(published, now);
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
/** One that was behind when it spoke last counts as behind so long: a busy control, or a network, may hold up its looks. */
const LATE_MS = 10_000;
/** For so long after its last word it is not known whether such a one still serves what is old. */
const SILENT_MS = 60_000;
