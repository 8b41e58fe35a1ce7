import type { SpanKind } from "@opentelemetry/api";
import type { Result } from "../routing/retries.ts";
import type { Cluster, Endpoint, Workload } from "../snapshot/model.ts";
import type { AskedAuthorizer, EndedAttempt } from "./ended-attempt.ts";
import type { Journal } from "./journal.ts";
import { AS_USUAL, type SpanSettings, tagLength, type ToldSpans, USUAL } from "./span-settings.ts";
import { ASKED, attemptSpanId, MIRROR } from "./trace-context.ts";
import type { TracePlan } from "./trace-plan.ts";

// Numbers, not the library's enumerations: those bring all of it into the gateway's bundle.
const SERVER: SpanKind.SERVER = 1;
const CLIENT: SpanKind.CLIENT = 2;

/** A call whose spans somebody gets: they are made of its journal when they are sent. */
export interface KeptCall {
  readonly kind: "call";
  readonly journal: Journal;
  readonly plan: TracePlan;
  /** Epoch ms. */
  readonly endedAt: number;
  readonly why: "sampled" | "error" | "slow";
  /** Absent: no Telemetry says anything of its spans. */
  readonly told?: ToldSpans;
}

/** A copy of a sampled call, which a mirror was sent. */
export interface KeptCopy {
  readonly kind: "copy";
  readonly journal: Journal;
  readonly plan: TracePlan;
  readonly endpoint: Endpoint;
  readonly cluster: Cluster;
  /** Which of the route's mirrors. */
  readonly at: number;
  readonly sentAt: number;
  readonly endedAt: number;
  /** Null: it had no answer. */
  readonly status: number | null;
  readonly failure: string | null;
}

export type Kept = KeptCall | KeptCopy;

/** Where spans are made. */
export interface Whence {
  /** Of the deployment. */
  readonly gateway: string;
  readonly location: string;
}

export type Attributes = readonly (readonly [name: string, value: string | number | boolean])[];

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly sampled: boolean;
  /** Whose proxy it would be in Istio. */
  readonly of: Workload;
  readonly attributes: Attributes;
  /** What went wrong; null: nothing did. */
  readonly error: string | null;
}

/** As Istio's tracers cut. */
const PATH_LENGTH = 256;
const TEXT_LENGTH = 1_024;
const SERVER_ERROR = 500;
const CLIENT_ERROR = 400;

/** How many spans come of it, before they are made. */
export function spanCount(kept: Kept): number {
  if (kept.kind === "copy") return 1;
  const { attempts, tries, asked } = kept.journal;
  const { server, client } = kept.told ?? USUAL;
  return (
    (server === null ? 0 : 1) + (client === null ? 0 : (asked?.length ?? 0) + Math.max(attempts, tries?.length ?? 0))
  );
}

/** About what it holds in memory until then. */
export function bytesHeld(kept: Kept): number {
  const { path, query, authority, userAgent } = kept.journal;
  const tags = kept.kind === "call" ? tagLength(kept.told?.server) + tagLength(kept.told?.client) : 0;
  return HELD_BYTES + 2 * (path.length + query.length + authority.length + (userAgent?.length ?? 0) + tags);
}

const HELD_BYTES = 1_024;

export function spansOf(kept: Kept, whence: Whence): readonly Span[] {
  if (kept.kind === "copy") return [copySpan(kept)];
  const { journal, plan, endedAt } = kept;
  const { server, client } = kept.told ?? USUAL;
  const spans = server === null ? [] : [serverSpan(kept, whence, plan, server)];
  if (client === null) return spans;
  const asked = (journal.asked ?? []).map((one, index) => askedSpan(kept, one, index));
  const tries = (journal.tries ?? []).map((ended, index) =>
    attemptSpan(kept, ended, index + 1, resultOf(ended.result)),
  );
  const { endpoint, cluster, attempts, sentAt } = journal;
  const isLast = endpoint !== null && cluster !== null && attempts > tries.length;
  const last = isLast && attemptSpan(kept, { endpoint, cluster, sentAt, endedAt }, attempts, endOf(journal));
  return [...spans, ...asked, ...tries, ...(last ? [last] : [])];
}

/** How an attempt ended. */
interface AttemptEnd {
  readonly status: number | null;
  /** Envoy's flag, or our word; null: it had an answer, and all of it. */
  readonly failure: string | null;
}

function resultOf(result: Result): AttemptEnd {
  return result.kind === "answer" ? { status: result.status, failure: null } : { status: null, failure: result.kind };
}

function endOf({ status, details, flag }: Journal): AttemptEnd {
  if (details === "via_upstream" || details === "application_error") return { status, failure: null };
  // Its headers came, and the body broke off.
  const began = /\b(UC|UT|DC)\b/.test(flag) && details !== "response_timeout" ? status : 0;
  return { status: began === 0 ? null : began, failure: details };
}

function serverSpan(
  { journal, endedAt, why }: KeptCall,
  whence: Whence,
  plan: TracePlan,
  { tags, plain }: SpanSettings,
): Span {
  const { status, gateway, endpoint, cluster, peer, protocol } = journal;
  const of = gateway ?? endpoint?.workload ?? serviceWorkload(cluster);
  const failed = status >= SERVER_ERROR || status === 0 || /\b(UC|UT)\b/.test(journal.flag);
  const list = new AttributeList();
  list.put("http.request.method", protocol === "http" ? journal.method : null);
  list.http(journal, plan, status === 0 ? null : status);
  list.put("url.scheme", journal.scheme);
  list.put("url.path", cut(journal.path, pathLength(plan)));
  list.put("user_agent.original", journal.userAgent);
  list.put("client.address", journal.clientIp);
  list.put("error.type", failed ? errorType(status, journal.flag, journal.details) : null);
  list.proxy(of, plan, journal, gateway === null ? "sidecar" : "router", plain);
  list.put("guid:x-request-id", journal.requestId);
  list.put("user_agent", journal.userAgent ?? "-");
  list.put("peer.address", journal.clientIp);
  list.put("response_size", journal.bytes === null ? "-" : String(journal.bytes));
  list.put("response_flags", journal.flag);
  list.upstream(cluster);
  list.put("tulle.gateway", whence.gateway);
  list.put("tulle.location", whence.location);
  list.put("tulle.generation", journal.generation);
  list.put("tulle.scope", journal.scope);
  list.put("tulle.details", journal.details);
  list.put("tulle.policy", journal.policy);
  list.put("tulle.route", journal.route?.name ?? null);
  list.put("tulle.source.principal", peer.principal);
  list.put("tulle.source.workload", gateway?.name ?? journal.props?.workload ?? null);
  list.put("tulle.request.principal", journal.requestPrincipal);
  list.put("tulle.destination.principal", endpoint?.workload.principal ?? null);
  list.put("tulle.attempts", journal.attempts);
  list.put("tulle.kept", why === "sampled" ? null : why);
  list.put("tulle.hops", journal.hops === 0 ? null : journal.hops);
  list.put("tulle.loop", journal.loop === 0 ? null : journal.loop);
  list.put("rpc.system", protocol === "http" ? null : protocol);
  list.tags(tags);
  return {
    traceId: journal.traceId,
    spanId: journal.spanId,
    parentId: journal.parentId,
    name: nameOf(journal, cluster),
    kind: SERVER,
    startedAt: journal.startedAt,
    endedAt,
    sampled: journal.sampled,
    of,
    attributes: list.all,
    error: failed ? journal.details : null,
  };
}

function attemptSpan(
  kept: Kept,
  { endpoint, cluster, sentAt, endedAt }: Omit<EndedAttempt, "result">,
  attempt: number,
  { status, failure }: AttemptEnd,
): Span {
  const { journal, plan } = kept;
  const { tags, plain } = (kept.kind === "call" ? kept.told?.client : null) ?? AS_USUAL;
  const of = endpoint.workload;
  const isError = failure !== null || status === null || status >= CLIENT_ERROR;
  const list = new AttributeList();
  list.put("http.request.method", journal.protocol === "http" ? journal.method : null);
  list.http(journal, plan, status);
  list.put("url.full", urlOf(journal, plan));
  list.put("http.request.resend_count", attempt > 1 && attempt < ASKED ? attempt - 1 : null);
  list.put("error.type", isError ? (failure ?? String(status)) : null);
  list.proxy(of, plan, journal, "sidecar", plain);
  list.put("guid:x-request-id", journal.requestId);
  list.put("peer.address", endpoint.id);
  list.put("response_flags", attempt === journal.attempts ? journal.flag : "-");
  list.upstream(cluster);
  list.put("tulle.endpoint", endpoint.id);
  list.put("tulle.destination.principal", of.principal);
  list.put("rpc.system", journal.protocol === "http" ? null : journal.protocol);
  list.tags(tags);
  return {
    traceId: journal.traceId,
    spanId: attemptSpanId(journal.spanId, attempt),
    parentId: journal.spanId,
    name: nameOf(journal, cluster),
    kind: CLIENT,
    startedAt: sentAt,
    endedAt: Math.max(sentAt, endedAt),
    sampled: journal.sampled,
    of,
    attributes: list.all,
    error: isError ? (failure ?? `status ${status}`) : null,
  };
}

/** @param at how many were asked before */
function askedSpan(kept: KeptCall, asked: AskedAuthorizer, at: number): Span {
  const { provider, cluster, status, verdict, failure, pathPrefix } = asked;
  const span = attemptSpan(kept, asked, ASKED + at, { status, failure });
  const { journal, plan } = kept;
  const { scheme, authority, path } = journal;
  const url = urlOf({ scheme, authority, path: pathPrefix + path }, plan);
  const list = new AttributeList();
  for (const [name, value] of span.attributes) list.put(name, name === "url.full" || name === "http.url" ? url : value);
  list.put("ext_authz_status", AUTHZ_STATUS[verdict]);
  list.put("tulle.authorizer", provider);
  return { ...span, name: `async ${cluster.id} egress`, attributes: list.all };
}

/** In Envoy's words. */
const AUTHZ_STATUS = {
  allowed: "ext_authz_ok",
  denied: "ext_authz_unauthorized",
  failed: "ext_authz_error",
} as const;

function copySpan(kept: KeptCopy): Span {
  const { endpoint, cluster, sentAt, endedAt, status, failure, at } = kept;
  const span = attemptSpan(kept, { endpoint, cluster, sentAt, endedAt }, MIRROR + at, { status, failure });
  return { ...span, attributes: [...span.attributes, ["tulle.mirror", true]] };
}

/** Attributes in the order in which they were put; what is null has none. */
class AttributeList {
  readonly all: (readonly [string, string | number | boolean])[] = [];

  put(name: string, value: string | number | boolean | null): void {
    if (value !== null) this.all.push([name, typeof value === "string" ? cut(value, TEXT_LENGTH) : value]);
  }

  /** What both kinds tell of the request, by today's names and by those that Kiali reads. */
  http(journal: Journal, plan: TracePlan, status: number | null): void {
    const { host, port } = addressOf(journal.authority);
    this.put("http.response.status_code", status);
    this.put("server.address", host === "" ? null : host);
    this.put("server.port", port);
    this.put("http.method", journal.method);
    this.put("http.url", urlOf(journal, plan));
    this.put("http.status_code", status === null ? null : String(status));
  }

  /** Who tells it, as Istio's proxies say it. */
  proxy(of: Workload, { meshId }: TracePlan, { protocol }: Journal, role: "sidecar" | "router", plain: boolean): void {
    this.put("component", "proxy");
    this.put("node_id", `${role}~~${of.name}.${of.namespace}~${of.namespace}.svc.${meshId}`);
    this.put("downstream_cluster", "-");
    this.put("http.protocol", protocol === "http" ? "HTTP/1.1" : protocol);
    if (plain) return;
    this.put("istio.canonical_service", of.app);
    this.put("istio.canonical_revision", of.version);
    this.put("istio.mesh_id", meshId);
    this.put("istio.namespace", of.namespace);
  }

  /** Those that a Telemetry adds: over ours of the same names. */
  tags(tags: SpanSettings["tags"]): void {
    for (const [name, value] of tags) {
      const at = this.all.findIndex(([known]) => known === name);
      if (at >= 0) this.all.splice(at, 1);
      this.put(name, value);
    }
  }

  upstream(cluster: Cluster | null): void {
    if (cluster === null) return;
    this.put("upstream_cluster", cluster.id);
    this.put("upstream_cluster.name", cluster.id);
  }
}

/** Never with its query, whose values may be tokens. */
function urlOf({ scheme, authority, path }: Pick<Journal, "scheme" | "authority" | "path">, plan: TracePlan): string {
  return `${scheme}://${authority}${cut(path, pathLength(plan))}`;
}

function pathLength({ collector }: TracePlan): number {
  return collector?.maxTagLength ?? PATH_LENGTH;
}

/** Few names: paths are in attributes. */
function nameOf({ protocol, method, path, authority }: Journal, cluster: Cluster | null): string {
  if (protocol !== "http") return cut(path.slice(1), PATH_LENGTH);
  return cluster === null
    ? `${method} ${cut(authority, PATH_LENGTH)}/*`
    : `${method} ${cluster.service.host}:${cluster.port}/*`;
}

function serviceWorkload(cluster: Cluster | null): Workload {
  const { name, namespace } = cluster?.service ?? { name: "unknown", namespace: "unknown" };
  return { name, namespace, principal: null, app: name, version: "unknown" };
}

function errorType(status: number, flag: string, details: string): string {
  if (status >= SERVER_ERROR) return String(status);
  return flag === "-" ? details : flag;
}

function addressOf(authority: string): { readonly host: string; readonly port: number | null } {
  const [, host = authority, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(authority) ?? [];
  return { host, port: port === undefined ? null : Number(port) };
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : text.slice(0, length);
}
