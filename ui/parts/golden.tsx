import { latency, percent, rate } from "../format.ts";
import type { Selector } from "../golden.ts";
import type { GraphNode, ServiceGraph } from "../graph/model.ts";
import { EdgeTable } from "../graph/table.tsx";
import { together } from "../graph/traffic.ts";
import { useData } from "../state/use-data.ts";
import { GoldenCharts } from "./golden-charts.tsx";
import { Shown } from "./shown.tsx";
import { WindowChoice, windowOf } from "./window-choice.tsx";

const REFRESH_MS = 10_000;

export interface GoldenProps {
  readonly query: Readonly<Record<string, string>>;
  readonly selector: Selector;
  /** Whether a node of the graph is what the page is of. */
  readonly isOf: (node: GraphNode) => boolean;
}

/** The golden signals of something that is called: now, over time, and by whom it is called. */
export function Golden({ query, selector, isOf }: GoldenProps) {
  const seconds = windowOf(query);
  const graph = useData<ServiceGraph>(`/api/v1/graph?window=${seconds}`, REFRESH_MS);
  return (
    <>
      <WindowChoice query={query} />
      <GoldenCharts selector={selector} seconds={seconds} />
      <Shown data={graph}>
        {(whole) => {
          const nodes = new Map(whole.nodes.map((node) => [node.id, node]));
          const own = new Set(whole.nodes.filter(isOf).map(({ id }) => id));
          const [incoming, outgoing] = [
            whole.edges.filter(({ to }) => own.has(to)),
            whole.edges.filter(({ from }) => own.has(from)),
          ];
          return (
            <>
              {incoming.length > 0 && <Tiles {...together(incoming)} />}
              <EdgeTable caption="Who calls it" edges={incoming} nodes={nodes} />
              {outgoing.length > 0 && <EdgeTable caption="Whom it calls" edges={outgoing} nodes={nodes} />}
            </>
          );
        }}
      </Shown>
    </>
  );
}

function Tiles({ rps, errorRate, p50, p95, p99, mtls }: ReturnType<typeof together>) {
  const tiles = [
    ["Success", percent(1 - errorRate)],
    ["Requests", rate(rps)],
    ["p50", latency(p50)],
    ["p95", latency(p95)],
    ["p99", latency(p99)],
    ["mTLS", percent(mtls)],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
