import { exportToOfService } from "../resources/export-to.ts";
import type { MeshConfigSpec } from "../resources/mesh-config.ts";
import type { LabelSelectorSpec } from "../resources/mesh-visibility.ts";
import { type KubeObject, refKey } from "../resources/object.ts";
import { meshConfig, namespaceOf, selects, viewerNamespace } from "./view.ts";
import type { Viewer, World } from "./world.ts";

type Settings = Pick<
  MeshConfigSpec,
  | "defaultServiceExportTo"
  | "defaultVirtualServiceExportTo"
  | "defaultDestinationRuleExportTo"
  | "serviceEntryVisibility"
>;

/** Whether an object is exported to a viewer's namespace. */
export function visible(world: World, object: KubeObject, viewer: Viewer): boolean {
  return exportedTo(world, object)?.includes(viewerNamespace(viewer)) ?? true;
}

/** Namespaces that alone see an object; none where all do. */
export function onlyFor(world: World, object: KubeObject): readonly string[] {
  return exportedTo(world, object) ?? [];
}

/** Which namespaces an object is exported to; null: all. */
function exportedTo(world: World, object: KubeObject): readonly string[] | null {
  const settings = world.memo.get<Settings>("export-settings", () => meshConfig(world));
  const own = namespaceOf(object);
  const declared = named(exportToOf(object, settings), own);
  // The mesh's word is a ceiling over the author's, as in Istio.
  const visibility =
    object.kind === "ServiceEntry" && settings.serviceEntryVisibility !== undefined
      ? visibilityFrom(world, settings.serviceEntryVisibility, own)
      : "PUBLIC";
  if (visibility === "NONE") return [];
  if (visibility !== "NAMESPACE") return declared;
  return declared === null || declared.includes(own) ? [own] : [];
}

function exportToOf({ kind, metadata, spec }: KubeObject, settings: Settings): readonly string[] {
  const { exportTo } = (spec ?? {}) as { exportTo?: readonly string[] };
  const own = kind === "Service" ? exportToOfService(metadata.annotations) : exportTo;
  if (own !== undefined && own.length > 0) return own;
  if (kind === "VirtualService") return settings.defaultVirtualServiceExportTo ?? [];
  if (kind === "DestinationRule") return settings.defaultDestinationRuleExportTo ?? [];
  return settings.defaultServiceExportTo ?? [];
}

/** @returns names of namespaces; null: all */
function named(exportTo: readonly string[], own: string): readonly string[] | null {
  if (exportTo.length === 0 || exportTo.includes("*")) return null;
  return exportTo.filter((name) => name !== "~").map((name) => (name === "." ? own : name));
}

type Visibility = NonNullable<Settings["serviceEntryVisibility"]>;

/** The first policy of which all rules hold, else the default. */
function visibilityFrom(
  { inventory }: World,
  { policies = [], defaultVisibility = "PUBLIC" }: Visibility,
  namespace: string,
): NonNullable<Visibility["defaultVisibility"]> {
  const object = inventory.object(refKey({ group: "", kind: "Namespace", namespace: "", name: namespace }));
  const labels = { ...object?.metadata.labels, "kubernetes.io/metadata.name": namespace };
  const policy = policies.find(({ matchingRules = [] }) =>
    matchingRules.every(({ namespaceSelector }) => holds(namespaceSelector, labels)),
  );
  return policy?.visibility ?? defaultVisibility;
}

function holds(
  { matchLabels = {}, matchExpressions = [] }: LabelSelectorSpec,
  labels: Record<string, string>,
): boolean {
  return (
    selects(matchLabels, labels) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        case "DoesNotExist":
          return value === undefined;
      }
    })
  );
}
