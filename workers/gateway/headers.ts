import type { HeaderView } from "../../src/decide/types.ts";
import { foldedName, isOtherSpelling, type NamedHeaders } from "../../src/match/header-names.ts";

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

/** What the gateway itself sets: another spelling of the name is dropped, the name proper is overwritten. */
const OURS = new Set(["x-request-id", "traceparent", "tracestate"]);

/** The platform's words on the public side; on a binding they are the caller's own. */
const PLATFORM_PREFIXES = ["cf-connecting-ip", "cf-pseudo-ipv4"];

/** Headers that frame the message or name its receiver: `Connection` cannot take them away. */
const NOT_NAMEABLE = new Set(["host", "content-length", "content-type", "upgrade"]);

/** `odd`: kept, but a server may take it for another header. */
type Fate = "keep" | "odd" | "drop" | "platform";

/** A client may send any name; only so many are remembered. */
const REMEMBERED_NAMES = 2_000;
const fates = new Map<string, Fate>();

export function fateOf(name: string): Fate {
  const known = fates.get(name);
  if (known !== undefined) return known;
  const fate = judge(name);
  if (fates.size < REMEMBERED_NAMES) fates.set(name, fate);
  return fate;
}

function judge(name: string): Fate {
  const folded = foldedName(name);
  if (HOP_BY_HOP.has(folded) || CLAIMS.has(folded)) return "drop";
  if (CLAIM_PREFIXES.some((prefix) => folded.startsWith(prefix))) return "drop";
  if (OURS.has(folded) && folded !== name) return "drop";
  if (PLATFORM_PREFIXES.some((prefix) => folded.startsWith(prefix))) return "platform";
  return folded === name ? "keep" : "odd";
}

/**
 * A request's headers as policies and the service see them: what came, without what a client must not say, with what the
 * gateway says. The record of them is made once, when the request is sent.
 */
export class RequestHeaders implements HeaderView {
  readonly #received: Headers;
  readonly #dropped: Set<string>;
  readonly #ours = new Map<string, string>();
  /** Names with `_` or `.`, which a server may take for another header. */
  readonly #odd: readonly string[];

  private constructor(received: Headers, dropped: Set<string>, odd: readonly string[]) {
    this.#received = received;
    this.#dropped = dropped;
    this.#odd = odd;
  }

  /**
   * @param trustPlatform whether `CF-Connecting-IP` was set by the platform's edge
   * @param keepUpgrade a WebSocket handshake: without its `Upgrade` it would arrive as a plain request
   */
  static receive(received: Headers, trustPlatform: boolean, keepUpgrade: boolean): RequestHeaders {
    const dropped = new Set<string>();
    const odd: string[] = [];
    for (const name of received.keys()) {
      const fate = fateOf(name);
      if (fate === "odd") odd.push(name);
      if (fate === "keep" || fate === "odd" || (fate === "platform" && trustPlatform)) continue;
      if (name === "upgrade" && keepUpgrade) continue;
      dropped.add(name);
    }
    if (dropped.has("connection")) {
      for (const named of (received.get("connection") ?? "").split(",")) {
        const name = named.trim().toLowerCase();
        if (name !== "" && !NOT_NAMEABLE.has(name)) dropped.add(name);
      }
    }
    const headers = new RequestHeaders(received, dropped, odd);
    const cookies = received.get("cookie");
    // Several lines arrive joined as of any header; cookies are joined by `; ` (RFC 9113 §8.2.3).
    if (cookies?.includes(", ")) headers.set("cookie", cookies.replace(/, (?=[^;=,\s]+=)/g, "; "));
    return headers;
  }

  /** Drops other spellings of headers that rules name: the service must not see a value that no rule saw. */
  dropAliases(named: NamedHeaders): void {
    for (const name of this.#odd) if (isOtherSpelling(name, named)) this.drop(name);
    for (const name of named.dashed) if (!this.#ours.has(name)) this.drop(name);
  }

  get(name: string): string | null {
    const ours = this.#ours.get(name);
    if (ours !== undefined) return ours;
    return this.#dropped.has(name) ? null : this.#received.get(name);
  }

  /** Never appends: what a client sent under the name is gone. */
  set(name: string, value: string): void {
    this.#ours.set(name, value);
  }

  drop(name: string): void {
    this.#ours.delete(name);
    this.#dropped.add(name);
  }

  /** What the service gets. */
  toRecord(): Record<string, string> {
    const record = new HeaderRecord();
    this.#received.forEach((value, name) => {
      if (this.#dropped.has(name)) return;
      const had = record[name];
      record[name] = had === undefined ? value : `${had}, ${value}`;
    });
    for (const [name, value] of this.#ours) record[name] = value;
    return record;
  }
}

/** A record without a prototype, so that no name finds anything but a header; made by a constructor it is cheap. */
const HeaderRecord = function () {} as unknown as new () => Record<string, string>;
HeaderRecord.prototype = Object.create(null);
