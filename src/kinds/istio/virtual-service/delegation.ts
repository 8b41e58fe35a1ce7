import { type Delegation, delegationsOf } from "../../../compile/istio/delegates.ts";
import { namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import type { VirtualServiceSpec } from "../../../resources/virtual-service.ts";

/** What of a root, or of a delegate, does not hold. */
export function delegationFindings(world: World, object: KubeObject): readonly Finding[] {
  const { hosts = [] } = object.spec as VirtualServiceSpec;
  if (hosts.length === 0) return delegateFindings(world, object);
  return delegationsOf(world, object).flatMap(rootFindings);
}

function rootFindings({ index, delegate, missing, dropped }: Delegation): readonly Finding[] {
  const field = `spec.http[${index}].delegate`;
  if (missing === "absent")
    return [
      warningAt(
        field,
        `there is no VirtualService \`${delegate}\` without \`hosts\` yet: this rule takes no request`,
        "TULLE0108",
      ),
    ];
  if (missing === "hidden") {
    const message = `\`${delegate}\` is not exported to this namespace: this rule takes no request`;
    return [warningAt(field, message, "TULLE0108")];
  }
  if (missing === "large") {
    const message = `\`${delegate}\` and this rule have too many match blocks together: this rule takes no request`;
    return [warningAt(field, message, "TULLE0204")];
  }
  if (dropped.length === 0) return [];
  const message = `${places(dropped)} of \`${delegate}\` ask for what this rule's matches do not: left out`;
  return [warningAt(field, message, "TULLE0204")];
}

/** Many may delegate to one; its author needs to hear of some. */
const MOST_ROOTS = 100;

function delegateFindings(world: World, object: KubeObject): readonly Finding[] {
  const name = `${namespaceOf(object)}/${object.metadata.name}`;
  const roots = world.inventory.of("delegates-to", name);
  if (roots.length === 0) {
    const message = "has no hosts: it routes what another VirtualService delegates to it, and none does";
    return [warningAt("spec.hosts", message, "TULLE0501")];
  }
  return roots.slice(0, MOST_ROOTS).flatMap((root) => {
    const own = `${namespaceOf(root)}/${root.metadata.name}`;
    return delegationsOf(world, root)
      .filter(({ delegate }) => delegate === name)
      .flatMap(({ index, missing, dropped }): readonly Finding[] => {
        if (missing === "hidden")
          return [warningAt("spec.exportTo", `\`${own}\` delegates to it and does not see it`, "TULLE0108")];
        const message = `left out at \`${own}\`: it asks for what \`http[${index}]\` there does not match`;
        return dropped.map((at) => warningAt(`spec.http[${at}].match`, message, "TULLE0204"));
      });
  });
}

function places(indexes: readonly number[]): string {
  return indexes.map((at) => `\`http[${at}]\``).join(", ");
}
