import type { RequestFacts } from "../request/facts.ts";
import { later, never } from "./fields.ts";
import { isHeaderName } from "./header-operations.ts";
import { isLabelKey } from "./names.ts";

/** Keys that Istio knows and we refuse. */
const REFUSED_KEYS: Readonly<Record<string, string>> = {
  "destination.ip": never("a Worker has no address"),
};
/** Ours: tells a call of Workers RPC from the HTTP request with the same method and path. */
export const PROTOCOL_KEY = "tulle.dev/protocol";
export const PROTOCOLS: readonly string[] = ["http", "workers-rpc"] satisfies RequestFacts["protocol"][];
const PLAIN_KEYS = new Set([
  PROTOCOL_KEY,
  "source.ip",
  "remote.ip",
  "source.principal",
  "source.namespace",
  "source.serviceAccount",
  "source.trustDomain",
  "destination.port",
  "connection.sni",
  "request.auth.principal",
  "request.auth.audiences",
  "request.auth.presenter",
  "request.auth.key.id",
  "request.auth.key.name",
  "request.auth.key.plan",
]);
const HEADER_KEY = /^request\.headers\[(.+)\]$/;
const KEY_LABEL = /^request\.auth\.key\.labels\[([^[\]]+)\]$/;
const CLAIM_KEY = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/;

/** To HTTP/2 what `host` is to HTTP/1.1. */
const AUTHORITY = ":authority";

/** What HTTP/2 writes of a request beside its headers, and by what we look at it. */
const PSEUDO_HEADERS: Readonly<Record<string, string>> = {
  ":method": "`operation.methods`",
  ":path": "`operation.paths`, which leave the query out",
  ":scheme": "`connection.sni`, which only TLS has",
};

/** @returns why a policy cannot look at this, or null */
export function keyProblem(key: string): string | null {
  if (PLAIN_KEYS.has(key) || CLAIM_KEY.test(key)) return null;
  const label = labelOfKey(key);
  if (label !== null) return isLabelKey(label) ? null : `\`${label}\` is no label key`;
  const header = HEADER_KEY.exec(key)?.[1];
  if (header !== undefined) return header === AUTHORITY ? null : headerProblem(header);
  if (Object.hasOwn(REFUSED_KEYS, key)) return `\`${key}\`: ${REFUSED_KEYS[key]}`;
  if (key.startsWith("experimental.envoy.filters.")) return `\`${key}\`: ${never("there are no Envoy filters")}`;
  return `\`${key}\` is no condition; use request.headers[name], ${[...PLAIN_KEYS].join(", ")} request.auth.key.labels[name] or request.auth.claims[name]`;
}

function headerProblem(name: string): string | null {
  const instead = Object.hasOwn(PSEUDO_HEADERS, name) ? PSEUDO_HEADERS[name] : undefined;
  if (instead !== undefined) return `\`request.headers[${name}]\`: ${later(`use ${instead}`)}`;
  return isHeaderName(name) ? null : `\`${name}\` is no header name`;
}

/** @returns the path of a key `request.auth.claims[a][b]`: `["a", "b"]`; null for another key */
export function claimPath(key: string): readonly string[] | null {
  const brackets = CLAIM_KEY.exec(key)?.[1];
  return brackets === undefined ? null : brackets.slice(1, -1).split("][");
}

/** @returns the name in a key `request.auth.key.labels[name]`, a label of an API key; null for another key */
export function labelOfKey(key: string): string | null {
  return KEY_LABEL.exec(key)?.[1] ?? null;
}

/** @returns the name in a key `request.headers[name]`, lower case, `host` for `:authority`; null for another key */
export function headerOfKey(key: string): string | null {
  const header = HEADER_KEY.exec(key)?.[1]?.toLowerCase() ?? null;
  return header === AUTHORITY ? "host" : header;
}
