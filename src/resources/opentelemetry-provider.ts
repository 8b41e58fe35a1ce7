import { z } from "zod";
import { duration, parseDuration } from "./duration.ts";
import { emptyMap, later, never, portNumber, REASON, strict, text, uint32 } from "./fields.ts";
import { isHeaderName } from "./header-operations.ts";
import type { Report } from "./report.ts";
import { checkCollectorService, collectorService } from "./provider-service.ts";

/** A batch that is on its way holds the isolate's timer, which the platform ends after 30 s. */
const MAX_TIMEOUT_MS = 10_000;

const NO_PROCESS = never("a gateway has neither files nor an environment to look for them in");

/** Istio's provider of traces, as far as it goes by HTTP. */
export const OpenTelemetry = strict(
  {
    service: collectorService,
    port: portNumber,
    http: strict({
      path: text(
        (path) => /^\/[\w\-.~!$&'()*+,;=:@/%]*$/.test(path) && path.length <= 1_024,
        "a path that begins with `/`, without a query: `/v1/traces`",
      ),
      timeout: duration.exactOptional(),
      headers: z
        .array(
          strict(
            { name: text(isHeaderName, "a header name"), value: z.string().exactOptional() },
            { envName: `${NO_PROCESS}; write \`value\`` },
          ),
        )
        .exactOptional(),
    }).exactOptional(),
    maxTagLength: uint32.exactOptional(),
    resourceDetectors: strict({ environment: emptyMap(NO_PROCESS) }, { dynatrace: NO_PROCESS }).exactOptional(),
  },
  {
    grpc: `${never(REASON.grpc)}; write \`http: {path: /v1/traces}\``,
    dynatraceSampler: later("Telemetry's `randomSamplingPercentage` samples"),
    serviceAttributeEnrichment: later("spans carry Istio's names, and `service.name` is `app.namespace`"),
  },
);

type OpenTelemetrySpec = z.infer<typeof OpenTelemetry>;

/** What frames the message, or is the exporter's own. */
const FRAMING = new Set([
  "host",
  "content-type",
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "connection",
]);

export function checkOpenTelemetry({ service, http }: OpenTelemetrySpec, report: Report): void {
  checkCollectorService(service, report.at("service"));
  if (http === undefined) {
    // Istio's default is gRPC.
    report
      .at("http")
      .error(`OTLP over gRPC ${never(REASON.grpc)}; write \`http: {path: /v1/traces}\``, "FieldValueRequired");
    return;
  }
  if (http.timeout !== undefined && (parseDuration(http.timeout) ?? 0) > MAX_TIMEOUT_MS)
    report.at("http", "timeout").error("at most `10s`: the platform lets no call run on much longer behind a request");
  for (const [index, { name, value }] of (http.headers ?? []).entries()) {
    const place = report.at("http", "headers", index);
    if (FRAMING.has(name.toLowerCase())) place.at("name").error(never("what is sent decides it"));
    if (value === undefined) place.at("value").error("say its value", "FieldValueRequired");
    else if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) place.at("value").error("must not hold control characters");
  }
}
