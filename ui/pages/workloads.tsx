import { Golden } from "../parts/golden.tsx";
import { Described } from "../parts/described.tsx";
import type { PageProps } from "../pages.ts";

/** A workload: who calls it, whom it calls, and what holds for it. */
export function Workload({ path: [namespace = "", name = ""], query }: PageProps) {
  return (
    <>
      <h1>
        Workload {namespace}/{name}
      </h1>
      <Golden
        query={query}
        selector={{ destination_workload_namespace: namespace, destination_workload: name }}
        isOf={(node) => node.namespace === namespace && node.name === name && node.kind !== "service"}
      />
      <Described kind="workload" namespace={namespace} name={name} />
    </>
  );
}
