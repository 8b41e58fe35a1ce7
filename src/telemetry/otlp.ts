import type { SpanStatusCode } from "@opentelemetry/api";
import { VERSION } from "../version.ts";
import type { Attributes, Span, Whence } from "./spans.ts";

/** A number, not the library's enumeration: that brings all of it into the gateway's bundle. */
const ERROR: SpanStatusCode.ERROR = 2;

/**
 * OTLP's JSON: ids in hex, 64-bit integers as texts, enumerations as numbers. What stands around the lists of a request.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export const OTLP_TRACES = { head: '{"resourceSpans":[', tail: "]}" };
export const OTLP_LOGS = { head: '{"resourceLogs":[', tail: "]}" };

const SCOPE = { name: "tulle", version: VERSION };

/** The spans as elements of `resourceSpans`; empty: there are none. */
export function otlpResourceSpans(spans: readonly Span[]): string {
  const byWorkload = new Map<string, Span[]>();
  for (const span of spans) {
    const { app, namespace, version } = span.of;
    const key = JSON.stringify([app, namespace, version]);
    const list = byWorkload.get(key);
    if (list === undefined) byWorkload.set(key, [span]);
    else list.push(span);
  }
  return Array.from(byWorkload.values(), (list) =>
    JSON.stringify({
      resource: { attributes: written(resourceOf(list[0])) },
      scopeSpans: [{ scope: SCOPE, spans: list.map(spanOf) }],
    }),
  ).join(",");
}

/** Lines of the log, of one name, as an element of `resourceLogs`. @param records each as its JSON */
export function otlpResourceLogs({ gateway, location }: Whence, logName: string, records: readonly string[]): string {
  const attributes = written([["service.name", gateway], ["log_name", logName], ["tulle.location", location], ...SDK]);
  return `{"resource":${JSON.stringify({ attributes })},"scopeLogs":[{"scope":${JSON.stringify(SCOPE)},"logRecords":[${records.join(",")}]}]}`;
}

const SDK: Attributes = [
  ["telemetry.sdk.name", "tulle"],
  ["telemetry.sdk.language", "webjs"],
  ["telemetry.sdk.version", VERSION],
];

/** Istio's form of the service's name: Kiali looks for it. */
function resourceOf(span: Span | undefined): Attributes {
  if (span === undefined) return [];
  const { app, namespace, version } = span.of;
  return [
    ["service.name", `${app}.${namespace}`],
    ["service.version", version],
    ["k8s.namespace.name", namespace],
    ...SDK,
  ];
}

function spanOf(span: Span): object {
  const { traceId, spanId, parentId, name, kind, startedAt, endedAt, sampled, attributes, error } = span;
  return {
    traceId,
    spanId,
    ...(parentId !== null && { parentSpanId: parentId }),
    flags: sampled ? 1 : 0,
    name,
    // OTLP counts from "unspecified" on, the library from "internal".
    kind: kind + 1,
    startTimeUnixNano: nanoseconds(startedAt),
    endTimeUnixNano: nanoseconds(endedAt),
    attributes: written(attributes),
    status: error === null ? {} : { code: ERROR, message: error },
  };
}

/** Beyond what a number holds. */
export function nanoseconds(ms: number): string {
  return `${ms}000000`;
}

function written(attributes: Attributes): object[] {
  return attributes.map(([key, value]) => ({ key, value: valueOf(value) }));
}

function valueOf(value: string | number | boolean): object {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  return { intValue: String(value) };
}

/** What a collector answered. */
export type OtlpAnswer =
  /** `rejected`: spans, or lines, that it did not take. */
  { readonly kind: "taken"; readonly rejected: number } | { readonly kind: "wrong" };

/** @param text of an answer 200: JSON, or nothing at all */
export function readOtlpAnswer(text: string): OtlpAnswer {
  if (text.trim() === "") return { kind: "taken", rejected: 0 };
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return { kind: "wrong" };
  }
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return { kind: "wrong" };
  const { partialSuccess } = answer as {
    readonly partialSuccess?: { readonly rejectedSpans?: unknown; readonly rejectedLogRecords?: unknown } | null;
  };
  const rejected = Number(partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedLogRecords ?? 0);
  return { kind: "taken", rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0 };
}
