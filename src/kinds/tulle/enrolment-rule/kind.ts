import { isEgressAllowed } from "../../../compile/addresses.ts";
import type { World } from "../../../compile/world.ts";
import { audienceOf, isOfKubernetes } from "../../../resources/enrolment-token.ts";
import { checkEnrolmentRule, EnrolmentRule, type EnrolmentRuleSpec } from "../../../resources/enrolment-rule.ts";
import { errorAt, type Finding } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { AGE, field } from "../../columns.ts";
import { meshKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

/** It stands in no namespace: who gets which identity is the mesh administrator's to say (R19). */
export const ENROLMENT_RULE = meshKind({
  group: "tulle.dev",
  version: "v1alpha1",
  versions: ["v1alpha1"],
  kind: "EnrolmentRule",
  plural: "enrolmentrules",
  shortNames: [],
  categories: ["all"],
  namespaced: false,
  reader: reader(EnrolmentRule, checkEnrolmentRule),
  check: (world, object) => [...checkAudience(world, object), ...checkEgress(world, object)],
  columns: [
    field("Issuer", "Who signs the tokens.", "spec", "issuer"),
    field("Subject", "Whose tokens they are.", "spec", "subject"),
    AGE,
  ],
  descriptions: DESCRIPTIONS,
});

function checkAudience(world: World, { spec }: KubeObject): readonly Finding[] {
  const { audience } = spec as EnrolmentRuleSpec;
  const own = audienceOf(world.trustDomain);
  if (audience === undefined || audience === own) return [];
  const why = isOfKubernetes(audience)
    ? "is what Kubernetes gives every service account: whoever sees such a token could enrol by it"
    : "is another one's: whoever else takes such tokens could enrol by them";
  return [errorAt("spec.audience", `\`${audience}\` ${why}; ask the issuer for tokens for \`${own}\``)];
}

function checkEgress(world: World, { spec }: KubeObject): readonly Finding[] {
  const { issuer, jwks, jwksUri } = spec as EnrolmentRuleSpec;
  if (jwks !== undefined) return [];
  const url = URL.parse(jwksUri ?? issuer);
  // Plain http is left by the schema for loopback in the local mesh alone.
  if (url === null || url.protocol === "http:" || isEgressAllowed(world, url.hostname)) return [];
  const message = `\`${url.hostname}\` is not on \`egress.allowedHosts\` of the MeshConfig; its administrator can add it`;
  return [errorAt(jwksUri === undefined ? "spec.issuer" : "spec.jwksUri", message, "TULLE0111")];
}
