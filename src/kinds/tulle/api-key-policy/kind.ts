import { policyEntries } from "../../../compile/entries.ts";
import { APIKeyPolicy, checkAPIKeyPolicy, DEFAULT_KEY_HEADER } from "../../../resources/api-key-policy.ts";
import { AGE, listOf, text, textOf, valueAt } from "../../columns.ts";
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
    text("Target", "Services or labels that it is for.", ({ spec }) => targetText(spec)),
    text("Header", "Where clients send the key.", ({ spec }) => textOf(valueAt(spec, "header")) || DEFAULT_KEY_HEADER),
    text("Presence", "Whether there must be one.", ({ spec }) => textOf(valueAt(spec, "presence")) || "Required"),
    AGE,
  ],
  descriptions: DESCRIPTIONS,
});

function targetText(spec: unknown): string {
  const refs = [...listOf(valueAt(spec, "targetRefs")), valueAt(spec, "targetRef")].map((ref) =>
    textOf(valueAt(ref, "name")),
  );
  const labels = Object.entries(Object(valueAt(spec, "selector", "matchLabels"))).map(
    ([name, value]) => `${name}=${textOf(value)}`,
  );
  return [...refs, ...labels].filter((part) => part !== "").join(",") || "all";
}
