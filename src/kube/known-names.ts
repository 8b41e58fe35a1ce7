import type { DescribedKind } from "../compile/istio/described.ts";
import { servicesOf } from "../compile/services.ts";
import { editsWithin } from "../resources/nearest.ts";
import type { KubeObject } from "../resources/object.ts";
import type { TailFilter } from "../snapshot/tail-model.ts";

/** The kinds whose names each of these goes by. */
const KINDS: Readonly<Record<DescribedKind, readonly string[]>> = {
  service: ["Service", "ServiceEntry"],
  route: ["VirtualService"],
  policy: ["AuthorizationPolicy", "RequestAuthentication", "PeerAuthentication"],
  workload: ["WorkloadEntry"],
};

/** More help nobody reads. */
const MAX_NAMES = 3;
/** An edit distance takes the product of both lengths: so many names are compared at most, since writes wait meanwhile. */
const MAX_COMPARED = 5_000;

/**
 * What was probably meant by a name that there is not: the same in another namespace, or one that is spelled like it.
 *
 * @param objects all of the mesh
 * @param reader the only namespace whose names are told; null: all
 * @returns `namespace/name`, the likeliest first
 */
export function namesLike(
  objects: Iterable<KubeObject>,
  kind: DescribedKind,
  namespace: string,
  name: string,
  reader: string | null,
): readonly string[] {
  const found = new Map<string, number>();
  let compared = 0;
  for (const object of objects) {
    const { name: known, namespace: of = "" } = object.metadata;
    if (!KINDS[kind].includes(object.kind) || (reader !== null && of !== reader)) continue;
    const edits = editsWithin(name, known);
    // Half an edit: where two are alike, that of the same namespace is meant.
    if (edits !== null) found.set(`${of}/${known}`, edits + (of === namespace ? 0 : 0.5));
    compared += 1;
    if (compared >= MAX_COMPARED) break;
  }
  const ranked = [...found].toSorted(([a, edits], [b, more]) => edits - more || (a < b ? -1 : 1));
  return ranked.slice(0, MAX_NAMES).map(([known]) => known);
}

/**
 * Conditions of a tail that no request can meet as the mesh is now. What they name may come to be, so they are no error.
 *
 * @param reader the only namespace that is told of: of others it is not said what they have; null: all
 * @param isSeen whether an object of another namespace is exported to the reader: one that is not is as good as not there
 * @returns a sentence for each
 */
export function unmetConditions(
  objects: Iterable<KubeObject>,
  { service, route, policy }: TailFilter,
  reader: string | null,
  isSeen: (object: KubeObject) => boolean,
): readonly string[] {
  const all = [...objects];
  const unmet: string[] = [];
  const isTold = (namespace: string): boolean => reader === null || namespace === reader;
  const has = (kind: DescribedKind, isMeant: (object: KubeObject) => boolean): boolean =>
    all.some((object) => KINDS[kind].includes(object.kind) && isMeant(object));
  const isKnown = (object: KubeObject): boolean =>
    reader === null || object.metadata.namespace === reader || isSeen(object);
  if (service !== undefined && (reader === null || service.split(".")[1] === reader)) {
    const isMeant = (host: string): boolean => host === service || host.startsWith(`${service}.`);
    const [name = "", namespace = ""] = service.split(".");
    if (!has("service", (object) => servicesOf(object).some(({ host }) => isMeant(host)) && isKnown(object)))
      unmet.push(missing(all, "service", service, [namespace, name], reader));
  }
  for (const [kind, value] of [
    ["route", route],
    ["policy", policy],
  ] as const) {
    if (value === undefined) continue;
    const [namespace = "", name] = value.split("/");
    const isNamed = ({ metadata }: KubeObject): boolean =>
      metadata.namespace === namespace && (name === undefined || metadata.name === name);
    if (!isTold(namespace))
      unmet.push(`what a ${kind} of namespace \`${namespace}\` does is not shown to this token: no request meets that`);
    else if (!has(kind, isNamed)) unmet.push(missing(all, kind, value, [namespace, name ?? ""], reader));
  }
  return unmet;
}

function missing(
  objects: readonly KubeObject[],
  kind: DescribedKind,
  value: string,
  [namespace, name]: readonly [string, string],
  reader: string | null,
): string {
  const near = didYouMean(namesLike(objects, kind, namespace, name, reader));
  return `there is no ${kind} \`${value}\`, and until there is no request meets that${near}`;
}

/** The end of a message that says that there is no such name. */
export function didYouMean(names: readonly string[]): string {
  if (names.length === 0) return "";
  return `; did you mean ${names.map((name) => `\`${name}\``).join(" or ")}?`;
}
