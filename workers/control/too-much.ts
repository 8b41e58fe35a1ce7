import { MAX_SLICE_COST } from "../../src/match/regex-cost.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { type Finding, unsuppressed, warningAt } from "../../src/resources/finding.ts";
import type { KubeObject } from "../../src/resources/object.ts";

/** What makes the configuration more than gateways read. */
export type Oversized =
  | { readonly kind: "slice"; readonly place: string; readonly size: number }
  | { readonly kind: "cost"; readonly place: string; readonly patternCost: number }
  /** A namespace's Telemetry, by the programs of its patterns; null: the mesh's. */
  | { readonly kind: "programs"; readonly namespace: string | null; readonly size: number; readonly limit: number }
  /** All Telemetry together, in the root of a gateway. */
  | { readonly kind: "telemetry"; readonly gateway: string; readonly size: number };

/** All that is too much, by what it is about. */
export type Excess = ReadonlyMap<string, Oversized>;

export function excessOf(all: readonly Oversized[]): Excess {
  return new Map(all.map((one) => [aboutOf(one), one]));
}

function aboutOf(one: Oversized): string {
  const { kind } = one;
  if (kind === "programs") return `${kind} ${one.namespace ?? ""}`;
  return `${kind} ${kind === "telemetry" ? one.gateway : one.place}`;
}

function sizeOf(one: Oversized): number {
  return one.kind === "cost" ? one.patternCost : one.size;
}

/**
 * What a change makes too much, or more than it was. What is too much already, since it was stored before there was a bound or a gateway that
 * serves so much, keeps nobody from writing something else.
 *
 * @returns null where it does neither
 */
export function worse(before: Excess, after: Excess): Oversized | null {
  for (const [about, one] of after) {
    const was = before.get(about);
    if (was === undefined || sizeOf(one) > sizeOf(was)) return one;
  }
  return null;
}

/** What is to be said of a stored object, where it has a part in what is too much. */
export function partIn(excess: Excess, object: KubeObject): readonly Finding[] {
  if (excess.size === 0) return [];
  const parts = [...excess.values()].filter((one) => isPartOf(one, object));
  return unsuppressed(
    object.metadata,
    // What holds for several gateways is said once.
    [...new Set(parts.map((one) => tooMuch(one).message))].map((message) => warningAt("", message, "TULLE0012")),
  );
}

function isPartOf(one: Oversized, { kind, metadata, spec }: KubeObject): boolean {
  const { name, namespace = "" } = metadata;
  if (one.kind === "telemetry") return kind === "Telemetry";
  if (one.kind === "programs") return kind === "Telemetry" && (one.namespace === null || one.namespace === namespace);
  const host = one.place.slice(one.place.indexOf(" ") + 1);
  if (kind === "Service") return host === `${name}.${namespace}.svc.cluster.local`;
  if (kind !== "VirtualService" && kind !== "ServiceEntry") return false;
  const { hosts } = Object(spec) as { readonly hosts?: readonly string[] };
  return hosts?.some((own) => own === host || host === `${own}.${namespace}.svc.cluster.local`) ?? false;
}

/** No object by itself is wrong: together they are more than a gateway takes. */
export function tooMuch(oversized: Oversized): Status {
  switch (oversized.kind) {
    case "slice": {
      const message = `the configuration of \`${oversized.place}\` would be larger than a gateway reads; split the host`;
      return failure("RequestEntityTooLarge", message);
    }
    case "cost": {
      const { place, patternCost } = oversized;
      const message = `the regular expressions of \`${place}\` would cost ${patternCost} instructions of at most ${MAX_SLICE_COST}: make them simpler, or split the host`;
      return failure("Invalid", message);
    }
    case "programs": {
      const { namespace, size, limit } = oversized;
      const whose = namespace === null ? "of the whole mesh" : `of the namespace \`${namespace}\``;
      const message = `the regular expressions in the Telemetry ${whose} would take ${size} characters of every gateway's configuration, of at most ${limit}: use fewer, and smaller classes of characters`;
      return failure("Invalid", message);
    }
    case "telemetry": {
      const message = `all Telemetry together would be ${oversized.size} characters, which makes a gateway's configuration larger than it reads: say less, or to fewer namespaces`;
      return failure("RequestEntityTooLarge", message);
    }
  }
}
