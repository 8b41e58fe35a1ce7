import { isSecretHeader, LINK_HEADERS } from "../match/secret-test.ts";
import { readFormat } from "../request/format-operators.ts";
import { formatTime } from "../request/start-time.ts";
import type { LogFormat } from "../snapshot/telemetry-model.ts";
import { addressOf, headerOf, pathOf, spiffeId } from "./attributes.ts";
import { quoted } from "./json-text.ts";
import type { Journal } from "./journal.ts";

/** One of Envoy's operators, `%NAME(argument):length%`. */
export interface LogOperator {
  readonly name: string;
  readonly argument: string;
  readonly longest: number;
}

/** R31: with what the platform adds a line stays below 8 KiB, and no value takes it alone. */
const MAX_LINE = 8_000;
const MAX_VALUE = 1_536;

/** Stands before such a line in the local mesh alone, where one stream holds the log of requests and whatever else Workers print. */
export const LOCAL_MARK = "access: ";

/** @returns texts and operators; null where a percent sign begins no operator */
export function readLogFormat(text: string): readonly (string | LogOperator)[] | null {
  const parts = readFormat(text);
  return (
    parts &&
    parts.map((part) => {
      if (typeof part === "string") return part;
      const { name, argument = "", longest = MAX_VALUE } = part;
      return { name, argument, longest };
    })
  );
}

/** Writes a call's line. @param now epoch ms: the end of the call */
export type LogWriter = (journal: Journal, gateway: string, now: number) => string;

/** Makes a format ready: a call parses nothing. */
export function linkLogFormat(format: LogFormat): LogWriter {
  if ("text" in format) {
    const parts = linkParts(format.text);
    return (journal, gateway, now) => textOf(parts, journal, gateway, now).slice(0, MAX_LINE);
  }
  const fields = Object.entries(format.fields).map(
    ([name, text]) => [`${quoted(name, MAX_VALUE)}:`, linkParts(text).map(inJson)] as const,
  );
  return (journal, gateway, now) => {
    let line = "";
    for (const [name, parts] of fields) {
      const field = name + jsonOf(parts, journal, gateway, now);
      // A field that has no room is left out whole: what is there can be read.
      if (line.length + field.length < MAX_LINE) line += line === "" ? field : `,${field}`;
    }
    return `{${line}}`;
  };
}

/** What of a format stands beside its operators has its place within the quotes, whatever it is. */
function inJson(part: string | Reader): string | Reader {
  return typeof part === "string" ? quoted(part, MAX_VALUE).slice(1, -1) : part;
}

/** The same for a value that is told as it is: whoever writes it further escapes it. */
export function linkLogText(text: string): LogWriter {
  const parts = linkParts(text);
  return (journal, gateway, now) => {
    let value = "";
    for (const part of parts) value += typeof part === "string" ? part : String(part(journal, gateway, now) ?? "-");
    return value.slice(0, MAX_VALUE);
  };
}

type Known = string | number | null | undefined;
type Reader = (journal: Journal, gateway: string, now: number) => Known;

function linkParts(text: string): readonly (string | Reader)[] {
  return (readLogFormat(text) ?? []).map((part) => (typeof part === "string" ? part : readerOf(part)));
}

/** What came from outside is escaped as in JSON: it ends no line and no quotes. */
function textOf(parts: readonly (string | Reader)[], journal: Journal, gateway: string, now: number): string {
  let line = "";
  for (const part of parts) {
    if (typeof part === "string") line += part;
    else line += quoted(String(part(journal, gateway, now) ?? "-"), MAX_VALUE).slice(1, -1);
  }
  return line;
}

/** As in Envoy a number stays one, where nothing stands beside it, and what is not there is null. */
function jsonOf(parts: readonly (string | Reader)[], journal: Journal, gateway: string, now: number): string {
  const [only] = parts;
  if (parts.length === 1 && typeof only === "function") {
    const value = only(journal, gateway, now) ?? null;
    return typeof value === "string" ? quoted(value, MAX_VALUE) : String(value);
  }
  return `"${textOf(parts, journal, gateway, now)}"`;
}

function readerOf({ name, argument, longest }: LogOperator): Reader {
  if (name === "REQ" || name === "RESP" || name === "REQ_WITHOUT_QUERY") return readerOfHeader(name, argument, longest);
  if (name === "START_TIME") return (journal) => formatTime(journal.startedAt, argument);
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  return read ?? (() => null);
}

/** The first of the headers that is there. */
function readerOfHeader(operator: string, argument: string, longest: number): Reader {
  const names = argument
    .toLowerCase()
    .split("?")
    .filter((name) => !isSecretHeader(name, NO_PLACES) && name !== "set-cookie");
  return (journal) => {
    for (const name of names) {
      const value = operator === "RESP" ? answerText(journal, name) : requestText(journal, name);
      if (value === null || value === undefined) continue;
      const text = String(value);
      return (operator === "REQ_WITHOUT_QUERY" || LINK_HEADERS.has(name) ? text.replace(/[?#].*$/s, "") : text).slice(
        0,
        longest,
      );
    }
    return null;
  };
}

const NO_PLACES: ReadonlySet<string> = new Set();

function requestText(journal: Journal, name: string): Known {
  switch (name) {
    case ":path":
      return pathOf(journal, journal.query.replaceAll(/=[^&]*/g, ""));
    case ":method":
      return journal.method;
    case ":authority":
      return journal.authority;
    case ":scheme":
      return journal.scheme;
    default:
      return headerOf(journal, "request", name);
  }
}

/** Envoy itself tells in a header how long the service took. */
function answerText(journal: Journal, name: string): Known {
  return name === "x-envoy-upstream-service-time" ? journal.upstreamMs : headerOf(journal, "response", name);
}

const READERS: Readonly<Record<string, Reader>> = {
  RESPONSE_CODE: (journal) => journal.status,
  RESPONSE_CODE_DETAILS: (journal) => journal.details,
  RESPONSE_FLAGS: (journal) => journal.flag,
  DURATION: (journal, _, now) => now - journal.startedAt,
  BYTES_SENT: (journal) => journal.bytes,
  BYTES_RECEIVED: (journal) => journal.requestBytes,
  UPSTREAM_HOST: (journal) => journal.endpoint?.id,
  UPSTREAM_REMOTE_ADDRESS: (journal) => journal.endpoint?.id,
  UPSTREAM_CLUSTER: (journal) => journal.cluster?.id,
  UPSTREAM_CLUSTER_RAW: (journal) => journal.cluster?.id,
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (journal) => journal.attempts,
  ROUTE_NAME: (journal) => journal.route?.name,
  DOWNSTREAM_REMOTE_ADDRESS: (journal) => journal.clientIp && addressOf(journal.clientIp),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (journal) => journal.clientIp,
  DOWNSTREAM_PEER_URI_SAN: spiffeId,
  GRPC_STATUS_NUMBER: (journal) => headerOf(journal, "response", "grpc-status"),
  TRACE_ID: (journal) => journal.traceId,
  SPAN_ID: (journal) => journal.spanId,
  HOSTNAME: (_, gateway) => gateway,
};

/** Those without an argument whose values are known. */
export const LOG_OPERATORS: readonly string[] = Object.keys(READERS);
