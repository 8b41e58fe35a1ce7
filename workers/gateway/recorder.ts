import type { Health } from "../../src/decide/attempts.ts";
import type { Came, DecisionRecord, Outcome, Readings } from "../../src/decide/decision-record.ts";
import type { Forward } from "../../src/decide/types.ts";
import { digestible, type WrittenFacts, writeFacts } from "../../src/decide/written.ts";
import type { Whereabouts } from "../../src/request/entrance.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { Pool } from "../../src/resilience/pool.ts";
import { base64UrlToBytes, bytesToHex } from "../../src/snapshot/bytes.ts";
import type { LinkedSlice } from "../../src/snapshot/link.ts";
import type { Endpoint } from "../../src/snapshot/model.ts";
import type { SentRecord } from "../../src/snapshot/rpc.ts";
import type { Journal } from "../../src/telemetry/journal.ts";
import { QUOTAS, RecordSampler, type Sampled } from "../../src/telemetry/record-sampler.ts";

/** Sampled calls wait so long at least, so that no second has more than its places. */
const EVERY_MS = 1_000;
/** A longer one is dropped: it would drive others out of their ring. */
const MAX_TEXT = 16_384;
const DIGEST_DIGITS = 16;

/** What of a call is kept until the exchange: nothing of its connection. */
interface Taken {
  readonly journal: Journal;
  readonly facts: RequestFacts | null;
  readonly slice: LinkedSlice | null;
  readonly readings: Readings | null;
  readonly verdict: string;
  readonly durationMs: number;
}

/** A call that has ended, as far as its steps came. */
interface Ended {
  readonly journal: Journal;
  readonly facts?: RequestFacts;
  readonly slice?: LinkedSlice;
  readonly forward?: Forward;
  readonly endpoint?: Endpoint;
  readonly view?: Pick<Health, "isEjected" | "isUnhealthy"> & { readonly pool: Pick<Pool, "running" | "waiting"> };
  readonly whereabouts: Whereabouts | null;
}

export interface RecorderDeps {
  /** Of a slice that the root lists or listed. */
  idOf(slice: LinkedSlice): string | null;
  /** Counts a record that was lost. */
  drop(reason: string): void;
}

/** Takes some calls as they end, and writes them down when the isolate talks to its cell. */
export class Recorder {
  readonly #sampler: RecordSampler<Taken>;
  readonly #deps: RecorderDeps;
  #key: Promise<CryptoKey> | null = null;
  #writtenAt = Number.NEGATIVE_INFINITY;

  /** @param places a second, by kind */
  constructor(deps: RecorderDeps, places = QUOTAS) {
    this.#deps = deps;
    this.#sampler = new RecordSampler(places);
  }

  get isEmpty(): boolean {
    return this.#sampler.isEmpty;
  }

  /** @param key of the mesh, base64url; until it is here sensitive values are left out altogether */
  useKey(key: string): void {
    const bytes = base64UrlToBytes(key);
    if (bytes === null) return;
    this.#key = crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  }

  /** Looks at a call that has ended. @param now epoch ms */
  offer(call: Ended, now: number): void {
    if (this.#sampler.wants(call.journal, Math.random)) this.#sampler.put(taken(call, now));
  }

  /** What was taken since, but for what comes too soon after the last. @param now epoch ms */
  async write(now: number): Promise<readonly SentRecord[]> {
    if (this.#sampler.isEmpty || now - this.#writtenAt < EVERY_MS) return [];
    this.#writtenAt = now;
    const records: SentRecord[] = [];
    for (const sampled of this.#sampler.take()) {
      try {
        const record = await this.#record(sampled);
        if (record.text.length <= MAX_TEXT) records.push(record);
        else this.#deps.drop("record_too_long");
      } catch {
        this.#deps.drop("record_failed");
      }
    }
    return records;
  }

  async #record({ kind, weight, item }: Sampled<Taken>): Promise<SentRecord> {
    const { journal, facts, slice, readings } = item;
    const { requestId, traceId, generation, scope } = journal;
    const id = slice === null ? null : this.#deps.idOf(slice);
    const record: DecisionRecord = {
      requestId,
      traceId,
      generation,
      scope,
      slice: id,
      destination: journal.endpoint?.workload.namespace ?? journal.cluster?.service.namespace ?? null,
      weight,
      facts: facts === null || slice === null ? null : await this.#facts(slice, facts),
      ...(facts === null && { came: cameOf(journal) }),
      ...(readings !== null && { readings }),
      outcome: outcomeOf(item),
    };
    const principals = [journal.peer.principal, journal.requestPrincipal, ...tokensOf(facts)];
    return {
      requestId,
      traceId,
      at: journal.startedAt,
      kind,
      principals: [...new Set(principals.filter((one) => one !== null))],
      slice: id,
      text: JSON.stringify(record),
    };
  }

  async #facts(slice: LinkedSlice, facts: RequestFacts): Promise<WrittenFacts> {
    const written = writeFacts(slice, facts);
    const names = this.#key === null ? [] : digestible(slice, written);
    if (names.length === 0) return written;
    const headers = { ...written.headers };
    for (const name of names) headers[name] = await this.#digest(`${name}\n${facts.headers[name] ?? ""}`);
    return { ...written, headers };
  }

  async #digest(text: string): Promise<string> {
    const key = await this.#key;
    if (key === null) return "*";
    const digest = bytesToHex(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)));
    return `hmac:${digest.slice(0, DIGEST_DIGITS)}`;
  }
}

function taken(call: Ended, now: number): Taken {
  const { journal, facts, slice, forward } = call;
  return {
    journal,
    facts: facts ?? null,
    slice: slice ?? null,
    readings: forward === undefined ? null : readingsOf(call, forward),
    verdict: verdictOf(journal, forward),
    durationMs: now - journal.startedAt,
  };
}

function readingsOf({ journal, endpoint, view, whereabouts }: Ended, { cluster }: Forward): Readings | null {
  // Of a call that found no place in the limit the endpoint was picked before, and not called.
  if (endpoint !== undefined && journal.details !== "overflow") return { picked: endpoint.id, whereabouts };
  if (view === undefined) return null;
  const { endpoints } = cluster.model;
  const idsOf = (list: typeof endpoints): readonly string[] => list.map(({ id }) => id);
  return {
    picked: null,
    ejected: idsOf(endpoints.filter((one) => view.isEjected(one))),
    unhealthy: idsOf(cluster.probed === null ? [] : endpoints.filter((one) => view.isUnhealthy(one))),
    running: view.pool.running,
    waiting: view.pool.waiting,
  };
}

/** What became of it after a good decision is no verdict, but for what breakers and an endpoint's policies say. */
function verdictOf({ details }: Journal, forward: Forward | undefined): string {
  if (forward === undefined || details === "overflow" || details === "no_healthy_upstream") return details;
  for (const { code } of forward.refusals?.values() ?? []) if (code === details) return details;
  return "forward";
}

function outcomeOf({ journal, verdict, durationMs }: Taken): Outcome {
  const { policy, status, flag, details, route, cluster, endpoint, attempts, requestPrincipal } = journal;
  return {
    verdict,
    policy,
    status,
    flag,
    details,
    route: route?.name ?? null,
    cluster: cluster?.id ?? null,
    endpoint: endpoint?.id ?? null,
    attempts,
    durationMs,
    requestPrincipal,
  };
}

function cameOf({ protocol, method, scheme, authority, path, peer }: Journal): Came {
  return { protocol, method, scheme, authority, path, principal: peer.principal };
}

function tokensOf(facts: RequestFacts | null): readonly string[] {
  return facts === null ? [] : facts.tokens.flatMap((token) => (token?.ok === true ? token.principal : []));
}
