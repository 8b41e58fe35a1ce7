import { isEgressAllowed } from "../../../compile/addresses.ts";
import { policyEntries } from "../../../compile/entries.ts";
import type { World } from "../../../compile/world.ts";
import { discoveryUri } from "../../../resources/discovery.ts";
import { errorAt, type Finding } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import {
  checkRequestAuthentication,
  RequestAuthentication,
  type RequestAuthenticationSpec,
} from "../../../resources/request-authentication.ts";
import { securityKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkSelector } from "../selectors.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const REQUEST_AUTHENTICATION = securityKind({
  kind: "RequestAuthentication",
  plural: "requestauthentications",
  shortNames: ["ra"],
  reader: reader(RequestAuthentication, checkRequestAuthentication),
  entries: policyEntries("request-authentication"),
  check: (world, object) => [...checkKeySets(world, object), ...checkSelector(world, object)],
  descriptions: DESCRIPTIONS,
});

function checkKeySets(world: World, object: KubeObject): readonly Finding[] {
  const { jwtRules = [] } = object.spec as RequestAuthenticationSpec;
  return jwtRules.flatMap(({ issuer, jwks, jwksUri }, index) => {
    const uri = jwksUri ?? (jwks === undefined ? discoveryUri(issuer) : null);
    const url = uri === null ? null : URL.parse(uri);
    // Plain http is left by the schema for loopback in the local mesh alone.
    if (url === null || url.protocol === "http:" || isEgressAllowed(world, url.hostname)) return [];
    const message = `\`${url.hostname}\` is not on \`egress.allowedHosts\` of the MeshConfig; its administrator can add it`;
    const field = jwksUri === undefined ? "issuer" : "jwksUri";
    return [errorAt(`spec.jwtRules[${index}].${field}`, message, "TULLE0111")];
  });
}
