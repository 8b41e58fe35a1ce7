import { graphlib, layout } from "@dagrejs/dagre";
import type { Layout, LayoutInput } from "./layout.ts";

/** What of a Web Worker's scope is used; TypeScript has no library of it beside the page's. */
interface Scope {
  readonly addEventListener: (name: "message", listener: (event: MessageEvent<LayoutInput>) => void) => void;
  readonly postMessage: (laid: Layout) => void;
}
const { addEventListener: listen, postMessage: send } = globalThis as unknown as Scope;

/** The layout of a graph, off the page's thread: a large one takes longer than a frame. */
listen("message", ({ data }) => {
  const graph = new graphlib.Graph({ multigraph: false, compound: false });
  graph.setGraph({ rankdir: "LR", nodesep: 24, ranksep: 40, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of data.nodes) graph.setNode(id, { width, height });
  for (const [from, to] of data.edges) graph.setEdge(from, to, { ...data.label, labelpos: "c" });
  layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  const laid: Layout = {
    turn: data.turn,
    width,
    height,
    nodes: Object.fromEntries(graph.nodes().map((id) => [id, { x: graph.node(id).x, y: graph.node(id).y }])),
    edges: graph.edges().map(({ v, w }) => {
      const { points, x, y } = graph.edge(v, w);
      const middle = points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 };
      // What takes no room is laid nowhere.
      const label = Number.isFinite(x) && Number.isFinite(y) ? { x, y } : { x: middle.x, y: middle.y };
      return { from: v, to: w, points, label };
    }),
  };
  send(laid);
});
