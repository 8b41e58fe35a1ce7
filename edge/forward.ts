import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { METHODS } from "../src/match/methods.ts";
import { headerSize, MAX_HEADER_BYTES } from "../src/request/header-size.ts";
import { passOn, passUpgradeOn } from "../net/onward.ts";
import {
  HEADERS_TOO_LARGE,
  METHOD_UNKNOWN,
  NO_HOST,
  NO_TUNNELS,
  refuse,
  refuseSocket,
  type Refuser,
} from "./refusal.ts";

/** Where requests go on to: a Worker's own socket on loopback. */
export interface Target {
  readonly port: number;
  /** Fields of `request.cf`; null: none are sent. */
  cf(socket: unknown): Readonly<Record<string, unknown>> | null;
  /** What is answered where nobody listens there; without it the connection is closed. */
  readonly away?: (response: ServerResponse) => void;
  readonly refuser: Refuser;
}

/** What the runtime would believe of the platform, and what only the platform may say. */
const PLATFORM_HEADER = /^(mf-|cf-)/i;
/** An offer to switch protocols that was not taken: nobody further on shall take it. */
const OFFER = /^(upgrade|http2-settings)$/i;
/** Of this hop, which has answered it: by 100, or by going on (RFC 9110 §10.1.1). */
const EXPECTATION = /^expect$/i;

/** @returns name and value of each header as they came and in their order, without what a client must not say */
function clientHeaders({ rawHeaders }: IncomingMessage, upgrades: boolean): readonly (readonly [string, string])[] {
  const headers: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (PLATFORM_HEADER.test(name) || EXPECTATION.test(name) || (!upgrades && OFFER.test(name))) continue;
    headers.push([name, rawHeaders[at + 1] ?? ""]);
  }
  return headers;
}

/** Raw headers to send on. */
function withPlatform(
  headers: readonly (readonly [string, string])[],
  socket: IncomingMessage["socket"],
  target: Target,
): string[] {
  const cf = target.cf(socket);
  if (cf === null) return headers.flat();
  return [
    ...headers.flat(),
    "CF-Connecting-IP",
    (socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
    // Exactly one, and only ours: the runtime takes it for the platform's word.
    "MF-CF-Blob",
    JSON.stringify(cf).replace(/[\u007f-\uffff]/g, escaped),
  ];
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** TRACE reaches the Worker, which refuses it. */
function isHandedOn(method: string): boolean {
  return METHODS.has(method) || method === "TRACE";
}

/** Streams a request on to the target and its answer back. */
export function forward(request: IncomingMessage, response: ServerResponse, target: Target): void {
  const headers = clientHeaders(request, false);
  if (headerSize(headers) > MAX_HEADER_BYTES) return refuse(request, response, HEADERS_TOO_LARGE, target.refuser);
  if (request.headers.host === undefined) return refuse(request, response, NO_HOST, target.refuser);
  if (request.method === "CONNECT") return refuse(request, response, NO_TUNNELS, target.refuser);
  if (!isHandedOn(request.method ?? "")) return refuse(request, response, METHOD_UNKNOWN, target.refuser);
  passOn(request, response, placeOf(request, headers, target));
}

/** The same for a WebSocket's handshake, whose connection then belongs to both sides. */
export function forwardUpgrade(request: IncomingMessage, client: Duplex, head: Buffer, target: Target): void {
  const headers = clientHeaders(request, true);
  if (headerSize(headers) > MAX_HEADER_BYTES) return refuseSocket(client, HEADERS_TOO_LARGE, target.refuser);
  passUpgradeOn(request, client, head, placeOf(request, headers, target));
}

function placeOf({ socket }: IncomingMessage, headers: readonly (readonly [string, string])[], target: Target) {
  return {
    host: "127.0.0.1",
    port: target.port,
    headers: withPlatform(headers, socket, target),
    ...(target.away && { away: target.away }),
  };
}
