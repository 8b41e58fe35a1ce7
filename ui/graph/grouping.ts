import type { GraphEdge, GraphNode, ServiceGraph, Traffic } from "./model.ts";
import { together } from "./traffic.ts";

/** More edges than this are a ball of wool: namespaces are drawn in their nodes' place. */
export const MAX_EDGES = 150;

export interface ShownNode {
  readonly id: string;
  /** A namespace stands for all its nodes. */
  readonly node: GraphNode | null;
  readonly namespace: string;
  /** How many nodes it stands for. */
  readonly count: number;
}

export interface ShownEdge extends Traffic {
  readonly from: string;
  readonly to: string;
}

export interface ShownGraph {
  readonly nodes: readonly ShownNode[];
  readonly edges: readonly ShownEdge[];
  /** Whether any namespace stands for its nodes. */
  readonly isGrouped: boolean;
}

/**
 * What is drawn of a graph: one arrow between two nodes, whatever protocols it carries; where there are too many, namespaces in
 * the place of their nodes.
 *
 * @param open namespaces that are drawn with their nodes all the same
 */
export function shownGraph(
  { nodes, edges }: Pick<ServiceGraph, "nodes" | "edges">,
  open: ReadonlySet<string>,
): ShownGraph {
  const single = merged(edges, (id) => id);
  if (single.length <= MAX_EDGES)
    return {
      nodes: nodes.map((node) => ({ id: node.id, node, namespace: node.namespace, count: 1 })),
      edges: single,
      isGrouped: false,
    };
  const groupOf = new Map(nodes.map(({ id, namespace }) => [id, open.has(namespace) ? id : groupId(namespace)]));
  const groups = Map.groupBy(
    nodes.filter(({ namespace }) => !open.has(namespace)),
    ({ namespace }) => namespace,
  );
  return {
    nodes: [
      ...[...groups].map(([namespace, of]) => ({ id: groupId(namespace), node: null, namespace, count: of.length })),
      ...nodes
        .filter(({ namespace }) => open.has(namespace))
        .map((node) => ({ id: node.id, node, namespace: node.namespace, count: 1 })),
    ],
    edges: merged(edges, (id) => groupOf.get(id) ?? id),
    isGrouped: true,
  };
}

function groupId(namespace: string): string {
  return `namespace:${namespace}`;
}

/** Calls inside of a group are not drawn. */
function merged(edges: readonly GraphEdge[], idOf: (id: string) => string): readonly ShownEdge[] {
  const between = Map.groupBy(edges, ({ from, to }) => `${idOf(from)}\n${idOf(to)}`);
  return [...between.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    const [from, to] = [idOf(first.from), idOf(first.to)];
    const isInside = from === to && from !== first.from;
    return isInside ? [] : [{ from, to, ...together(same) }];
  });
}
