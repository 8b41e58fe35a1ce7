import { policyEntries } from "../../../compile/entries.ts";
import { APIKeyPolicy, checkAPIKeyPolicy } from "../../../resources/api-key-policy.ts";
import { AGE, field } from "../../columns.ts";
import { checkSelector } from "../../istio/selectors.ts";
import { meshKind } from "../../kind.ts";
import { reader } from "../../reader.ts";
import { DESCRIPTIONS } from "./descriptions.ts";

/** Its keys are of its own namespace: nobody's policy takes another's. */
export const API_KEY_POLICY = meshKind({
  group: "tulle.dev",
  version: "v1alpha1",
  versions: ["v1alpha1"],
  kind: "APIKeyPolicy",
  plural: "apikeypolicies",
  shortNames: ["akp"],
  categories: ["all"],
  reader: reader(APIKeyPolicy, checkAPIKeyPolicy),
  entries: policyEntries("api-key"),
  check: checkSelector,
  columns: [
    field("Header", "Where clients send the key; `x-api-key` where it is empty.", "spec", "header"),
    field("Presence", "Whether there must be one; `Required` where it is empty.", "spec", "presence"),
    AGE,
  ],
  descriptions: DESCRIPTIONS,
});
