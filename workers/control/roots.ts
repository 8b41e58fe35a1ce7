import { Compiler, type Scopes } from "../../src/compile/compiler.ts";
import { type CompiledSlice, isReached } from "../../src/compile/slices.ts";
import { canonicalJson, CanonicalText } from "../../src/snapshot/canonical.ts";
import { formatFor, ReachableSlices, telemetryFor } from "./formats.ts";
import { RetiredSlices } from "./retired-slices.ts";
import { sliceId } from "../../src/snapshot/hash.ts";
import type { SignedRoot, Trust } from "../../src/snapshot/model.ts";
import type { MeshTracing } from "../../src/snapshot/tracing-model.ts";
import type { MeshTelemetry } from "../../src/snapshot/telemetry-model.ts";
import type { AuthorityTrust } from "./authority/trust.ts";
import type { GatewayProps, Registration } from "../../src/snapshot/rpc.ts";
import { type LocationSeen } from "./gateway-status.ts";
import {
  importSigningKey,
  MAX_ROOT_BYTES,
  type SigningKey,
  signRoot,
  type WrittenRoot,
} from "../../src/snapshot/signature.ts";

export interface Deployment {
  readonly props: GatewayProps;
  readonly registration: Registration;
}

/** A deployment with what was last published for it. */
export interface Published {
  readonly deployment: Deployment;
  readonly bindings: ReadonlySet<string>;
  /** Of the configuration that `root` was made of; -1: none yet. */
  version: number;
  root: { readonly signed: SignedRoot; readonly generation: number; readonly issuedAt: number } | null;
  /** What `root` says: a change that leaves it alone makes no new root. Null: none yet. */
  content: Content | null;
  slices: ReadonlyMap<string, string>;
  problem: string | null;
  /** What its cells said when each last looked, by location. */
  readonly seen: Map<string, LocationSeen>;
}

/** Of a root what the configuration says: without generation and time. */
interface Content {
  /** Of a large mesh they are nearly all of it: written once. */
  readonly scopes: CanonicalText;
  readonly others: OtherContent;
  /** Canonical JSON of `others`. */
  readonly othersText: string;
}

interface OtherContent {
  readonly maxAgeMs: number | null;
  readonly trust: Trust;
  /** Null: nobody is told of traces. */
  readonly tracing: MeshTracing | null;
  /** Null: nothing is said. */
  readonly telemetry: MeshTelemetry | null;
  readonly format: number;
}

/** Of a root's characters those that the configuration fills. */
export const MAX_CONTENT = MAX_ROOT_BYTES - 10_000;

/** A root whose signature is older is signed again when a cell asks: its age tells gateways that control is there. */
const SIGN_AGAIN_MS = 5 * 60_000;

/** What the configuration, the authority and a gateway's registration make together: its root, signed, and the slices that it lists. */
export class Roots {
  readonly #compiler: Compiler;
  readonly #signingKey: Promise<SigningKey>;
  readonly #ids = new WeakMap<CompiledSlice, string>();
  readonly #reachable = new ReachableSlices();
  /** Slices that gateways were given a moment ago. */
  readonly retired = new RetiredSlices();
  #authority: AuthorityTrust;
  #federated: Readonly<Record<string, readonly string[]>> = {};
  #generation: number;
  /** Grows with whatever a root is made of. */
  #version = 0;

  constructor(
    compiler: Compiler,
    options: {
      /** Ed25519, PKCS#8, base64. */
      readonly signingKey: string;
      readonly authority: AuthorityTrust;
      readonly generation: number;
    },
  ) {
    this.#compiler = compiler;
    this.#signingKey = importSigningKey(options.signingKey);
    this.#authority = options.authority;
    this.#generation = options.generation;
  }

  /** As the authority said last. */
  get authority(): AuthorityTrust {
    return this.#authority;
  }

  /** Of the configuration. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether its root is of the newest there is. */
  isMade({ version, problem }: Pick<Published, "version" | "problem">): boolean {
    return version === this.#version && problem === null;
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

  /**
   * @param authorities of other trust domains, base64 DER; those with whom the mesh does not federate count for nothing
   * @returns whether they are others than before
   */
  federate(authorities: Readonly<Record<string, readonly string[]>>): boolean {
    if (canonicalJson(authorities) === canonicalJson(this.#federated)) return false;
    this.#federated = authorities;
    this.#version += 1;
    return true;
  }

  /** Authorities of the trust domains that the settings name now. */
  #foreign(): Readonly<Record<string, readonly string[]>> {
    const names = this.#compiler.federation.domains.map(({ trustDomain }) => trustDomain);
    return Object.fromEntries(
      names.flatMap((name) => {
        const known = Object.hasOwn(this.#federated, name) ? this.#federated[name] : undefined;
        return known === undefined ? [] : [[name, known] as const];
      }),
    );
  }

  async current(published: Published, now: number): Promise<Published["root"]> {
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
    const others: OtherContent = {
      maxAgeMs,
      trust: this.#trust(),
      tracing: this.#tracing(published),
      telemetry: telemetryFor(this.#compiler.telemetry, published.deployment.registration),
      format: formatFor(published.deployment.registration),
    };
    const content = { scopes: new CanonicalText(canonicalJson(scopes)), others, othersText: canonicalJson(others) };
    const size = content.scopes.text.length + content.othersText.length;
    if (size > MAX_CONTENT) {
      // The gateway keeps the last good one; the limit is met here first, so that the reason can be told (R30).
      published.problem = `its root would be ${size} characters, more than gateways read; let it front fewer services`;
      published.version = version;
      return;
    }
    published.problem = null;
    this.retired.add(published.slices, slices, now);
    published.slices = slices;
    if (published.root === null || !isSame(content, published.content)) {
      published.content = content;
      await this.#sign(published, now, generation);
    }
    published.version = version;
  }

  async #sign(published: Published, now: number, generation?: number): Promise<void> {
    if (published.content === null) throw new Error("there is nothing to sign");
    const { scopes, others } = published.content;
    const { trust, maxAgeMs, tracing, telemetry, format } = others;
    const root: WrittenRoot = {
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
      domain: this.#compiler.trustDomain,
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
        const id = this.#ids.get(slice) ?? (await this.idOf(slice));
        listed[host] = id;
        slices.set(id, slice.text);
      }
      scopes[scope] = listed;
    }
    return { scopes, slices };
  }

  async idOf(slice: CompiledSlice): Promise<string> {
    const id = this.#ids.get(slice) ?? (await sliceId(slice.text));
    this.#ids.set(slice, id);
    return id;
  }
}

function isSame(content: Content, known: Content | null): boolean {
  return content.othersText === known?.othersText && content.scopes.text === known.scopes.text;
}
