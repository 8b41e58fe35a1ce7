import { selectedBy, sidecarOf } from "../../../compile/imports.ts";
import { serviceFor } from "../../../compile/services.ts";
import { namespaceOf, qualified, viewerNamespace } from "../../../compile/view.ts";
import { accountsWith } from "../../../compile/viewer.ts";
import type { Viewer, World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkSidecar, Sidecar, type SidecarSpec } from "../../../resources/sidecar.ts";
import { networkingKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkCallerLabels } from "../caller-labels.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const SIDECAR = networkingKind({
  kind: "Sidecar",
  plural: "sidecars",
  shortNames: [],
  reader: reader(Sidecar, checkSidecar),
  entries: (object) => [["sidecar", namespaceOf(object)]],
  check: checkAmongOthers,
  descriptions: DESCRIPTIONS,
});

/** Whether its proxy is there, and whether an older one stands in front of its callers. */
function checkAmongOthers(world: World, object: KubeObject): readonly Finding[] {
  return [...checkProxy(world, object), ...checkCallers(world, object)];
}

function checkProxy(world: World, object: KubeObject): readonly Finding[] {
  const { egressProxy } = (object.spec as SidecarSpec).outboundTrafficPolicy ?? {};
  if (egressProxy === undefined) return [];
  const namespace = namespaceOf(object);
  const host = qualified(egressProxy.host, namespace);
  const ports = serviceFor(world, host, namespace)?.ports ?? [];
  if (ports.some(({ number }) => number === egressProxy.port.number)) return [];
  const message = `there is no service \`${host}\` with port ${egressProxy.port.number} yet: all calls to hosts that are not seen are answered with 503`;
  return [warningAt("spec.outboundTrafficPolicy.egressProxy", message, "TULLE0102")];
}

function checkCallers(world: World, object: KubeObject): readonly Finding[] {
  const namespace = namespaceOf(object);
  const labels = selectedBy(object);
  if (labels === null || Object.keys(labels).length === 0) return older(world, object, namespace, "metadata.name");
  const field = "spec.workloadSelector.labels";
  const callers = accountsWith(world, labels).filter((account) => viewerNamespace(account) === namespace);
  return [
    ...checkCallerLabels(world, labels, namespace, field),
    ...callers.flatMap((account) => older(world, object, account, field)),
  ];
}

function older(world: World, object: KubeObject, viewer: Viewer, field: string): readonly Finding[] {
  const holding = sidecarOf(world, viewer);
  if (holding === null || holding.metadata.name === object.metadata.name) return [];
  return [
    warningAt(
      field,
      `no effect on callers of \`${viewer}\`: \`${holding.metadata.name}\`, which is older, is for them, too`,
      "TULLE0320",
    ),
  ];
}
