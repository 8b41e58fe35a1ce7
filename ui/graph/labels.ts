import type { ShownEdge, ShownNode } from "./grouping.ts";
import type { LayoutInput } from "./layout.ts";
import type { GraphNode } from "./model.ts";
import { placeOf } from "../state/place.ts";

const CHARACTER_WIDTH = 7.6;
const PADDING = 34;
const MIN_WIDTH = 96;
const MAX_CHARACTERS = 34;
const HEIGHT = 46;
/** So many arrows leave no room for labels: they stand where they can. Of an edge: its numbers change, and must not move everything. */
const MANY = 60;
const NO_LABEL = { width: 0, height: 0 };
const LABEL = { width: 104, height: 18 };

/** The two lines of a node. */
export function linesOf({ node, namespace, count }: ShownNode): readonly [string, string] {
  if (node === null) return [cut(namespace === "" ? "no namespace" : namespace), `${count} nodes`];
  const version = versionOf(node);
  const kind = node.kind === "workload" ? "" : `${node.kind} · `;
  return [cut(`${node.name}${version === "" ? "" : ` ${version}`}`), cut(`${kind}${namespace}`)];
}

/** What a name says already is not said again, nor that nobody told one. */
function versionOf({ name, version }: Pick<GraphNode, "name" | "version">): string {
  return /^(|unknown|latest)$/.test(version) || name.endsWith(`-${version}`) ? "" : version;
}

/** Namespace, name and version on one line. */
export function fullName(node: GraphNode): string {
  const version = versionOf(node);
  return `${node.namespace}/${node.name}${version === "" ? "" : ` ${version}`}`;
}

function cut(text: string): string {
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS - 1)}…` : text;
}

export function sizeOf(node: ShownNode): { readonly width: number; readonly height: number } {
  const longest = Math.max(...linesOf(node).map(({ length }) => length));
  return { width: Math.max(MIN_WIDTH, longest * CHARACTER_WIDTH + PADDING), height: HEIGHT };
}

/** @param turn of the question */
export function layoutInput(nodes: readonly ShownNode[], edges: readonly ShownEdge[], turn: number): LayoutInput {
  return {
    turn,
    nodes: nodes.map((node) => ({ id: node.id, ...sizeOf(node) })),
    edges: edges.map(({ from, to }) => [from, to] as const),
    label: edges.length > MANY ? NO_LABEL : LABEL,
  };
}

/** A node's page. */
export function pageOf({ node, namespace }: ShownNode): string | null {
  if (node === null || node.kind === "unknown") return null;
  if (node.kind === "service") return placeOf(["services", namespace, node.name]);
  return placeOf(["workloads", namespace, node.name]);
}
