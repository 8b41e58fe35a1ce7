import type { Operation } from "../../src/kube/object-rules.ts";
import type { PlannedChange } from "../../src/kube/write-plan.ts";
import type { IsolatesSeen, RootAnswer, TelemetryReport } from "../../src/snapshot/rpc.ts";
import {
  controlKey,
  type CounterLabels,
  type CounterName,
  type HistogramName,
  observed,
} from "../../src/telemetry/control-metrics.ts";
import type { WriteResult } from "./hub-api.ts";

/** Counts are handed over at most this often; a crash loses no more. */
const SPACING_MS = 1_000;

/** Kinds that say where services are: Istio counts them apart. */
const REGISTRY = new Set(["Service", "EndpointSlice", "Namespace"]);

/** What a cell asked, and what it was answered. */
interface Asked {
  readonly gateway: string;
  readonly have: { readonly generation: number } | null;
  readonly seen: IsolatesSeen | undefined;
  readonly answer: RootAnswer;
  /** Of the gateway's newest root. */
  readonly generation: number | null;
}

/** Takes reports; a repeat of one counts once. */
type Send = (report: TelemetryReport) => Promise<void>;

/** What the Hub counts of its own work, on its way to where all is summed. Nothing here delays it or fails it. */
export class ControlMetrics {
  readonly #send: Send;
  readonly #source = crypto.randomUUID();
  #counts: Record<string, number> = {};
  #unsent: TelemetryReport | null = null;
  #sequence = 0;
  /** The newest generation of this life, and when it was stored. */
  #stored: { readonly generation: number; readonly at: number } | null = null;
  /** What was last told of refusals, by gateway and location. */
  readonly #refused = new Map<string, number>();
  #sending = false;

  constructor(send: Send) {
    this.#send = send;
  }

  count<Name extends CounterName>(name: Name, labels: CounterLabels<Name>): void {
    this.#add(controlKey(name, labels), 1);
  }

  /** What became of a write, also of one that was only tried. */
  validated(operations: readonly Operation[], result: WriteResult): void {
    if (result.ok) {
      for (const { ref } of operations) this.count("galley_validation_passed", { group: ref.group, kind: ref.kind });
      return;
    }
    for (const { index, status } of result.failures) {
      const ref = operations[index]?.ref;
      const reason = status.reason ?? "Unknown";
      this.count("galley_validation_failed", { group: ref?.group ?? "", kind: ref?.kind ?? "", reason });
    }
  }

  /** @param at epoch ms */
  stored(changes: readonly PlannedChange[], generation: number, at: number): void {
    const deciding = changes.filter(({ configuration }) => configuration);
    for (const { ref, before, after } of deciding) {
      const event = before === null ? "add" : after === null ? "delete" : "update";
      const name = REGISTRY.has(ref.kind) ? "pilot_k8s_reg_events" : "pilot_k8s_cfg_events";
      this.count(name, { type: ref.kind, event });
    }
    if (deciding.length === 0) return;
    this.#stored = { generation, at };
    this.count("pilot_push_triggers", { type: "config" });
  }

  /** A cell asked for a root. @param now epoch ms */
  asked({ gateway, have, seen, answer, generation }: Asked, now: number): void {
    const refused = seen?.refused?.count ?? 0;
    const place = JSON.stringify([gateway, seen?.location]);
    // The cell tells how many there were since its isolates last took a root.
    const before = this.#refused.get(place) ?? 0;
    if (refused !== before) this.#refused.set(place, refused);
    const more = refused > before ? refused - before : refused < before ? refused : 0;
    if (more > 0) this.#add(controlKey("pilot_total_xds_rejects", { type: "root" }), more);
    if (answer.kind !== "root") return;
    this.handed("root", [answer.root.payload]);
    if (generation !== this.#stored?.generation || generation === have?.generation) return;
    this.#observe("pilot_xds_push_time", { type: "root" }, (now - this.#stored.at) / 1_000);
  }

  handed(type: "root" | "slice", texts: readonly string[]): void {
    for (const text of texts) {
      this.count("pilot_xds_pushes", { type });
      this.#observe("pilot_xds_config_size_bytes", { type }, text.length);
    }
  }

  /** A cell was not answered. @throws what is the matter */
  failed(error: unknown): never {
    this.count("pilot_total_xds_internal_errors", {});
    throw error;
  }

  #observe(name: HistogramName, labels: { readonly type: string }, value: number): void {
    for (const [key, by] of observed(name, labels, value)) this.#add(key, by);
  }

  #add(key: string, by: number): void {
    this.#counts[key] = (this.#counts[key] ?? 0) + by;
    if (!this.#sending) void this.#handOver();
  }

  /** Never rejects. What could not be handed over goes with the next count. */
  async #handOver(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#unsent !== null || Object.keys(this.#counts).length > 0) {
        await scheduler.wait(SPACING_MS);
        this.#unsent ??= this.#next();
        await this.#send(this.#unsent);
        this.#unsent = null;
      }
    } catch {
      // It is kept, and goes out again under the same sequence.
    } finally {
      this.#sending = false;
    }
  }

  #next(): TelemetryReport {
    const counts = this.#counts;
    this.#counts = {};
    this.#sequence += 1;
    return { source: this.#source, sequence: this.#sequence, metrics: [], dropped: {}, counts };
  }
}
