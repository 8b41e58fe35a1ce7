import { annotationsSize, MAX_ANNOTATIONS } from "../resources/metadata.ts";
import type { KubeObject } from "../resources/object.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import { isPlain } from "./field-set.ts";
import { plainCopy } from "./json-values.ts";

/** Where kubectl's client-side apply keeps what it applied; from it the next one works out what to remove. */
export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** The manager of a server-side apply by kubectl to which no other name was given. */
export const KUBECTL = "kubectl";

/** What client-side apply applied last; null where it did not, or where what stands there is no object. */
export function lastApplied(object: KubeObject | null): KubeObject | null {
  const text = object?.metadata.annotations?.[LAST_APPLIED];
  if (text === undefined) return null;
  try {
    const read = plainCopy(JSON.parse(text));
    return read.ok && isPlain(read.value) && isPlain(read.value["metadata"]) ? (read.value as KubeObject) : null;
  } catch {
    return null;
  }
}

/**
 * Records in an object that client-side apply knows what server-side apply applied to it, so that one may come after the
 * other. As in Kubernetes nothing stands there where it would be too long.
 */
export function withLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  const { annotations = {} } = object.metadata;
  if (!annotations[LAST_APPLIED]) return object;
  const own = Object.entries(applied.metadata.annotations ?? {}).filter(([name]) => name !== LAST_APPLIED);
  const configuration = { ...applied, metadata: { ...applied.metadata, annotations: Object.fromEntries(own) } };
  const recorded = { ...annotations, [LAST_APPLIED]: `${canonicalJson(configuration)}\n` };
  const kept = annotationsSize(recorded) > MAX_ANNOTATIONS ? { ...annotations, [LAST_APPLIED]: "" } : recorded;
  return { ...object, metadata: { ...object.metadata, annotations: kept } };
}
