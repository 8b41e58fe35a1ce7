import { type Expression as ExpressionOf, type Leaf, linkExpression, type Value } from "../match/expression.ts";
import type { CompiledExpression } from "../snapshot/telemetry-model.ts";
import type { Journal } from "./journal.ts";

/** Of a call that has ended, and when. */
export type Expression = ExpressionOf<Journal>;

export function linkOfCall(tree: CompiledExpression): Expression {
  return linkExpression(tree, readerOf);
}

function readerOf(leaf: Leaf): Expression {
  return leaf.kind === "attribute" ? attributeReader(leaf.name) : (journal) => headerOf(journal, leaf.of, leaf.name);
}

/**
 * A header of the request as it was decided on, or of the answer.
 *
 * @param name lower case
 * @returns undefined: it is not there, or it is one that the host's rules take tokens from, or that an external authorizer fills
 */
export function headerOf(journal: Journal, of: "request" | "response", name: string): string | undefined {
  if (of === "response") return journal.answer?.get(name) ?? undefined;
  if (journal.secret?.has(name) === true || journal.provided?.(name) === true) return undefined;
  return journal.headers?.[name];
}

/** Whatever nobody knows is never there. @param name as Envoy calls it */
function attributeReader(name: string): Expression {
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  return read === undefined ? () => undefined : (journal, now) => read(journal, now) ?? undefined;
}

const READERS: Readonly<Record<string, (journal: Journal, now: number) => Value | null>> = {
  "request.path": (journal) => pathOf(journal, journal.query),
  "request.url_path": (journal) => journal.path,
  "request.query": (journal) => journal.query,
  "request.host": (journal) => journal.authority,
  "request.scheme": (journal) => journal.scheme,
  "request.method": (journal) => journal.method,
  "request.referer": (journal) => headerOf(journal, "request", "referer"),
  "request.useragent": (journal) => journal.userAgent,
  "request.id": (journal) => journal.requestId,
  "request.size": (journal) => journal.requestBytes,
  "request.duration": (journal, now) => now - journal.startedAt,
  "response.code": (journal) => journal.status,
  "response.code_details": (journal) => journal.details,
  "response.flags": (journal) => flagBits(journal.flag),
  "response.grpc_status": (journal) => wholeNumber(headerOf(journal, "response", "grpc-status")),
  "response.size": (journal) => journal.bytes,
  "response.backend_latency": (journal) => journal.upstreamMs,
  "source.address": (journal) => (journal.clientIp === null ? null : addressOf(journal.clientIp)),
  "destination.port": (journal) => journal.cluster?.port,
  "connection.mtls": (journal) => journal.peer.by === "certificate" || journal.peer.by === "binding",
  "connection.uri_san_peer_certificate": spiffeId,
  "upstream.address": (journal) => journal.endpoint?.id,
  "upstream.request_attempt_count": (journal) => journal.attempts,
  "xds.cluster_name": (journal) => journal.cluster?.id,
  "xds.route_name": (journal) => journal.route?.name,
};

/** Those that expressions may name. */
export const ATTRIBUTES: readonly string[] = Object.keys(READERS);

export function pathOf({ path }: Journal, query: string): string {
  return query === "" ? path : `${path}?${query}`;
}

export function spiffeId({ peer: { principal } }: Journal): string | null {
  return principal === null ? null : `spiffe://${principal}`;
}

/** The platform tells no port: 0, as Envoy writes where it is not known. */
export function addressOf(ip: string): string {
  return ip.includes(":") ? `[${ip}]:0` : `${ip}:0`;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** Envoy's flags, each by its bit. */
const FLAG_BITS =
  "LH UH UT LR UR UF UC UO NR DI FI RL UAEX RLSE DC URX SI IH DPE UMSDR RFCF NFCF DT UPE NC OM DF".split(" ");

function flagBits(flags: string): number {
  return flags.split(",").reduce((sum, flag) => {
    const bit = FLAG_BITS.indexOf(flag);
    return bit < 0 ? sum : sum + 2 ** bit;
  }, 0);
}
