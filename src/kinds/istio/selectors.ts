import { firstPair, selectorOf, workloadLabels } from "../../compile/entries.ts";
import { missingTargets } from "../../compile/targets.ts";
import { namespaceOf, rootNamespace, selects } from "../../compile/view.ts";
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
  const message = "no workload of the namespace has these labels yet: it guards nothing";
  return [warningAt("spec.selector.matchLabels", message, "TULLE0113")];
}
