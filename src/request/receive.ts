import { METHODS } from "../match/methods.ts";
import { err, ok, type Result } from "../result.ts";
import type { Entrance } from "./entrance.ts";
import { MAX_HEADER_BYTES } from "./header-size.ts";
import { isBodyless, type MutableHeaders, readHeaders, type ReceivedHeaders } from "./headers.ts";
import { readTarget, type Target } from "./target.ts";

/** A request in its one canonical form, save for the path, whose options depend on the host's slice. */
export interface Received {
  readonly target: Target;
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host as the rules match it: as received, lower case, with its port if it had one. */
  readonly authority: string;
  /** `authority` without port and trailing dot. */
  readonly host: string;
  /** Port in `authority`; null where it had none. */
  readonly authorityPort: number | null;
  /** The request's one list of headers: policies match it, and it is sent. */
  readonly headers: MutableHeaders;
  /** Names with `_` or `.`; null: none. */
  readonly odd: readonly string[] | null;
  /** Whose address connected, as the platform tells it; null over a binding. */
  readonly sourceIp: string | null;
  /** The client's address: the same, until trusted proxies say who is behind it. */
  readonly clientIp: string | null;
  /** A WebSocket handshake. */
  readonly webSocket: boolean;
  /** An agent's word on what was dialled, unread: it counts for nothing without a verified SVID. */
  readonly agent: string | null;
  /** The service that an agent's program has dialled; null: Host, URL or SNI say it. */
  readonly dialled: { readonly host: string; readonly port: number } | null;
}

/** Why a request is not looked at any further. A code is public: add, never rename. */
export interface ReceiveError {
  readonly code:
    | "url_invalid"
    | "host_invalid"
    | "method_not_allowed"
    | "method_unknown"
    | "body_not_allowed"
    | "headers_too_large";
}

/** What the platform's `Request` offers, as far as it is read here. Untrusted in every byte. */
export interface Incoming {
  readonly url: string;
  readonly method: string;
  readonly headers: ReceivedHeaders & { get(name: string): string | null };
  readonly body: unknown;
}

const NEVER = new Set(["TRACE", "TRACK", "CONNECT"]);

/**
 * A plain name (with `_`, as private names have) or a bracketed address, and a port (R4). The runtime pastes Host into
 * `request.url`: `a?x` would be a whole URL.
 */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/;

/** Of DNS (RFC 1035 §2.3.4), with the root's dot. Hosts under a wildcard are remembered: longer ones would fill the memory. */
const MAX_NAME = 254;
const PORT_LENGTH = ":65535".length;

/** Enough to keep other text out of logs and headers; whoever judges addresses parses them. */
const ADDRESS = /^[0-9A-Fa-f.:]{2,45}$/;

/** Step 1: refuses what could be read in two ways, and drops what a client must not say (R3 to R5, R9). */
export function receive(request: Incoming, entrance: Entrance): Result<Received, ReceiveError> {
  const { method } = request;
  const target = readTarget(request.url);
  if (target === null) return err({ code: "url_invalid" });
  if (!METHODS.has(method)) return err(methodError(method));
  // The runtime's `fetch` cannot carry it, and a body that is dropped in silence is lost.
  if (isBodyless(method) && request.body !== null) return err({ code: "body_not_allowed" });
  const onPublic = entrance.kind === "public";
  const byEdge = entrance.kind === "public" && entrance.unproven === undefined;
  const { headers, odd, size, webSocket, agent } = readHeaders(request.headers, byEdge, method);
  const host = readHost(headers["host"] ?? null, target, onPublic);
  if (host === null) return err({ code: "host_invalid" });
  if (size > MAX_HEADER_BYTES) return err({ code: "headers_too_large" });
  // Rules that name the header see what rules for hosts see, and the service gets it.
  headers["host"] = host.authority;
  const told = byEdge ? headers["cf-connecting-ip"] : undefined;
  const address = told !== undefined && ADDRESS.test(told) ? told : null;
  return ok({
    target,
    method,
    scheme: entrance.kind === "public" ? entrance.scheme : target.secure ? "https" : "http",
    authority: host.authority,
    host: host.name,
    authorityPort: host.port,
    headers,
    odd,
    sourceIp: address,
    clientIp: address,
    webSocket,
    agent: onPublic ? agent : null,
    dialled: null,
  });
}

function methodError(method: string): ReceiveError {
  return NEVER.has(method) ? { code: "method_not_allowed" } : { code: "method_unknown" };
}

interface Host {
  readonly authority: string;
  readonly name: string;
  readonly port: number | null;
}

/** @param text untrusted @returns null where it is no plain name or bracketed address, with a port or without */
export function parseHost(text: string): Host | null {
  if (text.length > MAX_NAME + PORT_LENGTH) return null;
  const authority = text.toLowerCase();
  const [, name, digits] = HOST.exec(authority) ?? [];
  if (name === undefined) return null;
  const port = digits === undefined ? null : Number(digits);
  if (port !== null && (port === 0 || port > 65_535)) return null;
  const withoutDot = name.endsWith(".") ? name.slice(0, -1) : name;
  if (withoutDot === "" || withoutDot.includes("..") || withoutDot.startsWith(".")) return null;
  // `a.test:0443` is what rules write as `a.test:443`.
  return { authority: port === null ? authority : `${name}:${port}`, name: withoutDot, port };
}

/**
 * @param header as received; over a binding it may be absent (the URL's authority stands in) and may differ from the URL
 * @param mustAgree on the public side the URL was made of the header: where they differ, one of them was misread
 */
function readHost(header: string | null, target: Target, mustAgree: boolean): Host | null {
  const { host, hostname } = target;
  if (hostname.length > MAX_NAME || (header?.length ?? 0) > MAX_NAME + PORT_LENGTH) return null;
  if (header === host && target.plain)
    return { authority: host, name: hostname, port: host === hostname ? null : target.port };
  if (header === null && mustAgree) return null;
  const read = parseHost(header ?? host);
  if (read === null || !HOST.test(host)) return null;
  const { authority, port } = read;
  const name = port === null ? authority : authority.slice(0, authority.lastIndexOf(":"));
  if (mustAgree && (name !== hostname || (port ?? (target.secure ? 443 : 80)) !== target.port)) return null;
  return read;
}
