import { firstPair, type Labels, selectorOf, workloadLabels } from "../../compile/entries.ts";
import { missingTargets } from "../../compile/targets.ts";
import { GATEWAY_NAMESPACE, namespaceOf, rootNamespace, selects } from "../../compile/view.ts";
import type { World } from "../../compile/world.ts";
import { type Finding, warningAt } from "../../resources/finding.ts";
import type { KubeObject } from "../../resources/object.ts";

/** A policy whose labels no workload of its namespace has. One of the root namespace is for those of all. */
export function checkSelector(world: World, object: KubeObject): readonly Finding[] {
  const missing = missingTargets(world, object).map((target) => `\`${target}\``);
  if (missing.length > 0) {
    const field =
      (object.spec as { readonly targetRef?: unknown }).targetRef === undefined ? "targetRefs" : "targetRef";
    return [warningAt(`spec.${field}`, `there is no ${missing.join(", ")} yet: it guards nothing there`, "TULLE0113")];
  }
  const labels = selectorOf(object);
  const namespace = namespaceOf(object);
  const pair = firstPair(labels);
  if (pair === "" || namespace === rootNamespace(world)) return [];
  const { inventory } = world;
  if (inventory.some("workload", `${namespace}/${pair}`, (entry) => selects(labels, workloadLabels(entry)))) return [];
  // Of endpoints and Pods each label is looked for by itself: what is told is so, not all that is so is told.
  const pairs = Object.entries(labels).map(([key, value]) => `${namespace}/${key}=${value}`);
  if (pairs.every((each) => inventory.has("labelled", each))) return [];
  const hint =
    Object.hasOwn(labels, "istio") && namespace !== GATEWAY_NAMESPACE
      ? `; if a Gateway is meant, its workload stands in \`${GATEWAY_NAMESPACE}\``
      : "";
  const message = `no workload of the namespace has these labels yet: it guards nothing${hint}`;
  return [warningAt("spec.selector.matchLabels", message, "TULLE0113")];
}

/** Of several that select one workload the oldest holds. @param table of those with a selector, by their namespace */
export function checkOlder(world: World, object: KubeObject, table: string): readonly Finding[] {
  const namespace = namespaceOf(object);
  const all = world.inventory.of(table, namespace);
  const older = all.slice(
    0,
    all.findIndex(({ metadata }) => metadata.name === object.metadata.name),
  );
  const other = older.find((each) => selectsSome(world, namespace, selectorOf(each), selectorOf(object)));
  if (!other) return [];
  const message = `\`${other.metadata.name}\` selects some of these workloads too; for them the older one holds, whole`;
  return [warningAt("spec.selector.matchLabels", message, "TULLE0304")];
}

/** Whether some workload is selected by both: surely where one asks for all that the other does, else if there is one now. */
function selectsSome(world: World, namespace: string, first: Labels, second: Labels): boolean {
  const both = { ...first, ...second };
  if (!selects(first, both)) return false;
  if (selects(both, first) || selects(both, second)) return true;
  const entries = `${namespace}/${firstPair(both)}`;
  return world.inventory.some("workload", entries, (entry) => selects(both, workloadLabels(entry)));
}
