import { useEffect } from "preact/hooks";
import { latency, percent, rate } from "../format.ts";
import type { ShownEdge, ShownGraph, ShownNode } from "./grouping.ts";
import { type Health, healthOf, worse } from "./health.ts";
import { linesOf, pageOf, sizeOf } from "./labels.ts";
import type { Layout } from "./layout.ts";

interface Drawn {
  readonly graph: ShownGraph;
  readonly layout: Layout;
  /** What somebody looks for; null: nothing. */
  readonly found: ReadonlySet<string> | null;
  /** Of its natural size; null: as wide as the page. */
  readonly zoom: number | null;
  readonly onOpen: (namespace: string) => void;
}

/** The graph as SVG. Everything in it stands in the table beside it as well. */
export function Drawing({ graph, layout, found, zoom, onOpen }: Drawn) {
  const edges = new Map(graph.edges.map((edge) => [`${edge.from} ${edge.to}`, edge]));
  // Whoever measures how long it took looks for this.
  useEffect(() => void performance.mark("graph-drawn", { detail: graph.nodes.length }), [layout]);
  const size = zoom === null ? { width: "100%" } : { width: layout.width * zoom };
  return (
    <div class="graph" tabIndex={0} role="region" aria-label="Service graph">
      <svg
        viewBox={`0 0 ${layout.width} ${layout.height}`}
        {...size}
        style={zoom === null ? { maxWidth: `${layout.width * 1.2}px` } : {}}
        role="group"
        aria-label={`${graph.nodes.length} nodes, ${graph.edges.length} arrows; the table below has the same`}
      >
        <defs>
          {(["healthy", "degraded", "failure", "idle"] as const).map((health) => (
            <marker
              key={health}
              id={`head-${health}`}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerUnits="userSpaceOnUse"
              markerWidth="10"
              markerHeight="10"
              orient="auto"
            >
              <path class={`head ${health}`} d="M0 0 8 4 0 8z" />
            </marker>
          ))}
        </defs>
        {layout.edges.map((laid) => {
          const { from, to } = laid;
          const edge = edges.get(`${from} ${to}`);
          return edge === undefined ? null : (
            <Arrow
              key={`${from} ${to}`}
              edge={edge}
              laid={laid}
              isDim={found !== null && !found.has(`${from} ${to}`)}
            />
          );
        })}
        {graph.nodes.map((node) => {
          const at = layout.nodes[node.id];
          return at === undefined ? null : (
            <Box
              key={node.id}
              node={node}
              at={at}
              health={healthOfNode(graph, node.id)}
              isDim={found !== null && !found.has(node.id)}
              onOpen={onOpen}
            />
          );
        })}
      </svg>
    </div>
  );
}

function healthOfNode({ edges }: ShownGraph, id: string): Health {
  return edges.filter(({ to }) => to === id).reduce<Health>((worst, edge) => worse(worst, healthOf(edge)), "idle");
}

type Points = Layout["edges"][number]["points"];

interface ArrowProps {
  readonly edge: ShownEdge;
  readonly laid: Layout["edges"][number];
  readonly isDim: boolean;
}

const LETTER_WIDTH = 6.4;

function Arrow({ edge, laid: { points, label }, isDim }: ArrowProps) {
  const health = healthOf(edge);
  const text = `${rate(edge.rps)}${edge.errorRate > 0 ? ` · ${percent(edge.errorRate)} 5xx` : ""}`;
  const left = label.x - (text.length * LETTER_WIDTH) / 2 - 14;
  return (
    <g class={`arrow ${isDim ? "dim" : ""}`} aria-hidden="true">
      <path class={`edge ${health}`} d={curve(points)} marker-end={`url(#head-${health})`} />
      <text class="on-edge" x={label.x} y={label.y - 6}>
        {text}
      </text>
      <path class={edge.mtls >= 1 ? "lock" : "lock open"} transform={`translate(${left} ${label.y - 17})`} d={LOCK} />
      <title>{`mTLS ${percent(edge.mtls)} · p95 ${latency(edge.p95)}`}</title>
    </g>
  );
}

/** A padlock of 9 by 12. */
const LOCK = "M0 5h9v7h-9zM2 5v-2a2.5 2.5 0 0 1 5 0v2";

/** Through all points, round at each. */
function curve(points: Points): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  const last = rest.at(-1);
  const bends = rest.slice(0, -1).map((point, at) => {
    const next = rest[at + 1] ?? point;
    const end = at === rest.length - 2 ? next : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 };
    return `Q${point.x} ${point.y} ${end.x} ${end.y}`;
  });
  return `M${first.x} ${first.y}${bends.length > 0 ? bends.join("") : `L${last?.x ?? first.x} ${last?.y ?? first.y}`}`;
}

interface BoxProps {
  readonly node: ShownNode;
  readonly at: { readonly x: number; readonly y: number };
  readonly health: Health;
  readonly isDim: boolean;
  readonly onOpen: (namespace: string) => void;
}

function Box({ node, at, health, isDim, onOpen }: BoxProps) {
  const { width, height } = sizeOf(node);
  const [title, under] = linesOf(node);
  const shape = (
    <>
      <rect
        class={`box ${health} ${node.node === null ? "group" : node.node.kind}`}
        x={at.x - width / 2}
        y={at.y - height / 2}
        width={width}
        height={height}
        rx={node.node?.kind === "gateway" ? 20 : 7}
      >
        <title>{health}</title>
      </rect>
      <text class="name" x={at.x} y={at.y - 3}>
        {title}
      </text>
      <text class="under" x={at.x} y={at.y + 14}>
        {under}
      </text>
    </>
  );
  const page = pageOf(node);
  const look = `node ${isDim ? "dim" : ""}`;
  if (node.node === null)
    return (
      <g
        class={look}
        role="button"
        tabIndex={0}
        aria-description="opens the namespace"
        onClick={() => onOpen(node.namespace)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          onOpen(node.namespace);
        }}
      >
        {shape}
      </g>
    );
  return page === null ? (
    <g class={look}>{shape}</g>
  ) : (
    <a class={look} href={page}>
      {shape}
    </a>
  );
}
