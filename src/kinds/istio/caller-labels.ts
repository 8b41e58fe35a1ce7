import { accountsPartlyWith, accountsWith } from "../../compile/viewer.ts";
import { viewerNamespace } from "../../compile/view.ts";
import type { World } from "../../compile/world.ts";
import { type Finding, warningAt } from "../../resources/finding.ts";

/**
 * What is to be said of labels by which callers are chosen. Nothing but a service account is proven of a caller.
 *
 * @param namespace of the callers; null: any
 */
export function checkCallerLabels(
  world: World,
  labels: Readonly<Record<string, string>>,
  namespace: string | null,
  field: string,
): readonly Finding[] {
  if (Object.keys(labels).length === 0) return [];
  const mixed = accountsPartlyWith(world, labels, namespace);
  if (mixed.length > 0)
    return mixed.map((account) =>
      warningAt(
        field,
        `not for callers as \`${account}\`: workloads with other labels share this service account, and a caller proves no more than that; give each its own`,
        "TULLE0321",
      ),
    );
  const chosen = accountsWith(world, labels).some(
    (account) => (namespace ?? viewerNamespace(account)) === viewerNamespace(account),
  );
  return chosen ? [] : [warningAt(field, "no workload with a service account has these labels yet", "TULLE0120")];
}
