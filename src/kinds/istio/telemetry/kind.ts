import { policyEntries, selectorOf, targetsOf } from "../../../compile/entries.ts";
import type { Entries } from "../../../compile/inventory.ts";
import { knownProvider } from "../../../compile/istio/telemetry-providers.ts";
import { namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkTelemetry, Telemetry, type TelemetrySpec } from "../../../resources/telemetry.ts";
import { telemetryKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkOlder, checkSelector } from "../selectors.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const TELEMETRY = telemetryKind({
  kind: "Telemetry",
  plural: "telemetries",
  shortNames: ["telemetry"],
  reader: reader(Telemetry, checkTelemetry),
  entries,
  check: (world, object) => [
    ...checkSelector(world, object),
    ...checkOldest(world, object),
    ...checkProviders(world, object),
  ],
  descriptions: DESCRIPTIONS,
});

/** Those that are for workloads with labels, by their namespace. */
const WITH_LABELS = "telemetry-with-labels";

function* entries(object: KubeObject): Entries {
  yield* policyEntries("telemetry")(object);
  if (Object.keys(selectorOf(object)).length > 0) yield [WITH_LABELS, namespaceOf(object)];
}

/** Of several for a whole namespace the oldest holds. */
function checkOldest(world: World, object: KubeObject): readonly Finding[] {
  if (Object.keys(selectorOf(object)).length > 0) return checkOlder(world, object, WITH_LABELS);
  if (targetsOf(object).length > 0) return [];
  const [oldest] = world.inventory.of("telemetry", `${namespaceOf(object)}/`);
  if (!oldest || oldest.metadata.name === object.metadata.name) return [];
  const message = `\`${oldest.metadata.name}\` is for the whole namespace too; the older one holds`;
  return [warningAt("metadata.name", message, "TULLE0304")];
}

/** The mesh's settings may name them yet. */
function checkProviders(world: World, object: KubeObject): readonly Finding[] {
  const spec = object.spec as TelemetrySpec;
  return (["tracing", "metrics", "accessLogging"] as const).flatMap((part) =>
    (spec[part] ?? []).flatMap(({ providers = [] }, index) =>
      providers.flatMap(({ name }, at) => {
        if (knownProvider(world, part, name)) return [];
        const field = `spec.${part}[${index}].providers[${at}].name`;
        const message = `no \`extensionProviders\` of the mesh's settings that takes ${NOUNS[part]} has this name: nobody gets them`;
        return [warningAt(field, message, "TULLE0123")];
      }),
    ),
  );
}

const NOUNS = { tracing: "spans", metrics: "metrics", accessLogging: "lines of the log" };
