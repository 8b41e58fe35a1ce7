import type { Instant } from "../golden.ts";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import { useData } from "../state/use-data.ts";

const REFRESH_MS = 15_000;
const WINDOW = "24h";

/** Endpoints that outlier detection took out. */
export function Ejections() {
  const text = `sum by (source_principal, cluster, endpoint, cause) (increase(tulle_ejections_total[${WINDOW}])) > 0`;
  const ejected = useData<Instant>(`/api/v1/query?query=${encodeURIComponent(text)}`, REFRESH_MS);
  return (
    <>
      <h1>Ejections</h1>
      <p>An endpoint that fails too often is called no more for a while, by each caller for itself.</p>
      <Shown data={ejected}>
        {({ data }) => (
          <Table
            caption="In the last 24 hours"
            none="No endpoint was ejected in the last 24 hours."
            rows={data.result.toSorted((a, b) => Number(b.value[1]) - Number(a.value[1]))}
            keyOf={({ metric }) => JSON.stringify(metric)}
            columns={[
              { head: "Endpoint", cell: ({ metric }) => <code>{metric["endpoint"] ?? ""}</code> },
              { head: "Cluster", wide: true, cell: ({ metric }) => <code>{metric["cluster"] ?? ""}</code> },
              { head: "For", cell: ({ metric }) => metric["source_principal"] ?? "" },
              { head: "Cause", cell: ({ metric }) => metric["cause"] ?? "" },
              { head: "Times", isNumber: true, cell: ({ value }) => Math.round(Number(value[1])) },
            ]}
          />
        )}
      </Shown>
    </>
  );
}
