import { withoutDashboardCookies } from "./dashboard-cookie.ts";
import { foldedName, isOtherSpelling, type NamedHeaders } from "./header-names.ts";
import { NameBook } from "./name-book.ts";

/** Headers by lower-case name; lines of one name are joined by `, `, cookies by `; `. It has no prototype to look names up in. */
export type HeaderRecord = Readonly<MutableHeaders>;
export type MutableHeaders = Record<string, string>;

/** A constructor of objects without inherited names is cheaper than `Object.create(null)`, and the runtime reads them faster. */
const Fields = function Fields() {} as unknown as new () => MutableHeaders;
Fields.prototype = Object.create(null);

export function emptyHeaders(): MutableHeaders {
  return new Fields();
}

export function copyHeaders(headers: HeaderRecord): MutableHeaders {
  const copy = new Fields();
  for (const name in headers) copy[name] = headers[name] ?? "";
  return copy;
}

/** Headers that belong to one connection (RFC 9110 §7.6.1), and `expect`, which this hop answers. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "expect",
]);

/** Headers that claim who the client is, or another method or path than the one that policy saw. */
const CLAIMS = new Set([
  "forwarded",
  "x-real-ip",
  "true-client-ip",
  "x-original-url",
  "x-original-host",
  "x-rewrite-url",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-jwt-payload",
]);

const CLAIM_PREFIXES = ["x-forwarded-", "x-envoy-", "client-cert", "x-mesh-", "x-tulle-", "mf-"];

/** An agent's word on what its program has called: see `dialled.ts`. No other spelling of the name is one. */
export const AGENT_HEADER = "x-tulle-dialled";

/** What the gateway itself sets: another spelling of the name is dropped, the name proper is overwritten. */
const OURS = new Set(["x-request-id", "traceparent", "tracestate"]);

/** The platform's words on the public side; on a binding they are the caller's own. */
const PLATFORM_PREFIXES = ["cf-connecting-ip", "cf-pseudo-ipv4"];

/** Headers that frame the message, say how to read it, name its receiver or tell where it came from: `Connection` cannot take them away. */
const NOT_NAMEABLE = new Set([
  "host",
  "content-length",
  "content-type",
  "content-encoding",
  "content-range",
  "upgrade",
  "cf-connecting-ip",
]);

/** What becomes of a header that came. `ODD` is kept, but a server may take it for another header. */
const KEEP = 0;
const ODD = 1;
const DROP = 2;
const PLATFORM = 3;
const CONNECTION = 4;
const UPGRADE = 5;
const AGENT = 6;
const LENGTH = 7;
/** A bit beside the fate: the platform added the header, so it does not count against the client's limit. */
const UNCOUNTED = 8;

/** Fates of names. */
const fates = new NameBook((name) => judge(name) | (name.startsWith("cf-") || name.startsWith("mf-") ? UNCOUNTED : 0));

function judge(name: string): number {
  if (name === "connection") return CONNECTION;
  if (name === "upgrade") return UPGRADE;
  if (name === AGENT_HEADER) return AGENT;
  if (name === "content-length") return LENGTH;
  const folded = foldedName(name);
  if (HOP_BY_HOP.has(folded) || CLAIMS.has(folded)) return DROP;
  if (CLAIM_PREFIXES.some((prefix) => folded.startsWith(prefix))) return DROP;
  if (OURS.has(folded) && folded !== name) return DROP;
  if (PLATFORM_PREFIXES.some((prefix) => folded.startsWith(prefix))) return folded === name ? PLATFORM : DROP;
  return folded === name ? KEEP : ODD;
}

/** Whether a header belongs to one connection or to the mesh alone, so that no answer may carry it. Lower case. */
export function isDropped(name: string): boolean {
  const fate = fates.of(name).told & ~UNCOUNTED;
  return fate === DROP || fate === CONNECTION || fate === UPGRADE || fate === AGENT;
}

/** What came, without what a client must not say. */
export interface ReadHeaders {
  readonly headers: MutableHeaders;
  /** Names with `_` or `.`, which a server may take for another header; null: none. */
  readonly odd: readonly string[] | null;
  /** Sum of name, value and 4 over all lines that the client sent: as servers count a block of headers. */
  readonly size: number;
  /** A WebSocket handshake; any other upgrade is ignored (RFC 9110 §7.8). */
  readonly webSocket: boolean;
  /** What came as the word of an agent; null: nothing. */
  readonly agent: string | null;
}

/** What `Headers` offers, as far as it is read here. */
export interface ReceivedHeaders {
  forEach(callback: (value: string, name: string) => void): void;
}

/**
 * Reads all headers in one pass.
 *
 * @param trustPlatform whether `CF-Connecting-IP` was set by the platform's edge
 * @param method a handshake is a GET
 */
export function readHeaders(received: ReceivedHeaders, trustPlatform: boolean, method: string): ReadHeaders {
  const headers = new Fields();
  let odd: string[] | null = null;
  let connection: string | null = null;
  let webSocket = false;
  let agent: string | null = null;
  let size = 0;
  received.forEach((value, came) => {
    const { name, told } = fates.of(came);
    let fate = told;
    if (fate < UNCOUNTED) size += name.length + value.length + 4;
    else fate -= UNCOUNTED;
    if (fate === KEEP) {
      const before = headers[name];
      headers[name] = before === undefined ? value : `${before}, ${value}`;
    } else if (fate === ODD) {
      headers[name] = value;
      (odd ??= []).push(name);
    } else if (fate === LENGTH) {
      // The runtime makes a body of it again, which a Worker that passes its request on cannot send.
      if (!isBodyless(method) || !isZero(value)) headers[name] = value;
    } else if (fate === PLATFORM) {
      if (trustPlatform) headers[name] = value;
    } else if (fate === CONNECTION) connection = value;
    else if (fate === AGENT) agent = value;
    else if (fate === UPGRADE && method === "GET" && value.toLowerCase() === "websocket") {
      webSocket = true;
      headers[name] = value;
    }
  });
  if (connection !== null) dropNamed(headers, connection);
  const cookies = headers["cookie"];
  if (cookies !== undefined && /, |tulle-session/.test(cookies)) setCookies(headers, cookies);
  return { headers, odd, size, webSocket, agent };
}

/** The runtime's `fetch` carries none with these. Of length 0 they have none (RFC 9110 §8.6), and say nothing of one. */
export function isBodyless(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** @param length by Content-Length */
export function isZero(length: string): boolean {
  return /^0+$/.test(length);
}

/** Cookies as one list, without those of the mesh's own dashboard (R9). */
function setCookies(headers: MutableHeaders, cookies: string): void {
  const left = withoutDashboardCookies(cookies.includes(", ") ? joinedCookies(cookies) : cookies);
  if (left === "") delete headers["cookie"];
  else headers["cookie"] = left;
}

/** @param connection the value of `Connection`: names that end at this hop */
function dropNamed(headers: MutableHeaders, connection: string): void {
  if (connection === "keep-alive" || connection === "close") return;
  for (const part of connection.split(",")) {
    const name = part.trim().toLowerCase();
    if (name !== "" && !NOT_NAMEABLE.has(name)) delete headers[name];
  }
}

/**
 * Several Cookie lines arrive joined as those of any header; cookies are joined by `; ` (RFC 9113 §8.2.3). A comma inside
 * quotes belongs to a value, as does one that no `name=` follows.
 */
export function joinedCookies(cookies: string): string {
  return cookies.replace(/"[^";]*"|, (?=[^;=,\s"]+=)/g, (found) => (found === ", " ? "; " : found));
}

/** Drops other spellings of headers that rules name: the service must not see a value that no rule saw (R9). */
export function dropAliases(headers: MutableHeaders, odd: readonly string[] | null, named: NamedHeaders): void {
  for (const name of named.dashed) if (headers[name] !== undefined) delete headers[name];
  const suspects = named.patterns?.isAny === true ? Object.keys(headers) : odd;
  if (suspects === null) return;
  for (const name of suspects) if (isOtherSpelling(name, named)) delete headers[name];
}
