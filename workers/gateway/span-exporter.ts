import { eventLine } from "../../src/telemetry/event-line.ts";
import { otlpTraces } from "../../src/telemetry/otlp.ts";
import { SpanQueue } from "../../src/telemetry/span-queue.ts";
import { type Kept, spanCount, spansOf, type Whence } from "../../src/telemetry/spans.ts";
import type { Collector } from "../../src/snapshot/tracing-model.ts";
import type { Context } from "./lease.ts";

/** How a batch ended: `rejected` are spans that the collector did not take. */
export type Sent =
  | { readonly kind: "taken"; readonly rejected: number }
  | { readonly kind: "failed"; readonly reason: "no_endpoint" | "unreachable" | "timeout" | "status" | "answer" };

export interface SpanExporterDeps {
  whence(): Whence;
  /** Never rejects, and ends within the collector's time. */
  send(collector: Collector, body: string): Promise<Sent>;
  /** Counts spans that were lost. */
  drop(reason: string, count: number): void;
  /** Starts the timer of the exchange if none runs. */
  arm(ctx: Context): void;
  /** Epoch ms. */
  now(): number;
}

/** Failed and slow calls that are kept a second though nobody sampled them: when all fail, some show it as well as all. */
const UNSAMPLED_PER_SECOND = 20;
/** Providers of the mesh's settings that have a queue; the settings may have changed their names often. */
const MAX_PROVIDERS = 16;
/** One failure of a collector in so long is told: all spans that are lost are counted. */
const TOLD_EVERY_MS = 60_000;

/** Spans of this isolate, on their way out: in the exchange's timer, never on a request's. */
export class SpanExporter {
  readonly #deps: SpanExporterDeps;
  /** By provider. */
  readonly #queues = new Map<string, { readonly queue: SpanQueue; collector: Collector; toldAt: number }>();
  #second = 0;
  #unsampled = 0;

  constructor(deps: SpanExporterDeps) {
    this.#deps = deps;
  }

  /** Whether one more call may be kept that was not sampled. */
  takesUnsampled(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#unsampled = 0;
    }
    this.#unsampled += 1;
    return this.#unsampled <= UNSAMPLED_PER_SECOND;
  }

  /** @param ctx of its request: it may have ended after the timer that was armed when it began */
  add(kept: Kept, ctx: Context): void {
    const { provider, collector } = kept.plan;
    if (provider === null || collector === null) return;
    let known = this.#queues.get(provider);
    if (known === undefined) {
      if (this.#queues.size >= MAX_PROVIDERS) this.#forget();
      known = { queue: new SpanQueue(), collector, toldAt: Number.NEGATIVE_INFINITY };
      this.#queues.set(provider, known);
    }
    known.collector = collector;
    if (known.queue.add(kept)) this.#deps.arm(ctx);
    else this.#deps.drop("spans_queue_full", spanCount(kept));
  }

  /** Spans wait that could go now. */
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
      console.warn(eventLine({ event: "spans_failed", provider, reason: sent.reason }));
    }
  }

  async #send(collector: Collector, batch: readonly Kept[]): Promise<Sent> {
    const whence = this.#deps.whence();
    const spans = batch.flatMap((kept) => spansOf(kept, whence));
    return this.#deps
      .send(collector, otlpTraces(spans))
      .catch(() => ({ kind: "failed", reason: "unreachable" }) as const);
  }

  #lose(reason: string, count: number): void {
    if (count > 0) this.#deps.drop(`spans_${reason}`, count);
  }

  /** The ones that nothing waits in. */
  #forget(): void {
    for (const [provider, { queue }] of this.#queues) if (queue.isEmpty) this.#queues.delete(provider);
  }
}
