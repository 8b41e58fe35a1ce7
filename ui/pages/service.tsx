import { type Instant, selectorText } from "../golden.ts";
import { Golden } from "../parts/golden.tsx";
import { Described } from "../parts/described.tsx";
import type { PageProps } from "../pages.ts";
import { useData } from "../state/use-data.ts";

/** A service: how its calls go, and what holds for them. */
export function ServicePage({ path: [namespace = "", name = ""], query }: PageProps) {
  const selector = { destination_service_namespace: namespace, destination_service_name: name };
  const text = `sum by (destination_workload, destination_workload_namespace) (istio_requests_total{${selectorText({ reporter: "destination", ...selector })}})`;
  const behind = useData<Instant>(`/api/v1/query?query=${encodeURIComponent(text)}`);
  const workloads = new Set(
    behind.value?.data.result.map(
      ({ metric }) => `${metric["destination_workload_namespace"]}/${metric["destination_workload"]}`,
    ),
  );
  return (
    <>
      <h1>
        Service {namespace}/{name}
      </h1>
      <Golden
        query={query}
        selector={selector}
        isOf={({ kind, ...node }) =>
          kind === "service"
            ? node.namespace === namespace && node.name === name
            : workloads.has(`${node.namespace}/${node.name}`)
        }
      />
      <Described kind="service" namespace={namespace} name={name} />
    </>
  );
}
