import type { Cluster } from "./endpoint-model.ts";

// What a root says of traces, whoever's they are, and of collectors: where spans go, and what the mesh does where no Telemetry says otherwise. Plain JSON.

export interface MeshTracing {
  /** By their names in `extensionProviders`. */
  readonly collectors: Readonly<Record<string, Collector>>;
  /** Where no Telemetry names any; empty: nobody gets spans. */
  readonly providers: readonly string[];
  /** 0 to 100, of requests that bring no decision. */
  readonly sampling: number;
  /** Zipkin's headers are read where there is no `traceparent`, and sent in this form beside it. Absent: they are nobody's. */
  readonly b3?: "SINGLE" | "MULTI";
  /** Calls that failed are reported, sampled or not. */
  readonly keepErrors?: true;
  /** So are those that took longer. */
  readonly slowMs?: number;
  /** Where lines of the log go, by their names in `extensionProviders`. Absent: to the platform's log alone. */
  readonly logs?: Readonly<Record<string, Collector>>;
}

/** A service of the mesh that takes spans, or lines of the log, by OTLP over HTTP. */
export interface Collector {
  /** Its endpoints have no policies: the mesh's administrator named it. */
  readonly cluster: Cluster;
  readonly path: string;
  /** Names are lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly timeoutMs: number;
  /** Longer paths are cut in spans; absent: at 256 characters. */
  readonly maxTagLength?: number;
}
