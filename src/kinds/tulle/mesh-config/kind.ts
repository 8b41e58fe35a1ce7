import { GATEWAY_NAMESPACE, namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { errorAt, type Finding } from "../../../resources/finding.ts";
import { checkMeshConfig, MeshConfig, type MeshConfigSpec } from "../../../resources/mesh-config.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { meshKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const MESH_CONFIG = meshKind({
  group: "tulle.dev",
  version: "v1alpha1",
  versions: ["v1alpha1"],
  kind: "MeshConfig",
  plural: "meshconfigs",
  shortNames: [],
  categories: ["all"],
  reader: reader(MeshConfig, checkMeshConfig),
  entries: (object) => [["mesh-config", namespaceOf(object)]],
  check: checkSettings,
  descriptions: DESCRIPTIONS,
});

function checkSettings(world: World, object: KubeObject): readonly Finding[] {
  const { trustDomain } = object.spec as MeshConfigSpec;
  const findings: Finding[] = [];
  if (namespaceOf(object) !== GATEWAY_NAMESPACE)
    findings.push(
      errorAt("metadata.namespace", `the mesh's settings stand in namespace \`${GATEWAY_NAMESPACE}\``, "TULLE0006"),
    );
  if (trustDomain !== undefined && trustDomain !== world.trustDomain)
    findings.push(
      errorAt(
        "spec.trustDomain",
        `the mesh was deployed with \`${world.trustDomain}\`, which its certificates carry; set the variable TRUST_DOMAIN of control and deploy it again`,
        "TULLE0006",
      ),
    );
  return findings;
}
