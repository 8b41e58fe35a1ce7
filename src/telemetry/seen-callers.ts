import { extraIn, labelsIn } from "./metrics.ts";

/** Who reached whom. */
export interface Reached {
  /** SPIFFE ID without the scheme; null: nothing was proven. A Gateway's for what came through it. */
  readonly caller: string | null;
  /** Host of the service that was called. */
  readonly service: string;
  readonly workload: string;
  readonly namespace: string;
}

const UNKNOWN = "unknown";
const SCHEME = "spiffe://";

/**
 * Whom a series of requests tells of; null for one that tells of nobody: refused by the mesh, folded into `other`, or under the
 * other one of Istio's reporters.
 *
 * @param key of the series: its label values as JSON
 */
export function reachedIn(key: string): Reached | null {
  const labels = labelsIn(key);
  if (labels.reporter !== "destination") return null;
  const {
    destination_service: service,
    destination_workload: workload,
    destination_workload_namespace: namespace,
    source_principal: principal,
  } = labels;
  // What the mesh refused had no endpoint yet; a label that a Telemetry takes away tells nothing.
  if ([service, workload, namespace].some((name) => name === UNKNOWN || name === "other" || name === "")) return null;
  if (principal === "" || extraIn(key).only?.includes("REQUEST_COUNT") === false) return null;
  return { caller: principal.startsWith(SCHEME) ? principal.slice(SCHEME.length) : null, service, workload, namespace };
}
