import { quantileOf } from "../query/quantile.ts";
import { OwnLabels } from "../query/series.ts";
import { BUCKETS, extraIn, labelsIn, type MetricLabels } from "./metrics.ts";
import type { Growth } from "./rollup-codec.ts";
import { durationsIn } from "./rollup-kinds.ts";
import { FINE_MS } from "./rollup-times.ts";
import { seesSeries, type SeriesViewer } from "./series-visibility.ts";

interface GraphNode {
  /** `kind/namespace/name`. */
  readonly id: string;
  readonly kind: "workload" | "service" | "gateway" | "unknown";
  readonly namespace: string;
  readonly name: string;
  readonly app: string;
  readonly version: string;
  /** `spiffe://…`; null: none is proven, or known. */
  readonly principal: string | null;
  /** All calls that reach it; null: none does. */
  readonly inbound: Traffic | null;
}

/** Calls of one node to another, by one protocol. */
interface GraphEdge extends Traffic {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
}

interface Traffic {
  readonly requests: number;
  readonly rps: number;
  /** Part that was answered with 5xx, 0 to 1. */
  readonly errorRate: number;
  /** The same of 4xx. */
  readonly refusedRate: number;
  /** Milliseconds; null: there is nothing to say. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** Part by callers whose identity is proven, or through a Gateway, 0 to 1. */
  readonly mtls: number;
  /** Calls by response flag. */
  readonly flags: Readonly<Record<string, number>>;
}

export interface ServiceGraph {
  /** Seconds asked for. */
  readonly window: number;
  /** Seconds that it really covers: up to 15, or a minute, more; less where the history began later. */
  readonly covered: number;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphFrame {
  readonly seconds: number;
  /** Epoch ms: what was counted since then is in it. */
  readonly from: number;
  readonly now: number;
  /** When the history began; null: it has not. */
  readonly since: number | null;
  readonly viewer: SeriesViewer;
}

type Party = Omit<GraphNode, "inbound">;

/** Sums of one edge. */
interface Edge {
  readonly from: Party;
  readonly to: Party;
  readonly protocol: string;
  readonly sums: Sums;
}

interface Sums {
  requests: number;
  errors: number;
  refused: number;
  mutual: number;
  readonly durations: number[];
  readonly flags: Map<string, number>;
}

/** What one graph may read of the history, in bytes: as much as a query, of 4 million samples of 9 bytes. */
const MAX_READ = 36_000_000;

/**
 * Asked before anything is read.
 *
 * @param isWhole whether who asks sees the whole mesh: to others it tells nothing of how much there is
 * @returns what to do where it is too much; null: it is not
 */
export function tooLarge(bytes: number, seconds: number, isWhole: boolean): string | null {
  if (bytes <= MAX_READ) return null;
  if (!isWhole)
    return "a graph of so long a `window` reads too much; take a shorter one, or ask `/api/v1/query` for the sums that you want";
  // What is kept of a day is by minutes, of the last hour finer: rather less than what fits.
  const fits = Math.max(60, Math.floor((seconds * MAX_READ) / bytes / 2 / 60) * 60);
  return `a graph of ${seconds} s reads ${Math.round(bytes / 1e6)} MB here, and ${MAX_READ / 1e6} MB is the most; take a shorter \`window\`, such as ${Math.min(fits, seconds)}, or ask \`/api/v1/query\` for the sums that you want`;
}

/** @param grown series of calls by their keys */
export function graphOf(grown: ReadonlyMap<string, Growth>, frame: GraphFrame): ServiceGraph {
  // Each call counts under both of Istio's reporters; how its caller was known stands at the destination.
  const calls = Array.from(grown, ([key, growth]) => ({ key, labels: labelsIn(key), growth })).filter(
    ({ key, labels, growth }) =>
      // A call of which a Telemetry makes a series for each of some metrics counts once.
      extraIn(key).only?.includes("REQUEST_COUNT") !== false &&
      labels.reporter === "destination" &&
      // Of durations that have labels of their own there is a series beside that of the calls.
      growth.some((value) => value > 0) &&
      seesSeries(frame.viewer, "call", new OwnLabels(Object.entries(labels))),
  );
  const known = identitiesOf(calls.map(({ labels }) => labels));
  const edges = new Map<string, Edge>();
  const inbound = new Map<string, Sums>();
  for (const { labels, growth } of calls) {
    const edge = edgeFor(edges, sourceOf(labels, known), destinationOf(labels), labels.request_protocol);
    const reached = inbound.get(edge.to.id) ?? noSums();
    inbound.set(edge.to.id, reached);
    for (const sums of [edge.sums, reached]) add(sums, labels, growth);
  }
  const begin = frame.since === null ? frame.now : Math.max(frame.from, frame.since - FINE_MS);
  const covered = Math.max(0, frame.now - begin) / 1_000;
  const all = [...edges.values()].filter(({ sums }) => sums.requests > 0);
  // A node is told as it was called, where it was: of a caller less is known.
  const nodes = new Map([...all.map(({ from }) => from), ...all.map(({ to }) => to)].map((one) => [one.id, one]));
  return {
    window: frame.seconds,
    covered,
    nodes: Array.from(nodes.values(), (one) => ({ ...one, inbound: trafficOf(inbound.get(one.id), covered) })).sort(
      (one, other) => (one.id < other.id ? -1 : 1),
    ),
    edges: all
      .map(({ from, to, protocol, sums }) => ({
        from: from.id,
        to: to.id,
        protocol,
        ...trafficFrom(sums, covered),
      }))
      .sort((one, other) => other.requests - one.requests),
  };
}

/** Without what neither begins nor ends in a namespace. */
export function inNamespace(graph: ServiceGraph, namespace: string): ServiceGraph {
  const own = new Set(graph.nodes.filter((one) => one.namespace === namespace).map(({ id }) => id));
  const edges = graph.edges.filter(({ from, to }) => own.has(from) || own.has(to));
  const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return { ...graph, edges, nodes: graph.nodes.filter(({ id }) => used.has(id)) };
}

/** Of whoever was called: what tells of a caller that has shown a certificate and no more. */
interface Identities {
  /** Names of workloads that have an identity for themselves, by it. */
  readonly names: ReadonlyMap<string, string>;
  readonly trustDomains: ReadonlySet<string>;
}

function identitiesOf(calls: readonly MetricLabels[]): Identities {
  const known = calls.filter((labels) => labels.destination_principal !== UNKNOWN);
  const groups = Map.groupBy(known, (labels) => labels.destination_principal);
  const alone = [...groups].flatMap(([principal, of]) => {
    const names = new Set(of.map((labels) => labels.destination_workload));
    return names.size === 1 ? [[principal, [...names][0] ?? UNKNOWN] as const] : [];
  });
  return {
    names: new Map(alone),
    trustDomains: new Set(known.map((labels) => domainOf(labels.destination_principal))),
  };
}

function domainOf(principal: string): string {
  return /^spiffe:\/\/([^/]+)\//.exec(principal)?.[1] ?? "";
}

function edgeFor(edges: Map<string, Edge>, from: Party, to: Party, protocol: string): Edge {
  const key = JSON.stringify([from.id, to.id, protocol]);
  const edge = edges.get(key) ?? { from, to, protocol, sums: noSums() };
  edges.set(key, edge);
  return edge;
}

function noSums(): Sums {
  return { requests: 0, errors: 0, refused: 0, mutual: 0, durations: [], flags: new Map() };
}

function add(sums: Sums, labels: MetricLabels, growth: Growth): void {
  const requests = growth[0] ?? 0;
  sums.requests += requests;
  if (labels.response_code.startsWith("5")) sums.errors += requests;
  if (labels.response_code.startsWith("4")) sums.refused += requests;
  if (labels.connection_security_policy === "mutual_tls") sums.mutual += requests;
  for (const [bucket, count] of durationsIn(growth).entries())
    sums.durations[bucket] = (sums.durations[bucket] ?? 0) + count;
  for (const flag of labels.response_flags.split(","))
    if (flag !== "-" && flag !== "" && requests > 0) sums.flags.set(flag, (sums.flags.get(flag) ?? 0) + requests);
}

function trafficOf(sums: Sums | undefined, seconds: number): Traffic | null {
  return sums === undefined ? null : trafficFrom(sums, seconds);
}

function trafficFrom({ durations, flags, requests, errors, refused, mutual }: Sums, seconds: number): Traffic {
  let reached = 0;
  const buckets = durations.map((count, at) => ({
    bound: BUCKETS[at] ?? Number.POSITIVE_INFINITY,
    count: (reached += count),
  }));
  const quantile = (part: number): number | null => {
    const value = quantileOf(part, buckets);
    return Number.isFinite(value) ? value : null;
  };
  return {
    requests,
    rps: seconds > 0 ? requests / seconds : 0,
    errorRate: errors / requests,
    refusedRate: refused / requests,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
    mtls: mutual / requests,
    flags: Object.fromEntries([...flags].sort(([one], [other]) => (one < other ? -1 : 1))),
  };
}

const UNKNOWN = "unknown";
/** What metrics call a Gateway (src/compile/istio/gateway-hosts.ts). */
const GATEWAY_WORKLOAD = "istio-ingressgateway";

function sourceOf(labels: MetricLabels, { names, trustDomains }: Identities): Party {
  const { source_workload: workload, source_workload_namespace: namespace, source_app: app } = labels;
  const kind = workload === GATEWAY_WORKLOAD ? "gateway" : namespace === UNKNOWN ? "unknown" : "workload";
  const { source_principal: principal } = labels;
  const name = workload === UNKNOWN ? (names.get(principal) ?? accountOf(principal)) : workload;
  const domain = domainOf(principal);
  // What another mesh calls so is not ours.
  const isForeign = kind === "workload" && domain !== "" && trustDomains.size > 0 && !trustDomains.has(domain);
  return node(kind, namespace, isForeign ? `${name}@${domain}` : name, app, labels.source_version, principal);
}

function destinationOf(labels: MetricLabels): Party {
  const { destination_workload: workload, destination_workload_namespace: namespace, destination_app: app } = labels;
  if (workload !== UNKNOWN)
    return node("workload", namespace, workload, app, labels.destination_version, labels.destination_principal);
  const { destination_service_name: service, destination_service_namespace: of } = labels;
  return node(service === UNKNOWN ? "unknown" : "service", of, service, UNKNOWN, UNKNOWN, UNKNOWN);
}

function accountOf(principal: string): string {
  return /\/sa\/([^/]+)$/.exec(principal)?.[1] ?? UNKNOWN;
}

function node(
  kind: GraphNode["kind"],
  namespace: string,
  name: string,
  app: string,
  version: string,
  principal: string,
): Party {
  const id = [kind, namespace, name].map(encodeURIComponent).join("/");
  return { id, kind, namespace, name, app, version, principal: principal === UNKNOWN ? null : principal };
}
