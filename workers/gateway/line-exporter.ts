import { OTLP_LOGS } from "../../src/telemetry/otlp.ts";
import { type KeptLine, lineBytes, lineCount, otlpLines } from "../../src/telemetry/otlp-log.ts";
import type { Whence } from "../../src/telemetry/spans.ts";
import { BatchExporter, type ExporterDeps } from "./batch-exporter.ts";

/** Lines of the log of this isolate, on their way to collectors. */
export function lineExporter(whence: () => Whence, deps: ExporterDeps): BatchExporter<KeptLine> {
  const write = (lines: readonly KeptLine[]): string => otlpLines(lines, whence());
  return new BatchExporter(
    { name: "logs", event: "logs_failed", count: lineCount, bytes: lineBytes, write, ...OTLP_LOGS },
    deps,
  );
}
