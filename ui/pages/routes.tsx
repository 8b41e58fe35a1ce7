import type { Instant } from "../golden.ts";
import { Described } from "../parts/described.tsx";
import { GoldenCharts } from "../parts/golden-charts.tsx";
import { WindowChoice, windowOf } from "../parts/window-choice.tsx";
import { Shown } from "../parts/shown.tsx";
import { Table } from "../parts/table.tsx";
import type { PageProps } from "../pages.ts";
import { placeOf } from "../state/place.ts";
import { useData } from "../state/use-data.ts";

const REFRESH_MS = 15_000;

/** `#/routes`: all that were used; `#/routes/NAMESPACE/NAME/RULE`: one of them. */
export function Routes({ path, query }: PageProps) {
  const name = path.join("/");
  return name === "" ? <List /> : <Route name={name} query={query} />;
}

function List() {
  const text = "sum by (route, destination_service) (tulle_route_requests_total)";
  const used = useData<Instant>(`/api/v1/query?query=${encodeURIComponent(text)}`, REFRESH_MS);
  return (
    <>
      <h1>Routes</h1>
      <Shown data={used}>
        {({ data }) => (
          <Table
            caption="Routes that answered"
            none="No route has answered yet."
            rows={data.result.toSorted((a, b) => Number(b.value[1]) - Number(a.value[1]))}
            keyOf={({ metric }) => `${metric["route"]} ${metric["destination_service"]}`}
            columns={[
              {
                head: "Route",
                cell: ({ metric: { route = "" } }) =>
                  route === "" || route === "unknown" ? (
                    "unknown"
                  ) : (
                    <a href={placeOf(["routes", ...route.split("/")])}>{route}</a>
                  ),
              },
              { head: "Service", cell: ({ metric }) => metric["destination_service"] ?? "" },
              { head: "Answers so far", isNumber: true, cell: ({ value }) => Number(value[1]) },
            ]}
          />
        )}
      </Shown>
    </>
  );
}

function Route({ name, query }: { readonly name: string; readonly query: PageProps["query"] }) {
  const [namespace = "", object = ""] = name.split("/");
  return (
    <>
      <h1>Route {name}</h1>
      <WindowChoice query={query} />
      <GoldenCharts selector={{ route: name }} ofRoute seconds={windowOf(query)} />
      {object !== "" && <Described kind="route" namespace={namespace} name={object} />}
    </>
  );
}
