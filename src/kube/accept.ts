import { isSecret, type KubeObject, type ObjectMeta, refOf } from "../resources/object.ts";
import { LAST_APPLIED } from "./last-applied.ts";

/** Versions of `meta.k8s.io`; they differ in nothing but their name. */
export type MetaVersion = "v1" | "v1beta1";

/** Versions of `apidiscovery.k8s.io`; they differ in nothing but their name. */
export type DiscoveryVersion = "v2" | "v2beta1";

/** What an answer looks like. */
export type Form =
  | { readonly as: "json" }
  | { readonly as: "table"; readonly version: MetaVersion }
  /** Objects without spec and status: what garbage collectors and caches of names ask for. */
  | { readonly as: "metadata"; readonly version: MetaVersion }
  | { readonly as: "discovery"; readonly version: DiscoveryVersion };

/** One member of the header: `application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9`. */
interface MediaRange {
  /** Lower case. */
  readonly type: string;
  /** By their names in lower case; values as they stand, since Kubernetes' kinds are told apart by case. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

const JSON_TYPE = "application/json";
/** A bare `*` is what older Java clients send. */
const JSON_RANGES = new Set([JSON_TYPE, "application/*", "*/*", "*"]);

/**
 * Reads an `Accept` header: the first media range that can be served wins, those of a higher `q` before the others.
 * Parameters that say nothing of the form (`charset`, `profile`, `stream`) have no effect.
 *
 * @param accept as received; untrusted. Absent or empty means JSON
 * @param serves the forms that the path has besides plain JSON, which every path has
 * @returns null: the client reads nothing that is served (406), as where it wants protobuf alone
 * @see RFC 9110 §12.5.1; https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources
 */
export function acceptedForm<As extends Form["as"] = never>(
  accept: string | undefined,
  serves: readonly As[],
): Extract<Form, { readonly as: As | "json" }> | null {
  const isServed = (form: Form): form is Extract<Form, { readonly as: As | "json" }> =>
    form.as === "json" || serves.some((as) => as === form.as);
  const ranges = (accept ?? "").trim() === "" ? [JSON_TYPE] : (accept ?? "").split(",");
  const wanted = ranges
    .map(mediaRange)
    .filter(({ quality }) => quality > 0)
    .toSorted((a, b) => b.quality - a.quality);
  for (const range of wanted) {
    const form = formOf(range);
    if (form !== null && isServed(form)) return form;
  }
  return null;
}

function mediaRange(text: string): MediaRange {
  const [type = "", ...rest] = text.split(";").map((part) => part.trim());
  const parameters = new Map(
    rest.map((parameter) => {
      const [name = "", value = ""] = parameter.split("=", 2).map((part) => part.trim());
      return [name.toLowerCase(), value.replace(/^"(.*)"$/, "$1")];
    }),
  );
  const quality = Number(parameters.get("q") ?? "1");
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
}

/** Null: another media type, or a form that nothing here has. */
function formOf({ type, parameters }: MediaRange): Form | null {
  if (!JSON_RANGES.has(type)) return null;
  const [as, group, version] = [parameters.get("as"), parameters.get("g"), parameters.get("v")];
  if (as === undefined && group === undefined && version === undefined) return { as: "json" };
  if (group === "meta.k8s.io" && (version === "v1" || version === "v1beta1")) {
    if (as === "Table") return { as: "table", version };
    // Clients name the list for lists; what the answer holds is clear from the path.
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return { as: "metadata", version };
  }
  if (group === "apidiscovery.k8s.io" && (version === "v2" || version === "v2beta1"))
    if (as === "APIGroupDiscoveryList") return { as: "discovery", version };
  return null;
}

/** The `Content-Type` of an answer. Clients tell the two discovery forms apart by it alone. */
export function contentTypeOf(form: Form): string {
  if (form.as !== "discovery") return JSON_TYPE;
  return `${JSON_TYPE};g=apidiscovery.k8s.io;v=${form.version};as=APIGroupDiscoveryList`;
}

/** An object without all but its metadata. */
export interface PartialMetadata {
  readonly kind: "PartialObjectMetadata";
  readonly apiVersion: `meta.k8s.io/${MetaVersion}`;
  readonly metadata: ObjectMeta;
}

export function partialMetadata(object: KubeObject, version: MetaVersion): PartialMetadata {
  const metadata = isSecret(refOf(object)) ? withoutLastApplied(object.metadata) : object.metadata;
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata };
}

/** Of a Secret that annotation is the data, which is no metadata. */
function withoutLastApplied(metadata: ObjectMeta): ObjectMeta {
  const { annotations = {}, ...rest } = metadata;
  const { [LAST_APPLIED]: applied, ...others } = annotations;
  return applied === undefined ? metadata : { ...rest, annotations: others };
}

/** What a list says of itself. */
export interface ListMeta {
  readonly resourceVersion?: string;
  /** The token for the next page; absent on the last one. */
  readonly continue?: string;
}

export function partialMetadataList(objects: readonly KubeObject[], metadata: ListMeta, version: MetaVersion) {
  return {
    kind: "PartialObjectMetadataList",
    apiVersion: `meta.k8s.io/${version}`,
    metadata,
    items: objects.map((object) => partialMetadata(object, version)),
  } as const;
}
