import type { z } from "zod";
import { portNumber, strict, text } from "./fields.ts";
import { checkLogFormat, ISTIO_TEXT, logFormat, textOfLine } from "./log-provider.ts";
import { checkCollectorService, collectorService } from "./provider-service.ts";
import type { Report } from "./report.ts";
import type { LogSink } from "../snapshot/telemetry-model.ts";

/** Where collectors take OTLP over HTTP, unless they are told otherwise; at 4317 they speak gRPC. */
const HTTP_PORT = 4_318;

/** Istio's own name of such a log. */
const DEFAULT_NAME = "otel_envoy_accesslog";

/** Istio's provider of logs that an OpenTelemetry collector takes. */
export const EnvoyOtelAls = strict({
  service: collectorService,
  port: portNumber,
  logName: text((name) => name.length <= 128, "a name of at most 128 characters").exactOptional(),
  logFormat: logFormat.exactOptional(),
});

type OtelLogSpec = z.infer<typeof EnvoyOtelAls>;

export function checkOtelLog({ service, port, logFormat }: OtelLogSpec, report: Report): void {
  checkCollectorService(service, report.at("service"));
  if (port !== HTTP_PORT)
    report
      .at("port")
      .warn(
        `lines go by OTLP over HTTP, as JSON, to \`/v1/logs\`: gRPC does not work here, and collectors take HTTP at ${HTTP_PORT} where nothing else is said`,
        "TULLE0003",
      );
  if (logFormat !== undefined) checkLogFormat(logFormat, report.at("logFormat"));
}

/** What a line for it is made of: the body is Istio's text where nothing is said. */
export function otelLogSink({ logName = "", logFormat }: OtelLogSpec): Pick<LogSink, "format" | "otlp"> {
  const { text = "", labels = {} } = logFormat ?? {};
  return {
    format: { text: text === "" ? ISTIO_TEXT : textOfLine(text) },
    otlp: { name: logName === "" ? DEFAULT_NAME : logName, labels },
  };
}
