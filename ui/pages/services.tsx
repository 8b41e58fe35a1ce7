import { percent, rate, latency } from "../format.ts";
import { worse, healthOf } from "../graph/health.ts";
import { fullName, pageOf } from "../graph/labels.ts";
import type { Instant } from "../golden.ts";
import type { GraphNode, ServiceGraph } from "../graph/model.ts";
import { TONES } from "../graph/table.tsx";
import { together } from "../graph/traffic.ts";
import { Badge } from "../parts/badge.tsx";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import type { PageProps } from "../pages.ts";
import { placeOf } from "../state/place.ts";
import { useData } from "../state/use-data.ts";
import { ServicePage } from "./service.tsx";

const REFRESH_MS = 10_000;

interface Listed {
  readonly node: GraphNode;
  readonly incoming: ReturnType<typeof together>;
  readonly health: ReturnType<typeof healthOf>;
}

/** `#/services`: all that was called; `#/services/NAMESPACE/NAME`: one of them. */
export function Services(props: PageProps) {
  return props.path.length >= 2 ? <ServicePage {...props} /> : <List />;
}

function List() {
  const graph = useData<ServiceGraph>("/api/v1/graph?window=300", REFRESH_MS);
  return (
    <>
      <h1>Services</h1>
      <Shown data={graph}>
        {({ nodes, edges }) => {
          const incoming = Map.groupBy(edges, ({ to }) => to);
          const rows = nodes
            .filter(({ kind }) => kind !== "unknown")
            .map((node): Listed => {
              const of = incoming.get(node.id) ?? [];
              return { node, incoming: together(of), health: of.map(healthOf).reduce(worse, "idle") };
            });
          return (
            <>
              <Called />
              <Table
                caption="Workloads and gateways: what was called in the last 5 minutes, and who called"
                none="No request was seen in the last 5 minutes."
                rows={rows}
                keyOf={({ node }) => node.id}
                columns={[
                  { head: "Name", cell: ({ node }) => <NodeLink node={node} /> },
                  { head: "Kind", wide: true, cell: ({ node }) => node.kind },
                  { head: "Health", cell: ({ health }) => <Badge tone={TONES[health]}>{health}</Badge> },
                  { head: "Requests", isNumber: true, cell: ({ incoming: { rps } }) => rate(rps) },
                  {
                    head: "Success",
                    isNumber: true,
                    cell: ({ incoming: { requests, errorRate } }) => percent(requests === 0 ? null : 1 - errorRate),
                  },
                  { head: "p95", isNumber: true, wide: true, cell: ({ incoming: { p95 } }) => latency(p95) },
                  { head: "Identity", wide: true, cell: ({ node }) => <code>{node.principal ?? "-"}</code> },
                ]}
              />
            </>
          );
        }}
      </Shown>
    </>
  );
}

/** Services that were called, by any route. */
function Called() {
  const text =
    'sum by (destination_service_namespace, destination_service_name) (istio_requests_total{reporter="destination"})';
  const called = useData<Instant>(`/api/v1/query?query=${encodeURIComponent(text)}`, REFRESH_MS);
  return (
    <Shown data={called}>
      {({ data }) => (
        <Table
          caption="Services"
          none="No service was called yet."
          rows={data.result}
          keyOf={({ metric }) => JSON.stringify(metric)}
          columns={[
            {
              head: "Service",
              cell: ({
                metric: { destination_service_namespace: namespace = "", destination_service_name: name = "" },
              }) => <a href={placeOf(["services", namespace, name])}>{`${namespace}/${name}`}</a>,
            },
            { head: "Calls so far", isNumber: true, cell: ({ value }) => Number(value[1]) },
          ]}
        />
      )}
    </Shown>
  );
}

function NodeLink({ node }: { readonly node: GraphNode }) {
  const text = fullName(node);
  if (node.kind === "gateway") return <a href={placeOf(["gateways"])}>{text}</a>;
  const page = pageOf({ id: node.id, node, namespace: node.namespace, count: 1 });
  return page === null ? <>{text}</> : <a href={page}>{text}</a>;
}
