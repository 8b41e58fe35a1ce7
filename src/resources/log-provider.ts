import { z } from "zod";
import { isSecretHeader } from "../match/secret-test.ts";
import { isTimeFormat } from "../request/start-time.ts";
import { LOG_OPERATORS, type LogOperator, readLogFormat } from "../telemetry/log-format.ts";
import type { LogFormat } from "../snapshot/telemetry-model.ts";
import { choice, later, never, REASON, strict, text, tuning } from "./fields.ts";
import type { Report } from "./report.ts";

/** A Worker has no files: what it prints is the platform's log. */
const STDOUT = "/dev/stdout";
const path = text((written) => written === STDOUT, `\`${STDOUT}\`: ${REASON.files.split(";", 1)[0]}`);

const MAX_FORMAT = 4_096;
const format = text((written) => written.length <= MAX_FORMAT, `a text of at most ${MAX_FORMAT} characters`);
const MAX_FIELDS = 64;

/** How lines look, as far as a provider's settings say. */
export const logFormat = strict({
  text: format.exactOptional(),
  labels: z
    .record(z.string(), format)
    .refine((labels) => Object.keys(labels).length <= MAX_FIELDS, {
      error: `must not have more than ${MAX_FIELDS} members`,
    })
    .exactOptional(),
});

export const EnvoyFileAccessLog = strict({
  path: path.exactOptional(),
  logFormat: logFormat.exactOptional(),
  omitEmptyValues: tuning(z.boolean(), "what is not known is `-`, and null in JSON", false),
});

/** The mesh's older way to say how the log looks. */
export const accessLogFields = {
  accessLogFile: z
    .union([z.literal(""), path], { error: `must be \`${STDOUT}\`, or empty for no log` })
    .exactOptional(),
  accessLogFormat: format.exactOptional(),
  accessLogEncoding: choice(["TEXT", "JSON"]).exactOptional(),
};

type FileSpec = z.infer<typeof EnvoyFileAccessLog>;

interface AccessLogSpec {
  readonly accessLogFile?: string | undefined;
  readonly accessLogFormat?: string | undefined;
  readonly accessLogEncoding?: "TEXT" | "JSON" | undefined;
}

export function checkFileLog({ logFormat }: FileSpec, report: Report): void {
  const place = report.at("logFormat");
  if (logFormat === undefined) return;
  if ((logFormat.text === undefined) === (logFormat.labels === undefined))
    place.error("set one of `text` and `labels`", "FieldValueRequired");
  checkLogFormat(logFormat, place);
}

/** Each text of a format. */
export function checkLogFormat({ text, labels = {} }: z.infer<typeof logFormat>, report: Report): void {
  if (text !== undefined) checkFormat(text, report.at("text"));
  for (const [name, one] of Object.entries(labels)) checkFormat(one, report.at("labels", name));
}

export function checkAccessLog(spec: AccessLogSpec, report: Report): void {
  const { accessLogFormat: format = "", accessLogEncoding } = spec;
  const place = report.at("accessLogFormat");
  if (format === "") return;
  if (accessLogEncoding !== "JSON") return checkFormat(format, place);
  const fields = fieldsIn(format);
  if (fields === null) place.error("must be a JSON object whose members are texts, as `accessLogEncoding` is JSON");
  else for (const text of Object.values(fields)) checkFormat(text, place);
}

/** Istio's own text: that of an OpenTelemetry log, and of the platform's log by `accessLogEncoding: TEXT` alone. */
export const ISTIO_TEXT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% ' +
  '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% ' +
  '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" ' +
  '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% ' +
  "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%";

/** How a provider's lines look; undefined: as the mesh's own. */
export function fileFormat({ logFormat }: FileSpec): LogFormat | undefined {
  if (logFormat?.text !== undefined) return { text: textOfLine(logFormat.text) };
  return logFormat?.labels && { fields: logFormat.labels };
}

/** The same of the mesh's older fields. */
export function meshFormat({ accessLogFormat: format = "", accessLogEncoding }: AccessLogSpec): LogFormat | undefined {
  if (accessLogEncoding === "JSON") {
    const fields = fieldsIn(format);
    return fields === null ? undefined : { fields };
  }
  if (format !== "") return { text: textOfLine(format) };
  return accessLogEncoding === "TEXT" ? { text: ISTIO_TEXT } : undefined;
}

/** Envoy's formats end their lines themselves. */
export function textOfLine(text: string): string {
  return text.replace(/\n$/, "");
}

const Fields = z.record(z.string(), z.string());

function fieldsIn(format: string): Readonly<Record<string, string>> | null {
  try {
    return Fields.parse(JSON.parse(format));
  } catch {
    return null;
  }
}

/** A text with Envoy's operators: one line, without secrets. */
export function checkFormat(text: string, report: Report): void {
  // eslint-disable-next-line no-control-regex
  if (/[\0-\x08\n-\x1f\x7f-\uffff]/.test(textOfLine(text)))
    report.error("must be one line of ASCII: a line of the log is one call");
  const parts = readLogFormat(text);
  if (parts === null) return report.error("a lone `%` is invalid; write `%%` for a percent sign");
  const unknown = new Set<string>();
  for (const part of parts) if (typeof part !== "string") checkOperator(part, report, unknown);
  if (unknown.size > 0)
    report.warn(`${[...unknown].map((name) => `\`%${name}%\``).join(", ")}: not known on this platform; reads \`-\``);
}

const QUERY = "values of a query stand in no line; `%REQ(:PATH)%` has their names";

/** Of Envoy's operators those whose values nobody tells a Worker. */
const UNKNOWABLE = new Set(
  `PROTOCOL REQUEST_DURATION REQUEST_TX_DURATION RESPONSE_DURATION RESPONSE_TX_DURATION DOWNSTREAM_HANDSHAKE_DURATION
  ROUNDTRIP_DURATION CONNECTION_TERMINATION_DETAILS UPSTREAM_TRANSPORT_FAILURE_REASON
  DOWNSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT
  UPSTREAM_REMOTE_PORT UPSTREAM_PROTOCOL UPSTREAM_CONNECTION_ID DOWNSTREAM_LOCAL_ADDRESS
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT DOWNSTREAM_REMOTE_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT CONNECTION_ID STREAM_ID REQUESTED_SERVER_NAME DOWNSTREAM_LOCAL_URI_SAN
  DOWNSTREAM_PEER_SUBJECT DOWNSTREAM_PEER_ISSUER DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_TLS_SESSION_ID
  DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_VERSION DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_SERIAL
  UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_ISSUER UPSTREAM_TLS_CIPHER UPSTREAM_TLS_VERSION UPSTREAM_PEER_URI_SAN
  UPSTREAM_WIRE_BYTES_SENT UPSTREAM_WIRE_BYTES_RECEIVED UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HEADER_BYTES_RECEIVED
  DOWNSTREAM_WIRE_BYTES_SENT DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT
  DOWNSTREAM_HEADER_BYTES_RECEIVED RESPONSE_FLAGS_LONG LOCAL_REPLY_BODY FILTER_CHAIN_NAME VIRTUAL_CLUSTER_NAME
  ACCESS_LOG_TYPE UNIQUE_ID GRPC_STATUS TRAILER DYNAMIC_METADATA CLUSTER_METADATA UPSTREAM_METADATA METADATA
  FILTER_STATE UPSTREAM_FILTER_STATE`.split(/\s+/),
);

const REFUSED: Readonly<Record<string, string>> = {
  CEL: later("write the operator, or a `filter` of Telemetry"),
  ENVIRONMENT: never("a Worker has no environment of the proxy's"),
  QUERY_PARAM: never(QUERY),
  QUERY_PARAMS: never(QUERY),
  PATH: later("write `%REQ(:PATH)%`"),
  EMIT_TIME: later("write `%START_TIME%` and `%DURATION%`"),
};

function checkOperator({ name, argument }: LogOperator, report: Report, unknown: Set<string>): void {
  if (name === "REQ" || name === "RESP" || name === "REQ_WITHOUT_QUERY") return checkHeaders(name, argument, report);
  if (name === "START_TIME") {
    if (!isTimeFormat(argument))
      report.error(
        `\`${argument}\`: not every field of this time is supported; there are %Y %m %d %H %M %S %s %f %3f %F %T`,
      );
    return;
  }
  if (UNKNOWABLE.has(name)) unknown.add(name);
  else if (Object.hasOwn(REFUSED, name)) report.error(`\`%${name}%\`: ${REFUSED[name]}`);
  else if (!LOG_OPERATORS.includes(name)) report.error(`\`%${name.slice(0, 64)}%\` is no operator of Envoy's`);
}

const PSEUDO = new Set([":method", ":path", ":authority", ":scheme"]);

function checkHeaders(operator: string, argument: string, report: Report): void {
  const names = argument.toLowerCase().split("?");
  if (names.length > 2 || !names.every((name) => /^:?[!#$&'*+\-.^_`|~0-9a-z]+$/.test(name)))
    return report.error(`\`%${operator}(${argument})%\`: write one header, or two with \`?\` between them`);
  for (const name of names) {
    if (name.startsWith(":") && (operator === "RESP" || !PSEUDO.has(name)))
      report.error(`\`${name}\` is none of ${[...PSEUDO].map((one) => `\`${one}\``).join(", ")} of a request`);
    if (isSecretHeader(name, NO_PLACES) || name === "set-cookie")
      report.error(`\`%${operator}(${argument})%\` asks for what may be a secret, which no line tells`);
  }
}

const NO_PLACES: ReadonlySet<string> = new Set();
