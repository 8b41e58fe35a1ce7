import type { Described, DescribedKind } from "../compile/istio/described.ts";
import { isSecret, type KubeObject, refKey, refOf } from "../resources/object.ts";
import type { FoundFinding } from "./findings.ts";

interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** What the API answers to `GET /describe/...`. */
export interface Description {
  readonly kind: DescribedKind;
  readonly namespace: string;
  readonly name: string;
  readonly generation: number;
  readonly parts: readonly {
    readonly part: string;
    readonly value: string;
    readonly object: ObjectName;
    readonly field: string;
  }[];
  /** Parts that objects say which the reader does not read. */
  readonly hidden: number;
  readonly findings: readonly FoundFinding[];
  readonly gateways: readonly ServingGateway[];
}

/** A gateway that serves what is described. */
export interface ServingGateway {
  readonly gateway: string;
  /** Of its newest root; null: none was asked for. */
  readonly generation: number | null;
  /** The oldest that one of its isolates serves; null: it was not seen lately. */
  readonly have: number | null;
}

/**
 * What a reader is told: objects of other namespaces say things to a namespace's workloads, too, and its tokens do not read them.
 *
 * @param reader the only namespace that is read; null: all
 * @param findingsOf what is wrong with an object
 */
export function descriptionFor(
  { parts }: Described,
  reader: string | null,
  findingsOf: (object: KubeObject) => readonly FoundFinding[],
): Pick<Description, "parts" | "hidden" | "findings"> {
  const read = parts.filter(({ object }) => isRead(object, reader));
  const objects = new Map(read.map(({ object }) => [refKey(refOf(object)), object]));
  return {
    parts: read.map(({ part, value, object, field }) => ({ part, value, object: nameOf(object), field })),
    hidden: parts.length - read.length,
    findings: [...objects.values()].flatMap(findingsOf),
  };
}

function isRead(object: KubeObject, reader: string | null): boolean {
  const { namespace = "", name } = object.metadata;
  // A Namespace belongs to itself.
  const own = object.kind === "Namespace" ? name : namespace;
  return !isSecret(refOf(object)) && (reader === null || own === reader);
}

function nameOf({ apiVersion, kind, metadata }: KubeObject): ObjectName {
  return { apiVersion, kind, namespace: metadata.namespace ?? "", name: metadata.name };
}
