import { randomBytes } from "node:crypto";
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { failure, type StatusReason } from "../src/kube/status.ts";
import { AccessLog } from "../src/telemetry/access-log.ts";
import { Journal } from "../src/telemetry/journal.ts";
import { beginTrace } from "../src/telemetry/trace-context.ts";

/** What a listener refuses by itself, since no Worker could be given it whole. */
interface Refusal {
  readonly status: 400 | 405 | 408 | 431 | 501;
  /** For the log. */
  readonly code: string;
  /** For the client. */
  readonly message: string;
}

const UNREADABLE: Refusal = { status: 400, code: "request_invalid", message: "this is no HTTP/1.1 request" };

const TOO_SLOW: Refusal = {
  status: 408,
  code: "request_timeout",
  message: "the request's headers took too long to come",
};

export const HEADERS_TOO_LARGE: Refusal = {
  status: 431,
  code: "request_headers_too_large",
  message: "the request's headers are larger than 60 KiB",
};

export const NO_HOST: Refusal = { status: 400, code: "host_invalid", message: "the request has no Host" };

export const NO_TUNNELS: Refusal = { status: 405, code: "method_not_allowed", message: "CONNECT is refused here" };

/** The runtime would answer it before a Worker sees it: with no id, and without a line of the log. */
export const METHOD_UNKNOWN: Refusal = {
  status: 501,
  code: "method_unknown",
  message: "the runtime does not carry this method",
};

export const PLAIN_TO_TLS: Refusal = {
  status: 400,
  code: "plain_http_on_tls_port",
  message: "this port speaks TLS: call it with https://",
};

/** RFC 9112 §3. */
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP\/1\.[01]\r?\n/;

/**
 * @param code of the error that Node's parser ended with
 * @param bytes that it could not read: a request nevertheless, where only its method is none that the parser knows
 */
export function refusalOf(code: string | undefined, bytes?: Buffer): Refusal {
  if (code === "HPE_HEADER_OVERFLOW") return HEADERS_TOO_LARGE;
  if (code === "HPE_INVALID_METHOD" && REQUEST_LINE.test(bytes?.toString("latin1") ?? "")) return METHOD_UNKNOWN;
  return code === "ERR_HTTP_REQUEST_TIMEOUT" ? TOO_SLOW : UNREADABLE;
}

/** One refusal, with what is known of its request. */
interface Refused extends Refusal {
  readonly requestId: string;
  readonly startedAt: number;
  readonly socket: Duplex;
  /** Null where it could not be read. */
  readonly request: IncomingMessage | null;
}

/** How refusals look, and where they are logged: as those of the Worker behind the listener. */
export type Refuser = (refused: Refused) => { readonly contentType: string; readonly body: string };

/** One line of a log, as the runtime's come. */
export type OnLine = (line: { readonly level: string; readonly message: string }) => void;

/** As the local mesh's `request.cf` has it. */
const LOCATION = "LOC";

/** Answers text, as gateways do, and writes a line of the access log. */
export function gatewayRefuser(gateway: string, onLine: OnLine): Refuser {
  const log = new AccessLog(gateway);
  return (refused) => {
    const body = `${refused.message}\n`;
    onLine({ level: "log", message: log.line(journalOf(refused, body.length), LOCATION, Date.now()) });
    return { contentType: "text/plain", body };
  };
}

const REASONS = {
  400: "BadRequest",
  405: "MethodNotAllowed",
  408: "RequestTimeout",
  431: "RequestHeaderFieldsTooLarge",
  501: "NotImplemented",
} as const satisfies Record<Refusal["status"], StatusReason>;

/** Answers a Status object, as control does, and writes a line of the runtime's log. */
export function controlRefuser(onLine: OnLine): Refuser {
  return ({ status, code, message, requestId, request }) => {
    const line = { event: "edge_refused", request_id: requestId, status, code, method: request?.method ?? null };
    onLine({ level: "warn", message: JSON.stringify(line) });
    return { contentType: "application/json", body: JSON.stringify(failure(REASONS[status], message)) };
  };
}

/** Answers a request that was read, and ends its connection. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal, refuser: Refuser): void {
  const refused = refusedOf(refusal, request.socket, request);
  const { contentType, body } = refuser(refused);
  request.resume();
  response.writeHead(refusal.status, {
    "content-type": contentType,
    "content-length": Buffer.byteLength(body),
    "x-request-id": refused.requestId,
    connection: "close",
  });
  response.end(body);
}

/** How long a client may go on sending what it was told is refused: ended at once, it might not see why. */
const LINGER_MS = 2_000;

/** The same for what could not be read as a request. */
export function refuseSocket(socket: Duplex, refusal: Refusal, refuser: Refuser): void {
  const refused = refusedOf(refusal, socket, null);
  const { contentType, body } = refuser(refused);
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}`,
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${refused.requestId}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}

function refusedOf(refusal: Refusal, socket: Duplex, request: IncomingMessage | null): Refused {
  return { ...refusal, requestId: crypto.randomUUID(), startedAt: Date.now(), socket, request };
}

/** What is known of it where no Worker looked at it. */
function journalOf({ status, code, requestId, startedAt, socket, request }: Refused, bytes: number): Journal {
  const journal = new Journal(startedAt, requestId, request?.method ?? "-");
  const { traceId, spanId } = beginTrace(randomBytes(24).toString("hex"));
  const [path = "", query = ""] = (request?.url ?? "").split("?", 2);
  const { remoteAddress } = socket as { readonly remoteAddress?: string };
  return Object.assign(journal, {
    traceId,
    spanId,
    path,
    query,
    status,
    bytes,
    details: code,
    scheme: socket instanceof TLSSocket ? "https" : "http",
    authority: request?.headers.host ?? "",
    userAgent: request?.headers["user-agent"] ?? null,
    clientIp: remoteAddress?.replace(/^::ffff:/, "") ?? null,
  } satisfies Partial<Journal>);
}
