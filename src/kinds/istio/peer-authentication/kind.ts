import { policyEntries, selectorOf } from "../../../compile/entries.ts";
import { namespaceOf, rootNamespace } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkPeerAuthentication, PeerAuthentication } from "../../../resources/peer-authentication.ts";
import { AGE, field } from "../../columns.ts";
import { securityKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkSelector } from "../selectors.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const PEER_AUTHENTICATION = securityKind({
  kind: "PeerAuthentication",
  plural: "peerauthentications",
  shortNames: ["pa"],
  reader: reader(PeerAuthentication, checkPeerAuthentication),
  entries: policyEntries("peer-authentication"),
  check: checkScope,
  columns: [field("Mode", "Whether callers must show a certificate.", "spec", "mtls", "mode"), AGE],
  descriptions: DESCRIPTIONS,
});

function checkScope(world: World, object: KubeObject): readonly Finding[] {
  const namespace = namespaceOf(object);
  const general = Object.keys(selectorOf(object)).length === 0;
  if (!general)
    return namespace === rootNamespace(world)
      ? [
          warningAt(
            "spec.selector",
            "ignored: in the root namespace only one without a selector has an effect",
            "TULLE0305",
          ),
        ]
      : checkSelector(world, object);
  const [oldest] = world.inventory.of("peer-authentication", `${namespace}/`);
  return oldest && oldest.metadata.name !== object.metadata.name
    ? [
        warningAt(
          "metadata.name",
          `\`${oldest.metadata.name}\` is for the whole namespace too; the older one holds`,
          "TULLE0304",
        ),
      ]
    : [];
}
