import type { SpanStatusCode } from "@opentelemetry/api";
import { VERSION } from "../version.ts";
import type { Attributes, Span } from "./spans.ts";

/** A number, not the library's enumeration: that brings all of it into the gateway's bundle. */
const ERROR: SpanStatusCode.ERROR = 2;

/**
 * Writes spans as OTLP's JSON: ids in hex, 64-bit integers as texts, enumerations as numbers.
 *
 * @see https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
 */
export function otlpTraces(spans: readonly Span[]): string {
  const byWorkload = new Map<string, Span[]>();
  for (const span of spans) {
    const { app, namespace, version } = span.of;
    const key = JSON.stringify([app, namespace, version]);
    const list = byWorkload.get(key);
    if (list === undefined) byWorkload.set(key, [span]);
    else list.push(span);
  }
  const resourceSpans = Array.from(byWorkload.values(), (list) => ({
    resource: { attributes: written(resourceOf(list[0])) },
    scopeSpans: [{ scope: { name: "tulle", version: VERSION }, spans: list.map(spanOf) }],
  }));
  return JSON.stringify({ resourceSpans });
}

/** Istio's form of the service's name: Kiali looks for it. */
function resourceOf(span: Span | undefined): Attributes {
  if (span === undefined) return [];
  const { app, namespace, version } = span.of;
  return [
    ["service.name", `${app}.${namespace}`],
    ["service.version", version],
    ["k8s.namespace.name", namespace],
    ["telemetry.sdk.name", "tulle"],
    ["telemetry.sdk.language", "webjs"],
    ["telemetry.sdk.version", VERSION],
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
function nanoseconds(ms: number): string {
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
  /** `rejected`: spans that it did not take. */
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
  const { partialSuccess } = answer as { readonly partialSuccess?: { readonly rejectedSpans?: unknown } | null };
  const rejected = Number(partialSuccess?.rejectedSpans ?? 0);
  return { kind: "taken", rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0 };
}
