import { z } from "zod";

// What a collector takes of OTLP's JSON, and nothing else: ids in hex, 64-bit integers as texts, enumerations as numbers.

const traceId = z.string().regex(/^(?!0{32})[0-9a-f]{32}$/);
const spanId = z.string().regex(/^(?!0{16})[0-9a-f]{16}$/);
const uint64 = z.string().regex(/^(0|[1-9]\d{0,19})$/);

const AnyValue = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ boolValue: z.boolean() }),
  z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  z.strictObject({ doubleValue: z.number() }),
]);

const Attributes = z
  .array(z.strictObject({ key: z.string().min(1), value: AnyValue }))
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length, { error: "an attribute is there twice" });

const Span = z.strictObject({
  traceId,
  spanId,
  parentSpanId: spanId.exactOptional(),
  traceState: z.string().exactOptional(),
  flags: z.int().min(0).max(0xff_ff_ff_ff),
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  startTimeUnixNano: uint64,
  endTimeUnixNano: uint64,
  attributes: Attributes,
  status: z.strictObject({ code: z.int().min(0).max(2).exactOptional(), message: z.string().exactOptional() }),
});

const Request = z.strictObject({
  resourceSpans: z
    .array(
      z.strictObject({
        resource: z.strictObject({ attributes: Attributes }),
        scopeSpans: z.array(
          z.strictObject({
            scope: z.strictObject({ name: z.string(), version: z.string() }),
            spans: z.array(Span).min(1),
          }),
        ),
      }),
    )
    .min(1),
});

const LogRequest = z.strictObject({
  resourceLogs: z
    .array(
      z.strictObject({
        resource: z.strictObject({ attributes: Attributes }),
        scopeLogs: z.array(
          z.strictObject({
            scope: z.strictObject({ name: z.string(), version: z.string() }),
            logRecords: z
              .array(
                z.strictObject({
                  timeUnixNano: uint64,
                  observedTimeUnixNano: uint64,
                  traceId,
                  spanId,
                  flags: z.int().min(0).max(1),
                  body: z.strictObject({ stringValue: z.string() }),
                  attributes: Attributes,
                }),
              )
              .min(1),
          }),
        ),
      }),
    )
    .min(1),
});

/** A line of the log as it was told. */
interface ToldLine {
  /** `log_name` and `service.name` of its resource. */
  readonly log: string;
  readonly service: string;
  readonly body: string;
  readonly traceId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** @throws where a collector would refuse it */
export function toldLogs(body: unknown): ToldLine[] {
  return LogRequest.parse(body).resourceLogs.flatMap(({ resource, scopeLogs }) => {
    const of = plain(resource.attributes);
    return scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => ({
        log: String(of["log_name"]),
        service: String(of["service.name"]),
        body: record.body.stringValue,
        traceId: record.traceId,
        attributes: plain(record.attributes),
      })),
    );
  });
}

/** A span as it was told. */
export interface ToldSpan extends Omit<z.infer<typeof Span>, "attributes" | "kind"> {
  readonly kind: "server" | "client";
  /** `service.name` of its resource. */
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** @throws where a collector would refuse it */
export function toldSpans(body: unknown): ToldSpan[] {
  return Request.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        ...span,
        kind: KINDS[span.kind] ?? "client",
        service: String(plain(resource.attributes)["service.name"]),
        attributes: plain(span.attributes),
      })),
    ),
  );
}

const KINDS: Readonly<Record<number, ToldSpan["kind"]>> = { 2: "server", 3: "client" };

function plain(attributes: z.infer<typeof Attributes>): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, "intValue" in value ? Number(value.intValue) : Object.values(value)[0]]),
  );
}

/**
 * The spans of one trace, each below its parent.
 *
 * @throws where it does not hang together
 */
export function connected(spans: readonly ToldSpan[], traceId: string): readonly string[] {
  const own = spans.filter((span) => span.traceId === traceId);
  const ids = new Set(own.map((span) => span.spanId));
  const roots = own.filter(({ parentSpanId }) => parentSpanId === undefined || !ids.has(parentSpanId));
  if (roots.length !== 1) throw new Error(`${roots.length} spans have no parent in the trace`);
  const below = (parent: ToldSpan, depth: number): string[] => [
    `${"  ".repeat(depth)}${parent.kind} ${parent.service}`,
    ...own.filter(({ parentSpanId }) => parentSpanId === parent.spanId).flatMap((span) => below(span, depth + 1)),
  ];
  return roots.flatMap((root) => below(root, 0));
}
