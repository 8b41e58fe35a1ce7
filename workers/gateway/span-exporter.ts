import { OTLP_TRACES, otlpResourceSpans } from "../../src/telemetry/otlp.ts";
import { bytesHeld, type Kept, spanCount, spansOf, type Whence } from "../../src/telemetry/spans.ts";
import { BatchExporter, type ExporterDeps } from "./batch-exporter.ts";
import type { Context } from "./lease.ts";

/** Failed and slow calls that are kept a second though nobody sampled them: when all fail, some show it as well as all. */
const UNSAMPLED_PER_SECOND = 20;

/** Spans of this isolate, on their way out. */
export class SpanExporter {
  readonly #batches: BatchExporter<Kept>;
  #second = 0;
  #unsampled = 0;

  constructor(whence: () => Whence, deps: ExporterDeps) {
    const write = (batch: readonly Kept[]): string => {
      const here = whence();
      return otlpResourceSpans(batch.flatMap((kept) => spansOf(kept, here)));
    };
    this.#batches = new BatchExporter(
      { name: "spans", event: "spans_failed", count: spanCount, bytes: bytesHeld, write, ...OTLP_TRACES },
      deps,
    );
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

  /** @param ctx of its request */
  add(kept: Kept, ctx: Context): void {
    const { provider, collector } = kept.plan;
    if (provider !== null && collector !== null) this.#batches.add(provider, collector, kept, ctx);
  }

  /** Spans wait that could go now. */
  get isDue(): boolean {
    return this.#batches.isDue;
  }

  /** Sends what waits. Never rejects. */
  async flush(): Promise<void> {
    await this.#batches.flush();
  }
}
