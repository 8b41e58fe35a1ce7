import { concluded, isSecretHeader } from "../match/secret-test.ts";
import type { HeaderChange } from "../request/changes.ts";
import { cookieValue } from "../request/credentials.ts";
import { DRAW, draw } from "../request/draws.ts";
import type { RequestFacts } from "../request/facts.ts";
import { queryValue } from "../routing/route-match.ts";
import type { HashKey, LoadBalancer } from "../snapshot/model.ts";
import { hashOf } from "./hash.ts";

/** By what of a request a cluster picks its endpoint. */
export interface Affinity {
  /** As it will be sent; null where the request lacks it. */
  readonly hash: (sent: RequestFacts) => number | null;
  /** The cookie that is made where the request has none; null: none is. */
  readonly made: Extract<HashKey, { kind: "cookie" }> | null;
}

/** What one request is picked by, and the cookie that its answer gets. */
interface Picked {
  readonly hash: number | null;
  readonly cookie: HeaderChange | null;
}

export const NO_AFFINITY: Picked = { hash: null, cookie: null };

/** @param secret headers that may hold a token, lower case: no record holds their values */
export function linkAffinity(loadBalancer: LoadBalancer, secret: ReadonlySet<string>): Affinity | null {
  const key = keyIn(loadBalancer);
  if (key === undefined) return null;
  const valueOf = valueIn(key);
  const made = key.kind === "cookie" && key.create !== undefined ? key : null;
  const plain = (sent: RequestFacts): number | null => {
    const value = valueOf(sent);
    return value === null ? null : hashOf(value);
  };
  if (!isSecret(key, secret)) return { hash: plain, made };
  // A record tells that the value was there, and no more: a hash of a few bits of text gives the text away.
  const isThere = concluded("balancer", { key }, (sent) => valueOf(sent) !== null);
  return {
    hash: (sent) => {
      if (sent.conclusions === null) return plain(sent);
      if (!isThere(sent, [])) return null;
      return sent.conclusions.mode === "read" ? 0 : plain(sent);
    },
    made,
  };
}

/** @param sent the request as the service will get it, as Envoy hashes it */
export function affinityOf({ hash, made }: Affinity, sent: RequestFacts): Picked {
  const own = hash(sent);
  if (own !== null || made === null) return { hash: own, cookie: null };
  const value = newValue(sent.seed);
  return { hash: hashOf(value), cookie: { op: "add", name: "set-cookie", value: cookieText(made, value) } };
}

/** Headers that a balancer picks by, as rules name them. */
export function hashedHeaders(loadBalancer: LoadBalancer): readonly string[] {
  const key = keyIn(loadBalancer);
  return key?.kind === "header" ? [key.name] : [];
}

function keyIn(loadBalancer: LoadBalancer): HashKey | undefined {
  return typeof loadBalancer === "object" ? loadBalancer.key : undefined;
}

function isSecret(key: HashKey, secret: ReadonlySet<string>): boolean {
  if (key.kind === "header") return key.name === ":path" || isSecretHeader(key.name, secret);
  return key.kind !== "sourceIp";
}

function valueIn(key: HashKey): (sent: RequestFacts) => string | null {
  switch (key.kind) {
    case "header":
      return headerIn(key.name);
    case "cookie":
      return ({ headers }) => {
        const value = unquoted(cookieValue(headers["cookie"], key.name) ?? "");
        return value === "" ? null : value;
      };
    case "sourceIp":
      // Over a binding there is no address: each workload is one caller, as each pod has its address.
      return ({ clientIp, peer }) => clientIp ?? peer.principal;
    case "query":
      return ({ query }) => (query === "" ? null : queryValue(query, key.name));
  }
}

function headerIn(name: string): (sent: RequestFacts) => string | null {
  switch (name) {
    case ":method":
      return ({ method }) => method;
    case ":path":
      return ({ forwardPath, query }) => (query === "" ? forwardPath : `${forwardPath}?${query}`);
    case ":authority":
      return ({ authority }) => authority;
    default:
      return ({ headers }) => headers[name] ?? null;
  }
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** 16 hex digits, as long as Envoy's. */
function newValue(seed: number): string {
  const part = (attempt: number): string =>
    Math.floor(draw(seed, DRAW.cookie, attempt) * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return part(0) + part(1);
}

/** As Envoy writes it; no script may read it. */
function cookieText({ name, create }: NonNullable<Affinity["made"]>, value: string): string {
  const { maxAgeSeconds = 0, path, attributes = [] } = create ?? {};
  return [
    `${name}="${value}"`,
    ...(maxAgeSeconds > 0 ? [`Max-Age=${maxAgeSeconds}`] : []),
    ...(path === undefined ? [] : [`Path=${path}`]),
    ...attributes.map(([attribute, text]) => (text === "" ? attribute : `${attribute}=${text}`)),
    "HttpOnly",
  ].join("; ");
}
