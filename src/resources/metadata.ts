import { z } from "zod";
import { checkAnnotations } from "./annotations.ts";
import { later, strict, text } from "./fields.ts";
import type { KindInfo } from "./kinds.ts";
import { isDnsLabel, isDnsSubdomain, isLabelKey, labels, namespaceName } from "./names.ts";
import type { ObjectMeta } from "./object.ts";
import type { Report } from "./report.ts";
import { readShape } from "./shape.ts";

/** As in Kubernetes: the sum of all keys and values, in bytes of UTF-8. */
export const MAX_ANNOTATIONS = 262_144;

const annotationKey = text(
  (key) => isLabelKey(key.toLowerCase()),
  "a name of letters, digits, `-`, `_` and `.`, at most 63, after an optional DNS prefix and `/`",
);

const shape = {
  name: z.string(),
  namespace: namespaceName.exactOptional(),
  uid: z.string().exactOptional(),
  resourceVersion: z.string().exactOptional(),
  generation: z.int().exactOptional(),
  creationTimestamp: z.string().exactOptional(),
  deletionTimestamp: z.string().exactOptional(),
  deletionGracePeriodSeconds: z.int().exactOptional(),
  selfLink: z.string().exactOptional(),
  labels: labels.exactOptional(),
  annotations: z.record(annotationKey, z.string()).exactOptional(),
  managedFields: z.array(z.unknown()).exactOptional(),
  finalizers: z.array(z.string()).exactOptional(),
  ownerReferences: z.array(z.unknown()).exactOptional(),
};
const Metadata = strict(shape, { generateName: later("give it a `name`") });
const CoreMetadata = z.looseObject(shape);

/** Istio (1.30) reads it on policies of Gateway API: elsewhere whoever wrote it expects the object to have no effect. */
const IGNORED_ATTACHMENT = "istio.io/ignore-policy-attachment";

/** Kinds whose names become one label of a host name. */
const LABEL_NAMED = new Set(["Namespace", "Service"]);

/** Checks `metadata` by the rules of Kubernetes; null where there was an error. */
export function readMetadata(input: unknown, info: KindInfo, report: Report): ObjectMeta | null {
  const metadata = readShape(info.core ? CoreMetadata : Metadata, withEmptyTexts(input), report);
  if (metadata === null) return null;
  const { name, namespace, annotations = {}, finalizers = [], ownerReferences = [] } = metadata;
  const isName = LABEL_NAMED.has(info.kind) ? isDnsLabel : isDnsSubdomain;
  if (name === "") report.at("name").error("is required", "FieldValueRequired");
  else if (!isName(name))
    report
      .at("name")
      .error(
        LABEL_NAMED.has(info.kind)
          ? "must be lower case letters, digits and `-`, beginning and ending with a letter or digit, at most 63 (RFC 1123 label)"
          : "must be lower case letters, digits, `-` and `.`, beginning and ending with a letter or digit, at most 253 (RFC 1123 subdomain)",
      );
  if (!info.namespaced && namespace !== undefined)
    report.at("namespace").error(`a ${info.kind} stands in no namespace; leave it out`);

  if (annotationsSize(annotations) > MAX_ANNOTATIONS)
    report.at("annotations").error(`must not hold more than ${MAX_ANNOTATIONS} bytes`);
  checkAnnotations(annotations, info, report.at("annotations"));
  if (!info.core) {
    if (annotations[IGNORED_ATTACHMENT] !== undefined)
      report
        .at("annotations", IGNORED_ATTACHMENT)
        .error(`leaves out a BackendTLSPolicy, and no ${info.kind}; take it away`, "FieldValueNotSupported");
    if (finalizers.length > 0)
      report.at("finalizers").warn("stored, without effect: deleting removes the object at once", "TULLE0003");
    if (ownerReferences.length > 0)
      report
        .at("ownerReferences")
        .warn(
          "stored, without effect: of all objects only a WorkloadGroup takes its WorkloadEntries along",
          "TULLE0003",
        );
  }
  return metadata;
}

/** Kubernetes reads a label or an annotation that is null as an empty one; some of its clients write them so, others send null. */
function withEmptyTexts(input: unknown): unknown {
  if (typeof input !== "object" || input === null) return input;
  const filled = { ...input } as Record<string, unknown>;
  for (const field of ["labels", "annotations"]) {
    const texts = filled[field];
    if (typeof texts !== "object" || texts === null || Array.isArray(texts)) continue;
    filled[field] = Object.fromEntries(Object.entries(texts).map(([key, value]) => [key, value ?? ""]));
  }
  return filled;
}

/** What Kubernetes limits: the bytes of all names and values together. */
export function annotationsSize(annotations: Readonly<Record<string, string>>): number {
  return new TextEncoder().encode(Object.entries(annotations).flat().join("")).length;
}
