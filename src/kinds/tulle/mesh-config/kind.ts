import { isEgressAllowed } from "../../../compile/addresses.ts";
import { placeOf } from "../../../compile/authorizers.ts";
import { POINTER } from "../../../compile/istio/trust-domains.ts";
import { GATEWAY_NAMESPACE, namespaceOf } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { errorAt, type Finding, warningAt } from "../../../resources/finding.ts";
import { checkMeshConfig, MeshConfig, type MeshConfigSpec } from "../../../resources/mesh-config.ts";
import { isAllowedHost } from "../../../resources/address.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { signInKeysAt } from "../../../resources/sign-in.ts";
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
  const { trustDomain, signIn, egress, federation = [], extensionProviders = [] } = object.spec as MeshConfigSpec;
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
  for (const [index, entry] of (signIn ?? []).entries()) {
    const url = URL.parse(signInKeysAt(entry));
    // Plain http is left by the schema for loopback in the local mesh alone.
    if (url === null || url.protocol === "http:" || isAllowedHost(egress?.allowedHosts ?? [], url.hostname)) continue;
    const field = `spec.signIn[${index}].${entry.jwksUri === undefined ? "issuer" : "jwksUri"}`;
    findings.push(errorAt(field, `\`${url.hostname}\` is not on \`egress.allowedHosts\`: add it`, "TULLE0111"));
  }
  return [...findings, ...checkFederation(world, federation), ...checkCollectors(world, extensionProviders)];
}

/** The service may come yet. */
function checkCollectors(
  world: World,
  providers: NonNullable<MeshConfigSpec["extensionProviders"]>,
): readonly Finding[] {
  return providers.flatMap(({ opentelemetry, envoyOtelAls }, index) => {
    const place = `spec.extensionProviders[${index}]`;
    const missing = (
      of: { readonly service: string; readonly port: number } | undefined,
      field: string,
      what: string,
    ) =>
      of === undefined || placeOf(world, of.service, of.port) !== null
        ? []
        : [
            warningAt(
              `${place}.${field}.service`,
              `there is no service \`${of.service}\` with port ${of.port}: ${what} for it are dropped`,
              "TULLE0122",
            ),
          ];
    return [
      ...missing(opentelemetry, "opentelemetry", "spans"),
      ...missing(envoyOtelAls, "envoyOtelAls", "lines of the log"),
    ];
  });
}

function checkFederation(world: World, federation: NonNullable<MeshConfigSpec["federation"]>): readonly Finding[] {
  return federation.flatMap(({ trustDomain, bundleEndpointURL }, index) => {
    const place = `spec.federation[${index}]`;
    if (trustDomain === world.trustDomain)
      return [errorAt(`${place}.trustDomain`, `\`${trustDomain}\` is the mesh's own: nobody else may speak for it`)];
    if (trustDomain === POINTER)
      return [
        errorAt(
          `${place}.trustDomain`,
          `policies mean the mesh's own trust domain by \`${POINTER}\`: a rule for it would let the other side in, too`,
        ),
      ];
    const url = URL.parse(bundleEndpointURL);
    // Plain http is left by the schema for loopback in the local mesh alone.
    if (url === null || url.protocol === "http:" || isEgressAllowed(world, url.hostname)) return [];
    const message = `\`${url.hostname}\` is not on \`egress.allowedHosts\`; add it there`;
    return [errorAt(`${place}.bundleEndpointURL`, message, "TULLE0111")];
  });
}
