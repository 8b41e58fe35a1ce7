import type { LogSink, OtlpLog } from "../snapshot/telemetry-model.ts";
import { quoted } from "./json-text.ts";
import type { Journal } from "./journal.ts";
import { linkLogFormat, linkLogText, type LogWriter } from "./log-format.ts";
import { nanoseconds, otlpResourceLogs } from "./otlp.ts";
import type { Whence } from "./spans.ts";

/** A line for a collector, as it waits. */
export interface KeptLine {
  /** Of its log. */
  readonly name: string;
  /** A record of OTLP's JSON. */
  readonly record: string;
}

/** R31: as a line of the platform's log. */
const MAX_BODY = 8_000;
const MAX_VALUE = 1_536;
const MAX_ATTRIBUTES = 8_000;

/** Makes a call's record: its text as the body, and what each label says as an attribute. */
export function linkOtlpLog(format: LogSink["format"], { labels }: OtlpLog): LogWriter {
  const body = linkLogFormat(format ?? { text: "" });
  const attributes = Object.entries(labels).map(
    ([name, text]) => [`{"key":${quoted(name, MAX_VALUE)},"value":{"stringValue":`, linkLogText(text)] as const,
  );
  return (journal, gateway, now) => {
    let list = "";
    for (const [key, write] of attributes) {
      const attribute = `${key}${quoted(write(journal, gateway, now), MAX_VALUE)}}}`;
      // One that has no room is left out whole.
      if (list.length + attribute.length < MAX_ATTRIBUTES) list += list === "" ? attribute : `,${attribute}`;
    }
    return `{${idsOf(journal, now)},"body":{"stringValue":${quoted(body(journal, gateway, now), MAX_BODY)}},"attributes":[${list}]}`;
  };
}

/** When the request began, as Envoy says it, when it ended, and its trace. */
function idsOf({ startedAt, traceId, spanId, sampled }: Journal, now: number): string {
  return `"timeUnixNano":"${nanoseconds(startedAt)}","observedTimeUnixNano":"${nanoseconds(now)}","traceId":"${traceId}","spanId":"${spanId}","flags":${sampled ? 1 : 0}`;
}

/** One. */
export function lineCount(): number {
  return 1;
}

/** Two bytes a character, and what an object takes. */
export function lineBytes({ record }: KeptLine): number {
  return 2 * record.length + LINE_BYTES;
}

const LINE_BYTES = 64;

/** Elements of `resourceLogs`. */
export function otlpLines(lines: readonly KeptLine[], whence: Whence): string {
  const byName = new Map<string, string[]>();
  for (const { name, record } of lines) {
    const records = byName.get(name);
    if (records === undefined) byName.set(name, [record]);
    else records.push(record);
  }
  return Array.from(byName, ([name, records]) => otlpResourceLogs(whence, name, records)).join(",");
}
