import { quantileOf } from "../query/quantile.ts";
import { OwnLabels } from "../query/series.ts";
import { BUCKETS, labelsIn, type MetricLabels } from "./metrics.ts";
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
}

/** Calls of one node to another, by one protocol. */
interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly protocol: string;
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

/** Sums of one edge. */
interface Sums {
  readonly from: GraphNode;
  readonly to: GraphNode;
  readonly protocol: string;
  requests: number;
  errors: number;
  refused: number;
  mutual: number;
  readonly durations: number[];
  readonly flags: Map<string, number>;
}

/** @param grown series of calls by their keys */
export function graphOf(grown: ReadonlyMap<string, Growth>, frame: GraphFrame): ServiceGraph {
  const edges = new Map<string, Sums>();
  // Each call counts under both of Istio's reporters; how its caller was known stands at the destination.
  const calls = Array.from(grown, ([key, growth]) => ({ labels: labelsIn(key), growth })).filter(
    ({ labels }) =>
      labels.reporter === "destination" && seesSeries(frame.viewer, "call", new OwnLabels(Object.entries(labels))),
  );
  const names = workloadsByPrincipal(calls.map(({ labels }) => labels));
  for (const { labels, growth } of calls) addTo(edges, names, labels, growth);
  const begin = frame.since === null ? frame.now : Math.max(frame.from, frame.since - FINE_MS);
  const covered = Math.max(0, frame.now - begin) / 1_000;
  const all = [...edges.values()].filter(({ requests }) => requests > 0);
  // A node is told as it was called, where it was: of a caller less is known.
  const nodes = new Map([...all.map(({ from }) => from), ...all.map(({ to }) => to)].map((node) => [node.id, node]));
  return {
    window: frame.seconds,
    covered,
    nodes: [...nodes.values()].sort((one, other) => (one.id < other.id ? -1 : 1)),
    edges: all.map((sums) => edgeOf(sums, covered)).sort((one, other) => other.requests - one.requests),
  };
}

/** Without what neither begins nor ends in a namespace. */
export function inNamespace(graph: ServiceGraph, namespace: string): ServiceGraph {
  const own = new Set(graph.nodes.filter((one) => one.namespace === namespace).map(({ id }) => id));
  const edges = graph.edges.filter(({ from, to }) => own.has(from) || own.has(to));
  const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return { ...graph, edges, nodes: graph.nodes.filter(({ id }) => used.has(id)) };
}

/** Names of workloads that have an identity for themselves, by it: a certificate tells of a caller no more than that. */
function workloadsByPrincipal(calls: readonly MetricLabels[]): ReadonlyMap<string, string> {
  const known = calls.filter((labels) => labels.destination_workload !== UNKNOWN);
  const groups = Map.groupBy(known, (labels) => labels.destination_principal);
  const alone = [...groups].flatMap(([principal, of]) => {
    const names = new Set(of.map((labels) => labels.destination_workload));
    return names.size === 1 && principal !== UNKNOWN ? [[principal, [...names][0] ?? UNKNOWN] as const] : [];
  });
  return new Map(alone);
}

function addTo(
  edges: Map<string, Sums>,
  names: ReadonlyMap<string, string>,
  labels: MetricLabels,
  growth: Growth,
): void {
  const { request_protocol: protocol, response_code: code } = labels;
  const [from, to] = [sourceOf(labels, names), destinationOf(labels)];
  const key = JSON.stringify([from.id, to.id, protocol]);
  const sums = edges.get(key) ?? {
    from,
    to,
    protocol,
    requests: 0,
    errors: 0,
    refused: 0,
    mutual: 0,
    durations: [],
    flags: new Map<string, number>(),
  };
  edges.set(key, sums);
  const requests = growth[0] ?? 0;
  sums.requests += requests;
  if (code.startsWith("5")) sums.errors += requests;
  if (code.startsWith("4")) sums.refused += requests;
  if (labels.connection_security_policy === "mutual_tls") sums.mutual += requests;
  for (const [bucket, count] of durationsIn(growth).entries())
    sums.durations[bucket] = (sums.durations[bucket] ?? 0) + count;
  for (const flag of labels.response_flags.split(","))
    if (flag !== "-" && flag !== "") sums.flags.set(flag, (sums.flags.get(flag) ?? 0) + requests);
}

function edgeOf({ from, to, protocol, durations, ...sums }: Sums, seconds: number): GraphEdge {
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
    from: from.id,
    to: to.id,
    protocol,
    requests: sums.requests,
    rps: seconds > 0 ? sums.requests / seconds : 0,
    errorRate: sums.errors / sums.requests,
    refusedRate: sums.refused / sums.requests,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
    mtls: sums.mutual / sums.requests,
    flags: Object.fromEntries([...sums.flags].sort(([one], [other]) => (one < other ? -1 : 1))),
  };
}

const UNKNOWN = "unknown";
/** What metrics call a Gateway (src/compile/istio/gateway-hosts.ts). */
const GATEWAY_WORKLOAD = "istio-ingressgateway";

function sourceOf(labels: MetricLabels, names: ReadonlyMap<string, string>): GraphNode {
  const { source_workload: workload, source_workload_namespace: namespace, source_app: app } = labels;
  const kind = workload === GATEWAY_WORKLOAD ? "gateway" : namespace === UNKNOWN ? "unknown" : "workload";
  const { source_principal: principal } = labels;
  const name = workload === UNKNOWN ? (names.get(principal) ?? accountOf(principal)) : workload;
  return node(kind, namespace, name, app, labels.source_version, principal);
}

function destinationOf(labels: MetricLabels): GraphNode {
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
): GraphNode {
  const id = [kind, namespace, name].map(encodeURIComponent).join("/");
  return { id, kind, namespace, name, app, version, principal: principal === UNKNOWN ? null : principal };
}
