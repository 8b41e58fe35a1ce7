import type { Collector } from "../../src/snapshot/tracing-model.ts";
import { eventLine } from "../../src/telemetry/event-line.ts";
import { type Measure, SendQueue } from "../../src/telemetry/send-queue.ts";
import type { Context } from "./lease.ts";

/** How a batch ended: `rejected` are those that the collector did not take. */
export type Sent =
  | { readonly kind: "taken"; readonly rejected: number }
  | { readonly kind: "failed"; readonly reason: "no_endpoint" | "unreachable" | "timeout" | "status" | "answer" };

export interface ExporterDeps {
  /** Never rejects, and ends within the collector's time. */
  send(collector: Collector, body: string): Promise<Sent>;
  /** Counts what was lost. */
  drop(reason: string, count: number): void;
  /** Starts the timer of the exchange if none runs. */
  arm(ctx: Context): void;
  /** Lets others run, where a batch is much to write. */
  pause(): Promise<void>;
  /** Epoch ms. */
  now(): number;
}

/** What an exporter sends. */
export interface Batches<T> extends Measure<T> {
  /** In names of reasons. */
  readonly name: "spans" | "logs";
  /** Of a batch that failed. */
  readonly event: string;
  /** A part of a batch, as the text of elements of a list. */
  readonly write: (items: readonly T[]) => string;
  /** What stands around that list. */
  readonly head: string;
  readonly tail: string;
}

/** Providers of the mesh's settings that have a queue; the settings may have changed their names often. */
const MAX_PROVIDERS = 16;
/** One failure of a collector in so long is told: all that is lost is counted. */
const TOLD_EVERY_MS = 60_000;
/** Items that are written at once: a request that comes meanwhile waits for so many at most. */
const WRITTEN_AT_ONCE = 16;

/** What of this isolate goes to collectors: in the exchange's timer, never on a request's way. */
export class BatchExporter<T> {
  readonly #batches: Batches<T>;
  readonly #deps: ExporterDeps;
  /** By provider. */
  readonly #queues = new Map<string, { readonly queue: SendQueue<T>; collector: Collector; toldAt: number }>();

  constructor(batches: Batches<T>, deps: ExporterDeps) {
    this.#batches = batches;
    this.#deps = deps;
  }

  /** @param ctx of its request: it may have ended after the timer that was armed when it began */
  add(provider: string, collector: Collector, item: T, ctx: Context): void {
    if (this.#batches.count(item) === 0) return;
    let known = this.#queues.get(provider);
    if (known === undefined) {
      if (this.#queues.size >= MAX_PROVIDERS) this.#forget();
      known = { queue: new SendQueue(this.#batches), collector, toldAt: Number.NEGATIVE_INFINITY };
      this.#queues.set(provider, known);
    }
    known.collector = collector;
    if (known.queue.add(item)) this.#deps.arm(ctx);
    else this.#lose("queue_full", this.#batches.count(item));
  }

  /** Something waits that could go now. */
  get isDue(): boolean {
    const now = this.#deps.now();
    for (const { queue } of this.#queues.values()) if (queue.isDue(now)) return true;
    return false;
  }

  /** Sends what waits. Never rejects. */
  async flush(): Promise<void> {
    await Promise.all(Array.from(this.#queues.keys(), async (provider) => this.#flush(provider)));
  }

  async #flush(provider: string): Promise<void> {
    const known = this.#queues.get(provider);
    if (known === undefined) return;
    const { queue } = known;
    this.#lose("ended", queue.lost(this.#deps.now()));
    while (queue.isDue(this.#deps.now())) {
      const { collector } = known;
      const batch = queue.take(this.#deps.now(), collector.timeoutMs);
      const sent = await this.#send(collector, batch);
      const ok = sent.kind === "taken";
      this.#lose(ok ? "rejected" : sent.reason, queue.ended(batch, this.#deps.now(), ok) + (ok ? sent.rejected : 0));
      if (ok) continue;
      const now = this.#deps.now();
      if (now - known.toldAt < TOLD_EVERY_MS) return;
      known.toldAt = now;
      console.warn(eventLine({ event: this.#batches.event, provider, reason: sent.reason }));
    }
  }

  /** Written a few at a time: a whole batch would hold up every request of the isolate for milliseconds. */
  async #send(collector: Collector, batch: readonly T[]): Promise<Sent> {
    const { write, head, tail } = this.#batches;
    try {
      let text = write(batch.slice(0, WRITTEN_AT_ONCE));
      for (let at = WRITTEN_AT_ONCE; at < batch.length; at += WRITTEN_AT_ONCE) {
        await this.#deps.pause();
        text += `,${write(batch.slice(at, at + WRITTEN_AT_ONCE))}`;
      }
      return await this.#deps.send(collector, head + text + tail);
    } catch {
      return { kind: "failed", reason: "unreachable" };
    }
  }

  #lose(reason: string, count: number): void {
    if (count > 0) this.#deps.drop(`${this.#batches.name}_${reason}`, count);
  }

  /** The ones that nothing waits in. */
  #forget(): void {
    for (const [provider, { queue }] of this.#queues) if (queue.isEmpty) this.#queues.delete(provider);
  }
}
