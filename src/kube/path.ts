import type { Kind } from "../kinds/kind.ts";
import { findResource } from "../kinds/registry.ts";

/** What a path below `/k8s` names. */
export interface ResourcePath {
  readonly info: Kind;
  /** As asked for: objects are answered with it. */
  readonly apiVersion: string;
  /** Null: all namespaces, or a kind that has none. */
  readonly namespace: string | null;
  /** Null: the collection. */
  readonly name: string | null;
  readonly status: boolean;
}

/** @param segments decoded, below `/k8s`; null where they name nothing that is served */
export function resourcePath(segments: readonly string[]): ResourcePath | null {
  const [root, ...rest] = segments;
  if (root === "api") return inGroup("", rest);
  const [group, ...version] = rest;
  return root === "apis" && group !== undefined && group !== "" ? inGroup(group, version) : null;
}

function inGroup(group: string, [version = "", ...rest]: readonly string[]): ResourcePath | null {
  const apiVersion = group === "" ? version : `${group}/${version}`;
  // `/namespaces/x` alone is the Namespace itself; with more behind it, it says where that stands.
  const inNamespace = rest[0] === "namespaces" && rest.length >= 3 && rest[2] !== "status";
  const namespace = inNamespace ? (rest[1] ?? "") : null;
  const [plural = "", name = null, sub, ...more] = inNamespace ? rest.slice(2) : rest;
  const info = findResource(group, version, plural);
  const complete = more.length === 0 && namespace !== "" && name !== "" && (sub === undefined || sub === "status");
  if (!info || !complete) return null;
  if (info.namespaced ? namespace === null && name !== null : namespace !== null) return null;
  return { info, apiVersion, namespace, name, status: sub === "status" };
}
