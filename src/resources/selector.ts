import { strict } from "./fields.ts";
import { labels } from "./names.ts";
import type { Report } from "./report.ts";

/** Which workloads of the namespace (of the mesh, in the root namespace) an object is for. All labels must equal. */
export const WorkloadSelector = strict({ matchLabels: labels.exactOptional() });

export function warnOfEmptySelector(matched: Readonly<Record<string, string>> | undefined, report: Report): void {
  if (Object.keys(matched ?? {}).length === 0) report.warn("no labels: it selects every workload", "TULLE0005");
}
