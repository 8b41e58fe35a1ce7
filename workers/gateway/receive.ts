import { type Result, err, ok } from "../../src/result.ts";
import type { Entrance } from "./entrance.ts";
import { RequestHeaders } from "./headers.ts";
import { readTarget, type Target } from "./target.ts";

/** A request in its one canonical form, save for the path, whose options depend on the host's slice. */
export interface Received {
  readonly target: Target;
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host as the rules match it: as received, lower case, with its port if it had one. */
  readonly authority: string;
  /** `authority` without port and trailing dot. */
  readonly authorityHost: string;
  /** Port in `authority`; null where it had none. */
  readonly authorityPort: number | null;
  readonly headers: RequestHeaders;
  /** The client's address as the platform tells it; null over a binding. */
  readonly clientIp: string | null;
  /** A WebSocket handshake. */
  readonly upgrade: boolean;
}

export interface ReceiveError {
  readonly code: "url_invalid" | "host_invalid" | "method_not_allowed" | "method_unknown";
  readonly status: number;
}

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const NEVER = new Set(["TRACE", "TRACK", "CONNECT"]);

/** A plain name or a bracketed address, and a port (R4). The runtime pastes Host into `request.url`: `a?x` would be a whole URL. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?$/;

/** Enough to keep other text out of logs and headers; whoever judges addresses parses them. */
const ADDRESS = /^[0-9A-Fa-f.:]{2,45}$/;

/**
 * Step 1: refuses what could be read in two ways, and drops what a client must not say (R3 to R5, R9).
 *
 * @param request untrusted in every byte
 */
export function receive(request: Request, entrance: Entrance): Result<Received, ReceiveError> {
  const target = readTarget(request.url);
  if (target === null) return err({ code: "url_invalid", status: 400 });
  const host = readHost(request.headers.get("host"), target, entrance.kind === "public");
  if (host === null) return err({ code: "host_invalid", status: 400 });
  const { method } = request;
  if (NEVER.has(method)) return err({ code: "method_not_allowed", status: 405 });
  if (!METHODS.has(method)) return err({ code: "method_unknown", status: 501 });
  const upgrade = request.headers.get("upgrade")?.toLowerCase() === "websocket" && method === "GET";
  const onPublic = entrance.kind === "public";
  const headers = RequestHeaders.receive(request.headers, onPublic, upgrade);
  const address = onPublic ? headers.get("cf-connecting-ip") : null;
  return ok({
    target,
    method,
    scheme: entrance.kind === "public" ? entrance.scheme : target.secure ? "https" : "http",
    ...host,
    headers,
    clientIp: address !== null && ADDRESS.test(address) ? address : null,
    upgrade,
  });
}

/**
 * @param header as received; over a binding it may be absent (the URL's authority stands in) and may differ from the URL
 * @param mustAgree on the public side the URL was made of the header: where they differ, one of them was misread
 */
function readHost(
  header: string | null,
  target: Target,
  mustAgree: boolean,
): { authority: string; authorityHost: string; authorityPort: number | null } | null {
  if (header === null && mustAgree) return null;
  const authority = (header ?? target.host).toLowerCase();
  const [, name, port] = HOST.exec(authority) ?? [];
  if (name === undefined || !HOST.test(target.host)) return null;
  const authorityPort = port === undefined ? null : Number(port);
  if (authorityPort !== null && (authorityPort === 0 || authorityPort > 65_535)) return null;
  if (mustAgree && (name !== target.hostname || (authorityPort ?? (target.secure ? 443 : 80)) !== target.port))
    return null;
  const authorityHost = name.endsWith(".") ? name.slice(0, -1) : name;
  if (authorityHost === "" || authorityHost.includes("..") || authorityHost.startsWith(".")) return null;
  return { authority, authorityHost, authorityPort };
}
