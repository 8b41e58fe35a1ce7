import { healthOf } from "./health.ts";
import type { GraphEdge, GraphNode, ServiceGraph } from "./model.ts";
import { together } from "./traffic.ts";

/**
 * What somebody looks for, as text: terms that must all hold. `reviews` is part of a name; `ns:shop`, `kind:gateway`,
 * `version:v1` and `health:failure` are compared whole; `rps>1`, `errors>5`, `refused>5`, `mtls<100` (percent) and `p50`, `p95`, `p99`
 * (milliseconds) are compared as numbers.
 */
export interface Wish {
  /** Whether traffic is compared: then it is about calls, and nodes are only their ends. */
  readonly isOfTraffic: boolean;
  readonly node: (node: GraphNode, incoming: readonly GraphEdge[]) => boolean;
  readonly edge: (edge: GraphEdge, from: GraphNode | undefined, to: GraphNode | undefined) => boolean;
}

interface Measured {
  readonly names: readonly (GraphNode | undefined)[];
  readonly traffic: Omit<GraphEdge, "from" | "to" | "protocol">;
}

type Term = (measured: Measured) => boolean;

/** @returns null where the text is empty; of a term that is not understood, its text */
export function readWish(text: string): Wish | { readonly unknown: string } | null {
  const words = text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0) return null;
  const terms: Term[] = [];
  let isOfTraffic = false;
  for (const word of words) {
    const term = readTerm(word.toLowerCase());
    if (term === null) return { unknown: word };
    terms.push(term);
    isOfTraffic ||= /[<>]|^health:|^[a-z0-9]+=[\d.]+$/.test(word);
  }
  const holds = (measured: Measured): boolean => terms.every((term) => term(measured));
  return {
    isOfTraffic,
    node: (node, incoming) => holds({ names: [node], traffic: together(incoming) }),
    edge: (edge, from, to) => holds({ names: [from, to], traffic: edge }),
  };
}

const NUMBERS: Readonly<Record<string, (traffic: Measured["traffic"]) => number | null>> = {
  rps: ({ rps }) => rps,
  requests: ({ requests }) => requests,
  errors: ({ errorRate }) => errorRate * 100,
  refused: ({ refusedRate }) => refusedRate * 100,
  mtls: ({ mtls }) => mtls * 100,
  p50: ({ p50 }) => p50,
  p95: ({ p95 }) => p95,
  p99: ({ p99 }) => p99,
};

const WORDS: Readonly<Record<string, (node: GraphNode) => string>> = {
  ns: ({ namespace }) => namespace,
  kind: ({ kind }) => kind,
  version: ({ version }) => version,
  name: ({ name }) => name,
};

function readTerm(word: string): Term | null {
  const [, field = "", operator, wanted = ""] = /^([a-z0-9]+)(>=|<=|>|<|=|:)(.*)$/.exec(word) ?? [];
  if (operator === undefined)
    return ({ names }) => names.some((node) => node !== undefined && nameOf(node).includes(word));
  if (field === "health") return ({ traffic }) => healthOf(traffic) === wanted;
  if (Object.hasOwn(WORDS, field) && (operator === ":" || operator === "=")) {
    const read = WORDS[field];
    return ({ names }) => names.some((node) => node !== undefined && read?.(node).toLowerCase() === wanted);
  }
  const limit = Number(wanted);
  if (!Object.hasOwn(NUMBERS, field) || operator === ":" || wanted === "" || !Number.isFinite(limit)) return null;
  const read = NUMBERS[field];
  return ({ traffic }) => {
    const value = read?.(traffic) ?? null;
    return traffic.requests > 0 && value !== null && compare(value, operator, limit);
  };
}

function nameOf({ namespace, name, version }: GraphNode): string {
  return `${namespace}/${name} ${version}`.toLowerCase();
}

function compare(value: number, operator: string, limit: number): boolean {
  switch (operator) {
    case ">":
      return value > limit;
    case ">=":
      return value >= limit;
    case "<":
      return value < limit;
    case "<=":
      return value <= limit;
    default:
      return value === limit;
  }
}

/** Without what the wish names: nodes with all their calls, or calls and whoever has no other. */
export function hidden(graph: ServiceGraph, wish: Wish): ServiceGraph {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  if (!wish.isOfTraffic) {
    const kept = new Set(graph.nodes.filter((node) => !wish.node(node, [])).map(({ id }) => id));
    const edges = graph.edges.filter(({ from, to }) => kept.has(from) && kept.has(to));
    return { ...graph, nodes: graph.nodes.filter(({ id }) => kept.has(id)), edges };
  }
  const edges = graph.edges.filter((edge) => !wish.edge(edge, nodes.get(edge.from), nodes.get(edge.to)));
  const used = new Set(edges.flatMap(({ from, to }) => [from, to]));
  return { ...graph, nodes: graph.nodes.filter(({ id }) => used.has(id)), edges };
}

/** Ids of nodes, and `from to` of calls, that the wish names. */
export function found(graph: ServiceGraph, wish: Wish): ReadonlySet<string> {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const incoming = Map.groupBy(graph.edges, ({ to }) => to);
  return new Set([
    ...graph.nodes.filter((node) => wish.node(node, incoming.get(node.id) ?? [])).map(({ id }) => id),
    ...graph.edges
      .filter((edge) => wish.edge(edge, nodes.get(edge.from), nodes.get(edge.to)))
      .map(({ from, to }) => `${from} ${to}`),
  ]);
}
