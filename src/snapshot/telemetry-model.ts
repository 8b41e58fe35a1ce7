import type { Programs } from "./program-model.ts";

// What a root and its slices say of logs, metrics and traces: Istio's Telemetry and the mesh's defaults, each part made whole. Plain JSON.

/**
 * Of all workloads. In one gateway a call passes both of Istio's proxies: the caller's, by the `client` side of whoever calls,
 * and the service's, by the `server` side of its endpoint.
 */
export interface MeshTelemetry {
  /** Each different one once. */
  readonly settings: readonly TelemetrySettings[];
  /** Where nothing narrower is said, and of callers that nobody knows. */
  readonly mesh: TelemetrySides;
  /** Of the workloads of a namespace that has settings of its own. */
  readonly namespaces?: Readonly<Record<string, TelemetrySides>>;
  /** The client's side of single workloads, `namespace/serviceAccount`, and of Gateways, `gw/namespace/name`: index into `settings`. */
  readonly callers?: Readonly<Record<string, number>>;
  /** Of all patterns in `settings`. Absent: there are none. */
  readonly programs?: Programs;
}

/** Indexes into `MeshTelemetry.settings`. */
export interface TelemetrySides {
  readonly client: number;
  readonly server: number;
}

/** Of one side of a workload. An absent part is as without any settings. */
export interface TelemetrySettings {
  readonly tracing?: TracingSettings;
  readonly accessLog?: AccessLogSettings;
  readonly metrics?: MetricsSettings;
}

export interface TracingSettings {
  /** Names in `extensionProviders`; empty: spans go nowhere. */
  readonly providers: readonly string[];
  /** 0 to 100, of requests that bring no decision; absent: the mesh's. */
  readonly sampling?: number;
  /** Context is passed on, and no span is reported. */
  readonly off?: true;
  readonly tags: readonly CustomTag[];
  /** Spans lack the attributes that Istio adds. */
  readonly plain?: true;
  /** The service gets no context: headers of traces are taken off. */
  readonly cut?: true;
}

/** An attribute of each span. */
export type CustomTag =
  | { readonly name: string; readonly literal: string }
  /** Value of a request's header, lower case; absent without `fallback`: no attribute. */
  | { readonly name: string; readonly header: string; readonly fallback?: string }
  /** A text with Envoy's operators, as of `LogFormat`. */
  | { readonly name: string; readonly format: string };

export interface AccessLogSettings {
  /** Empty: nothing is logged. */
  readonly sinks: readonly LogSink[];
}

/** A line of the log, if all that it asks holds. */
export interface LogSink {
  /** Its provider's name: a call is one line at most for each. */
  readonly provider: string;
  /** Absent: each call. An expression that cannot be worked out does not hold. */
  readonly filter?: CompiledExpression;
  /** Absent: the mesh's own JSON. */
  readonly format?: LogFormat;
  /** It goes to the collector of the provider's name in the root, `format` as its body. Absent: to the platform's log. */
  readonly otlp?: OtlpLog;
}

export interface OtlpLog {
  /** Of the log, in its resource. */
  readonly name: string;
  /** Attributes, each a text with Envoy's operators. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Text with Envoy's operators, or one such text for each field of a JSON object. */
export type LogFormat = { readonly text: string } | { readonly fields: Readonly<Record<string, string>> };

export interface MetricsSettings {
  /** Nothing is counted. */
  readonly off?: true;
  /** At most one for each metric. */
  readonly overrides: readonly MetricOverride[];
}

/** Istio's name of a metric. */
export type IstioMetric =
  | "REQUEST_COUNT"
  | "REQUEST_DURATION"
  | "REQUEST_SIZE"
  | "RESPONSE_SIZE"
  | "GRPC_REQUEST_MESSAGES"
  | "GRPC_RESPONSE_MESSAGES";

interface MetricOverride {
  readonly metric: IstioMetric;
  readonly disabled?: true;
  readonly tags: readonly TagOverride[];
}

export interface TagOverride {
  readonly name: string;
  /** Absent: the label is left out. */
  readonly value?: CompiledExpression;
}

/**
 * An expression of CEL as our own tree, bounded when it was compiled: at most 256 nodes, no loops. A number is an integer that a
 * double holds exactly. What an attribute is worth, and which there are: `src/telemetry/attributes.ts`.
 */
export type CompiledExpression =
  | { readonly kind: "value"; readonly value: boolean | number | string | null }
  | { readonly kind: "duration"; readonly ms: number }
  | { readonly kind: "list"; readonly items: readonly CompiledExpression[] }
  /** By Envoy's name; one that nobody knows is never there. */
  | { readonly kind: "attribute"; readonly name: string }
  /** Lower case. */
  | { readonly kind: "header"; readonly of: "request" | "response"; readonly name: string }
  | { readonly kind: "has"; readonly of: CompiledExpression }
  | { readonly kind: "not" | "negate"; readonly of: CompiledExpression }
  | {
      readonly kind: BinaryOperator;
      readonly left: CompiledExpression;
      readonly right: CompiledExpression;
    }
  | {
      readonly kind: "if";
      readonly test: CompiledExpression;
      readonly one: CompiledExpression;
      readonly other: CompiledExpression;
    }
  | { readonly kind: "call"; readonly name: ExpressionCall; readonly args: readonly CompiledExpression[] }
  /** RE2, somewhere in the text. */
  | { readonly kind: "matches"; readonly of: CompiledExpression; readonly regex: string };

export type BinaryOperator = "and" | "or" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "+" | "-" | "*" | "/" | "%";

export type ExpressionCall = "size" | "contains" | "startsWith" | "endsWith" | "string" | "int";
