import { useState } from "preact/hooks";
import { latency, percent, rate } from "../format.ts";
import { Badge, type Tone } from "../parts/badge.tsx";
import { Table } from "../parts/table.tsx";
import { type Health, healthOf } from "./health.ts";
import type { GraphEdge, GraphNode } from "./model.ts";
import { fullName, pageOf } from "./labels.ts";

export const TONES: Readonly<Record<Health, Tone>> = {
  healthy: "good",
  degraded: "warn",
  failure: "bad",
  idle: "plain",
};

export interface EdgeTableProps {
  readonly caption: string;
  readonly edges: readonly GraphEdge[];
  readonly nodes: ReadonlyMap<string, GraphNode>;
}

/** Thousands of rows take longer than the drawing. */
const FIRST = 200;

/** Calls with their golden signals: what the drawing shows, for whoever cannot see it. */
export function EdgeTable({ caption, edges, nodes }: EdgeTableProps) {
  const [isWhole, setWhole] = useState(false);
  const rest = isWhole ? 0 : edges.length - FIRST;
  return (
    <>
      <Table
        caption={rest > 0 ? `${caption}, the busiest ${FIRST} of ${edges.length}` : caption}
        none="No request was seen in this time."
        rows={rest > 0 ? edges.slice(0, FIRST) : edges}
        keyOf={({ from, to, protocol }) => `${from} ${to} ${protocol}`}
        columns={[
          { head: "From", cell: ({ from }) => <NodeName node={nodes.get(from)} /> },
          { head: "To", cell: ({ to }) => <NodeName node={nodes.get(to)} /> },
          { head: "Health", cell: (edge) => <Badge tone={TONES[healthOf(edge)]}>{healthOf(edge)}</Badge> },
          { head: "Requests", isNumber: true, cell: ({ rps }) => rate(rps) },
          { head: "Success", isNumber: true, cell: ({ errorRate }) => percent(1 - errorRate) },
          { head: "4xx", isNumber: true, wide: true, cell: ({ refusedRate }) => percent(refusedRate) },
          { head: "p50", isNumber: true, wide: true, cell: ({ p50 }) => latency(p50) },
          { head: "p95", isNumber: true, cell: ({ p95 }) => latency(p95) },
          { head: "p99", isNumber: true, wide: true, cell: ({ p99 }) => latency(p99) },
          { head: "mTLS", isNumber: true, cell: ({ mtls }) => percent(mtls) },
        ]}
      />
      {rest > 0 && (
        <button type="button" class="quiet" onClick={() => setWhole(true)}>
          Show {rest} more
        </button>
      )}
    </>
  );
}

function NodeName({ node }: { readonly node: GraphNode | undefined }) {
  if (node === undefined) return <>unknown</>;
  const text = fullName(node);
  const page = pageOf({ id: node.id, node, namespace: node.namespace, count: 1 });
  return page === null ? <>{text}</> : <a href={page}>{text}</a>;
}
