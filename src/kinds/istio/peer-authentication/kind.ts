import { policyEntries, selectorOf } from "../../../compile/entries.ts";
import type { Entries } from "../../../compile/inventory.ts";
import { namespaceOf, rootNamespace } from "../../../compile/view.ts";
import type { World } from "../../../compile/world.ts";
import { type Finding, warningAt } from "../../../resources/finding.ts";
import type { KubeObject } from "../../../resources/object.ts";
import { checkPeerAuthentication, PeerAuthentication } from "../../../resources/peer-authentication.ts";
import { AGE, field } from "../../columns.ts";
import { securityKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { checkOlder, checkSelector } from "../selectors.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

export const PEER_AUTHENTICATION = securityKind({
  kind: "PeerAuthentication",
  plural: "peerauthentications",
  shortNames: ["pa"],
  reader: reader(PeerAuthentication, checkPeerAuthentication),
  entries,
  check: checkScope,
  columns: [field("Mode", "Whether callers must show a certificate.", "spec", "mtls", "mode"), AGE],
  descriptions: DESCRIPTIONS,
});

/** Those that are for workloads with labels, by their namespace. */
const WITH_LABELS = "peer-authentication-with-labels";

function* entries(object: KubeObject): Entries {
  yield* policyEntries("peer-authentication")(object);
  if (Object.keys(selectorOf(object)).length > 0) yield [WITH_LABELS, namespaceOf(object)];
}

function checkScope(world: World, object: KubeObject): readonly Finding[] {
  const namespace = namespaceOf(object);
  if (Object.keys(selectorOf(object)).length === 0) return checkOldest(world, object, namespace);
  if (namespace === rootNamespace(world)) {
    const message = "ignored: in the root namespace only one without a selector has an effect";
    return [warningAt("spec.selector", message, "TULLE0305")];
  }
  return [...checkSelector(world, object), ...checkOlder(world, object, WITH_LABELS)];
}

/** Of several for a whole namespace the oldest holds. */
function checkOldest(world: World, object: KubeObject, namespace: string): readonly Finding[] {
  const [oldest] = world.inventory.of("peer-authentication", `${namespace}/`);
  if (!oldest || oldest.metadata.name === object.metadata.name) return [];
  const message = `\`${oldest.metadata.name}\` is for the whole namespace too; the older one holds`;
  return [warningAt("metadata.name", message, "TULLE0304")];
}
