import type { Peer } from "../identity/peer.ts";
import type { Cluster, Endpoint, Route } from "../snapshot/model.ts";
import type { Journal } from "./journal.ts";
import { quoted, quotedOrNull } from "./json-text.ts";
import { SHADOW_BYTES, shadowFields } from "./shadow-log.ts";

// Bytes of JSON that a field may take: with the keys and the fields of fixed length below 8 KiB a line (R31).
const PATH_BYTES = 1_536;
const TEXT_BYTES = 448;
const NAME_BYTES = 320;
const ID_BYTES = 128;
const CODE_BYTES = 64;
const QUERY_NAMES = 16;
const QUERY_NAME_BYTES = 48;

/**
 * Writes the access log: one line of JSON a call with the fields of `AccessRecord`, bounded, without secrets, in ASCII. What hangs
 * on a route, cluster, endpoint or peer is turned into text once, when it is first seen.
 */
export class AccessLog {
  readonly #gateway: string;
  #location: string | null = null;
  #place = "";
  readonly #routes = new WeakMap<Route, string>();
  readonly #clusters = new WeakMap<Cluster, { readonly id: string; readonly service: string }>();
  readonly #endpoints = new WeakMap<Endpoint, { readonly id: string; readonly principal: string }>();
  readonly #peers = new WeakMap<Peer, string>();
  /** What the deployment's own configuration says again and again: scopes and names of workloads. */
  readonly #words = new Map<string, string>();

  /** @param gateway name of the deployment */
  constructor(gateway: string) {
    this.#gateway = quoted(gateway, CODE_BYTES);
  }

  /**
   * @param location of the isolate
   * @param now epoch ms: the end of the call
   * @returns one line, without its end
   */
  line(journal: Journal, location: string, now: number): string {
    const { route, cluster, endpoint, startedAt } = journal;
    const to = cluster === null ? NOWHERE : this.#cluster(cluster);
    const at = endpoint === null ? NOBODY : this.#endpoint(endpoint);
    return `{"event":"access","time":"${isoTime(startedAt)}","request_id":${quoted(journal.requestId, ID_BYTES)},"trace_id":"${journal.traceId}","span_id":"${journal.spanId}"${this.#where(location)},"generation":${journal.generation},"scope":${this.#word(journal.scope)},"protocol":"${journal.protocol}","method":${quoted(journal.method, 32)},"scheme":"${journal.scheme}","authority":${quoted(journal.authority, NAME_BYTES)},"path":${quoted(journal.path, journal.notes === null ? PATH_BYTES : PATH_BYTES - SHADOW_BYTES)},"query_names":${queryNames(journal.query)},"status":${journal.status},"response_flags":${quoted(journal.flag, 32)},"details":${quoted(journal.details, CODE_BYTES)},"policy":${quotedOrNull(journal.policy, NAME_BYTES)},"source_principal":${this.#peer(journal.peer)},"source_workload":${this.#word(callerName(journal))},"request_principal":${quotedOrNull(journal.requestPrincipal, TEXT_BYTES)},"peer_refused":${quotedOrNull(journal.peerRefused, CODE_BYTES)},"route":${route === null ? "null" : this.#route(route)},"cluster":${to.id},"endpoint":${at.id},"destination_service":${to.service},"destination_principal":${at.principal},"duration_ms":${now - startedAt},"upstream_ms":${journal.upstreamMs},"bytes_sent":${journal.bytes},"attempts":${journal.attempts},"mirrors":${journal.mirrors},"user_agent":${quotedOrNull(journal.userAgent, TEXT_BYTES)},"client_ip":${quotedOrNull(journal.clientIp, CODE_BYTES)}${journal.loop === 0 ? "" : `,"loop":${journal.loop}`}${journal.notes === null ? "" : shadowFields(journal.notes)}}`;
  }

  #where(location: string): string {
    if (this.#location !== location) {
      this.#location = location;
      this.#place = `,"gateway":${this.#gateway},"location":${quoted(location, CODE_BYTES)}`;
    }
    return this.#place;
  }

  #route(route: Route): string {
    let text = this.#routes.get(route);
    if (text === undefined) {
      const { name, statPrefix } = route;
      text = quoted(name, NAME_BYTES);
      if (statPrefix !== undefined) text += `,"stat_prefix":${quoted(statPrefix, NAME_BYTES)}`;
      this.#routes.set(route, text);
    }
    return text;
  }

  #cluster(cluster: Cluster): { readonly id: string; readonly service: string } {
    let texts = this.#clusters.get(cluster);
    if (texts === undefined) {
      texts = { id: quoted(cluster.id, TEXT_BYTES), service: quoted(cluster.service.host, NAME_BYTES) };
      this.#clusters.set(cluster, texts);
    }
    return texts;
  }

  #endpoint(endpoint: Endpoint): { readonly id: string; readonly principal: string } {
    let texts = this.#endpoints.get(endpoint);
    if (texts === undefined) {
      const { id, workload } = endpoint;
      texts = { id: quoted(id, NAME_BYTES), principal: quotedOrNull(workload.principal, TEXT_BYTES) };
      this.#endpoints.set(endpoint, texts);
    }
    return texts;
  }

  #peer(peer: Peer): string {
    let text = this.#peers.get(peer);
    if (text === undefined) {
      text = quotedOrNull(peer.principal, TEXT_BYTES);
      this.#peers.set(peer, text);
    }
    return text;
  }

  #word(word: string): string {
    let text = this.#words.get(word);
    if (text === undefined) {
      text = quoted(word, NAME_BYTES);
      if (this.#words.size >= MAX_WORDS) this.#words.clear();
      this.#words.set(word, text);
    }
    return text;
  }
}

const NOWHERE = { id: "null", service: "null" };
const NOBODY = { id: "null", principal: "null" };
const MAX_WORDS = 2_000;

/** Who called, by name: the Gateway for what came through one, else the workload that the deployer named. */
function callerName({ gateway, props }: Journal): string {
  return gateway?.name ?? props?.workload ?? "unknown";
}

/** Names only: values may be tokens. */
function queryNames(query: string): string {
  if (query === "") return "[]";
  const names: string[] = [];
  for (const pair of query.split("&", QUERY_NAMES)) {
    const end = pair.indexOf("=");
    const name = end === -1 ? pair : pair.slice(0, end);
    if (name !== "") names.push(quoted(name, QUERY_NAME_BYTES));
  }
  return `[${names.join(",")}]`;
}

const SECOND_MS = 1_000;
let second = Number.NaN;
let secondText = "";

/** RFC 3339 with milliseconds. Requests come many a second: all but the last digits stay. */
function isoTime(ms: number): string {
  const past = ms % SECOND_MS;
  if (ms - past !== second) {
    second = ms - past;
    secondText = new Date(second).toISOString().slice(0, -"000Z".length);
  }
  return `${secondText}${past < 10 ? "00" : past < 100 ? "0" : ""}${past}Z`;
}
