import type { HeaderChange } from "../../src/request/changes.ts";
import { withStatus } from "../../src/request/header-format.ts";
import { isDropped } from "../../src/request/headers.ts";
import { NameBook } from "../../src/request/name-book.ts";

/** What stands in the way of passing an answer on as it is. */
export interface AnswerHeaders {
  /** Names and values, with 4 bytes a line. */
  bytes: number;
  /** By Content-Length; null where it is not known. */
  length: number | null;
  /** Something is among them that the client must not see. */
  strip: boolean;
  /** `grpc-status`; null where there is none. */
  grpcStatus: string | null;
  /** There is `x-envoy-ratelimited`. */
  rateLimited: boolean;
}

type Fate = "keep" | "drop" | "hop" | "chunks" | "connection" | "length" | "grpc" | "limited";

/** What the runtime takes off by itself towards a client over HTTP; a calling Worker would see it. */
const RUNTIME_DROPS = new Set(["keep-alive", "te", "trailer", "upgrade"]);

function judge(name: string): Fate {
  if (name === "content-length") return "length";
  if (name === "transfer-encoding") return "chunks";
  if (name === "connection") return "connection";
  if (name === "grpc-status") return "grpc";
  if (name === "x-envoy-ratelimited") return "limited";
  if (RUNTIME_DROPS.has(name)) return "hop";
  return isDropped(name) ? "drop" : "keep";
}

const fates = new NameBook(judge);

/** Connection options that name no header, or one that the runtime takes off. */
const PLAIN_CONNECTION = /^(?:keep-alive|close|upgrade)$/i;

/** Without these the body would be read as another one: `Connection` cannot take them away. */
const NOT_NAMEABLE = new Set(["content-length", "content-type", "content-encoding", "content-range"]);

const seen: AnswerHeaders = { bytes: 0, length: null, strip: false, grpcStatus: null, rateLimited: false };
let onHttp = true;
/** What its framing tells. */
let hasChunks = false;
let hasLength = false;

function look(value: string, name: string): void {
  seen.bytes += name.length + value.length + 4;
  const fate = fates.of(name).told;
  if (fate === "keep") return;
  if (fate === "length") {
    hasLength = true;
    seen.length = /^\d{1,15}$/.test(value) ? Number(value) : null;
  } else if (fate === "grpc") seen.grpcStatus = value;
  else if (fate === "chunks") hasChunks = true;
  else if (fate === "limited") seen.strip = seen.rateLimited = true;
  else if (fate === "drop" || !onHttp || (fate === "connection" && !PLAIN_CONNECTION.test(value))) seen.strip = true;
}

/**
 * One pass over an answer's headers: it costs no more than asking for a dozen names, and a prefix can't be asked for.
 *
 * @param toHttp whether the client is on an HTTP connection, not a Worker that calls through a binding
 * @returns one object for all: read it before the next call
 */
export function readAnswer(headers: Headers, toHttp: boolean): Readonly<AnswerHeaders> {
  seen.bytes = 0;
  seen.length = null;
  seen.strip = false;
  seen.grpcStatus = null;
  seen.rateLimited = false;
  onHttp = toHttp;
  hasChunks = hasLength = false;
  headers.forEach(look);
  if (!hasChunks) return seen;
  // Chunks count (RFC 9112 §6.3). With both in an answer to HEAD the runtime closes the client's connection without a byte.
  seen.length = null;
  if (hasLength || !onHttp) seen.strip = true;
  return seen;
}

/** Deletes from an answer what belongs to the service's connection (RFC 9110 §7.6.1) and what only the mesh may say. */
export function stripAnswer(headers: Headers, keepUpgrade: boolean): void {
  const gone: string[] = [];
  const inChunks = headers.has("transfer-encoding");
  headers.forEach((value, name) => {
    const fate = fates.of(name).told;
    if (
      fate === "keep" ||
      (fate === "length" && !inChunks) ||
      fate === "grpc" ||
      (keepUpgrade && (name === "upgrade" || name === "connection"))
    )
      return;
    gone.push(name);
    if (fate !== "connection") return;
    for (const named of value.split(",")) {
      const other = named.trim().toLowerCase();
      if (/^[\w!#$%&'*+.^`|~-]+$/.test(other) && !NOT_NAMEABLE.has(other)) gone.push(other);
    }
  });
  for (const name of gone) headers.delete(name);
}

/** A copy that can be changed. Bodies stay encoded as they came: by default the runtime would pack them again. */
export function copyAnswer({ status, statusText, headers, webSocket }: Response, body: BodyInit | null): Response {
  return new Response(body, {
    status,
    // In a reason that came a tab may stand (RFC 9112 §4); in one that is made here the platform takes none.
    statusText: statusText.replaceAll("\t", " "),
    headers,
    encodeBody: "manual",
    ...(webSocket !== null && { webSocket }),
  });
}

/** @param status of the answer, which values may tell */
export function changeAnswer(headers: Headers, status: number, changes: readonly HeaderChange[]): void {
  for (const change of changes) {
    if (change.op === "remove") headers.delete(change.name);
    else if (change.op === "set") headers.set(change.name, withStatus(change.value, status));
    else if (change.op === "add") headers.append(change.name, withStatus(change.value, status));
  }
}
