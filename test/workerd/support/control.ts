import { WorkerEntrypoint } from "cloudflare:workers";
import { canonicalJson } from "../../../src/snapshot/canonical.ts";
import { sliceId } from "../../../src/snapshot/hash.ts";
import { FORMAT, type Root, type SignedRoot, type Slice } from "../../../src/snapshot/model.ts";
import type { ApiKeyFact } from "../../../src/request/api-key-fact.ts";
import type { MeshTelemetry } from "../../../src/snapshot/telemetry-model.ts";
import type { MeshTracing } from "../../../src/snapshot/tracing-model.ts";
import type {
  ConfigApi,
  IsolatesSeen,
  Look,
  Registration,
  RootAnswer,
  StateApi,
  TelemetryReport,
} from "../../../src/snapshot/rpc.ts";
import type { CountOrders, CountReport } from "../../../src/limits/seen-counts.ts";
import type { Tailed, TailOrder } from "../../../src/snapshot/tail-model.ts";
import { importSigningKey, signRoot } from "../../../src/snapshot/signature.ts";

/** What control knows of one gateway, as the test wrote it. */
interface Published {
  root: SignedRoot | null;
  readonly slices: Map<string, string>;
}

/** What a test tells control, and what control was told. Gateways have a name of their own in each test. */
export const control = {
  gateways: new Map<string, Published>(),
  /** Neither answers nor fails, as a peer that is frozen. */
  frozen: false,
  away: false,
  /** It gives roots, and fails where it is asked for slices: for any, or for one of this host. */
  sliceless: false as boolean | string,
  registrations: [] as Registration[],
  /** What comes of a registration, by the first binding that it names. */
  onRegistration: new Map<string, () => Promise<unknown>>(),
  reports: [] as TelemetryReport[],
  /** Tails that are open; null: none. */
  tails: null as TailOrder | null,
  tailed: [] as Tailed[],
  /** What objects that count told, and what they are told. */
  /** API keys by their hashes, and the hashes that each call asked for. */
  keys: new Map<string, ApiKeyFact>(),
  keyCalls: [] as (readonly string[])[],
  counted: [] as CountReport[],
  orders: { nextMs: 2_000, resets: [] } as CountOrders,
  /** So many roots have room in one answer. */
  largest: Number.POSITIVE_INFINITY,
  /** The gateways that each call of a cell was for. */
  calls: [] as string[][],
  /** What each look told, by gateway. */
  looks: new Map<string, (IsolatesSeen | null)[]>(),
};

/** Stands where control stands, and speaks as it does: to the state Worker and to gateways, by RPC. */
export class Control extends WorkerEntrypoint implements StateApi, ConfigApi {
  async root(
    gateway: string,
    have: { generation: number; issuedAt: number } | null,
    seen?: IsolatesSeen,
  ): Promise<RootAnswer> {
    control.looks.set(gateway, [...(control.looks.get(gateway) ?? []), seen ?? null]);
    await answering();
    const root = control.gateways.get(gateway)?.root;
    if (!root) return { kind: "unknown" };
    const { generation, issuedAt } = JSON.parse(root.payload) as Root;
    const tails = control.tails === null ? {} : { tails: control.tails };
    const isCurrent = have?.generation === generation && have.issuedAt === issuedAt;
    return isCurrent ? { kind: "current", ...tails } : { kind: "root", root, ...tails };
  }

  async roots(looks: readonly Look[]): Promise<readonly RootAnswer[]> {
    control.calls.push(looks.map(({ gateway }) => gateway));
    const answers = await Promise.all(looks.map(async ({ gateway, have, seen }) => this.root(gateway, have, seen)));
    let roots = 0;
    return answers.map((answer) =>
      answer.kind === "root" && (roots += 1) > control.largest ? { kind: "later" } : answer,
    );
  }

  async slices(gateway: string, ids: readonly string[]): Promise<Record<string, string>> {
    await answering();
    const { sliceless } = control;
    const all = control.gateways.get(gateway)?.slices;
    const isLost = (id: string): boolean => all?.get(id)?.includes(`"${String(sliceless)}"`) === true;
    if (sliceless === true || ids.some(isLost)) throw new Error("control is away");
    return Object.fromEntries(ids.flatMap((id) => (all?.has(id) ? [[id, all.get(id) ?? ""]] : [])));
  }

  async report(report: TelemetryReport): Promise<void> {
    await answering();
    control.reports.push(report);
  }

  async counted(report: CountReport): Promise<CountOrders> {
    await answering();
    control.counted.push(report);
    return control.orders;
  }

  async keys(hashes: readonly string[]): Promise<readonly ApiKeyFact[]> {
    control.keyCalls.push(hashes);
    await answering();
    return hashes.map((hash) => control.keys.get(hash) ?? { state: "unknown" });
  }

  async tailed(tailed: Tailed): Promise<void> {
    await answering();
    control.tailed.push(tailed);
  }

  async register(registration: Registration): Promise<void> {
    await answering();
    control.registrations.push(registration);
    await control.onRegistration.get(registration.bindings[0] ?? "")?.();
  }
}

async function answering(): Promise<void> {
  while (control.frozen) await scheduler.wait(10);
  if (control.away) throw new Error("control is away");
}

export interface Publication {
  readonly gateway: string;
  readonly generation: number;
  /** Epoch ms; now, where it isn't told. */
  readonly issuedAt?: number;
  readonly maxAgeMs?: number;
  /** By scope and host; null hides it. */
  readonly slices: Readonly<Record<string, Readonly<Record<string, Slice | null>>>>;
  /** Certificates that may speak for the trust domain, base64 DER; none, where it isn't told. */
  readonly authorities?: readonly string[];
  readonly tracing?: MeshTracing;
  readonly telemetry?: MeshTelemetry;
}

/** Signs a root that lists these slices, and lets control give it out. @returns the root as it travels */
export async function publish(publication: Publication, privateKey: string): Promise<SignedRoot> {
  const {
    gateway,
    generation,
    issuedAt = Date.now(),
    maxAgeMs,
    slices,
    authorities = [],
    tracing,
    telemetry,
  } = publication;
  const texts = new Map<string, string>();
  const scopes: Record<string, Record<string, string | null>> = {};
  for (const [scope, hosts] of Object.entries(slices)) {
    const ids: Record<string, string | null> = {};
    for (const [host, slice] of Object.entries(hosts)) {
      if (slice === null) {
        ids[host] = null;
        continue;
      }
      const text = canonicalJson(slice);
      const id = await sliceId(text);
      texts.set(id, text);
      ids[host] = id;
    }
    scopes[scope] = ids;
  }
  const trust = { domain: "cluster.local", aliases: [], authorities };
  const root: Root = {
    format: FORMAT,
    gateway,
    generation,
    issuedAt,
    trust,
    scopes,
    ...(tracing !== undefined && { tracing }),
    ...(telemetry !== undefined && { telemetry }),
    ...(maxAgeMs !== undefined && { maxAgeMs }),
  };
  const signed = await signRoot(root, await importSigningKey(privateKey));
  control.gateways.set(gateway, { root: signed, slices: texts });
  return signed;
}
