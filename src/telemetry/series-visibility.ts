import type { Labels } from "../query/series.ts";
import type { RollupKind } from "./rollup-kinds.ts";

/** Who asks for metrics. */
export interface SeriesViewer {
  /** The only one that it reaches; null: all. */
  readonly namespace: string | null;
  /** The mesh's own, its aliases with it: what another calls `ns/shop` is not ours. */
  readonly trustDomains: readonly string[];
}

/** What labels say in place of a name: of series that were folded, and of what nobody knows. Whose they are, none can tell. */
const NO_NAMESPACE = new Set(["other", "unknown"]);

/**
 * A namespace sees series of calls to its workloads and services, and of calls from it by callers that the mesh vouches for; of
 * routes those to its services. What came through a Gateway is a call of the Gateway's namespace. What counts for the whole mesh, and what was folded, is for those who see all (R21).
 */
export function seesSeries({ namespace, trustDomains }: SeriesViewer, kind: RollupKind, labels: Labels): boolean {
  if (namespace === null) return true;
  if (NO_NAMESPACE.has(namespace)) return false;
  if (kind !== "call" && kind !== "route") return false;
  if (labels.get("destination_workload_namespace") === namespace) return true;
  // The call may have ended before an endpoint was chosen.
  if (labels.get("destination_service_namespace") === namespace) return true;
  if (kind === "route" || labels.get("source_workload_namespace") !== namespace) return false;
  const principal = labels.get("source_principal") ?? "";
  return trustDomains.some((domain) => principal.startsWith(`spiffe://${domain}/ns/${namespace}/`));
}
