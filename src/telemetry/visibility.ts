import type { Parties } from "../snapshot/tail-model.ts";
import type { AccessRecord } from "./record.ts";

/** Who looks: an account, as far as it counts here. */
export interface Viewer {
  /** The only one that it reaches; null: all. */
  readonly namespace: string | null;
}

/** How much of a request somebody sees. */
export type Sight = "whole" | "caller" | "nothing";

/**
 * @param scope of the record: `gw/ns/name/port` for what came through a Gateway
 * @param principal of the caller, without the scheme; null: none is proven
 * @param destination namespace of what was called; null: the request ended before that was known
 * @param trustDomains the mesh's own, its aliases with it: what another calls `ns/shop` is not ours
 */
export function partiesOf(
  scope: string,
  principal: string | null,
  destination: string | null,
  trustDomains: readonly string[],
): Parties {
  const [, gateway = null] = /^gw\/([^/]+)\//.exec(scope) ?? [];
  const [, domain = "", caller = null] = /^([^/]+)\/ns\/([^/]+)\/sa\/[^/]+$/.exec(principal ?? "") ?? [];
  const sources = [gateway, trustDomains.includes(domain) ? caller : null].filter((name) => name !== null);
  return { destination: destination ?? gateway, sources };
}

/** A namespace sees requests to its workloads whole, those from them as their caller, and others not at all. */
export function sightOf({ destination, sources }: Parties, { namespace }: Viewer): Sight {
  if (namespace === null || destination === namespace) return "whole";
  return sources.includes(namespace) ? "caller" : "nothing";
}

/** What a caller learns of any refusal by the other side's policies; the status stands beside it. */
const REFUSED = "refused";

/**
 * A request as its caller's side may see it: without the other side's policies, what they concluded, and names of its objects
 * (R21). Its own Gateway's policies and routes stay.
 */
export function asItsCaller(record: AccessRecord, namespace: string): AccessRecord {
  const { audit: _, dry_run: __, observed: ___, stat_prefix: prefix, ...rest } = record;
  const isOwn = (name: string | null): boolean => name !== null && name.startsWith(`${namespace}/`);
  const isOwnVerdict = isOwn(record.policy);
  const isVerdict = record.response_flags.split(",").includes("UAEX");
  const isOwnRoute = isOwn(record.route) || (record.route !== null && !record.route.includes("/"));
  return {
    ...rest,
    details: isVerdict && !isOwnVerdict ? REFUSED : record.details,
    policy: isOwnVerdict ? record.policy : null,
    request_principal: null,
    route: isOwnRoute ? record.route : null,
    mirrors: isOwnRoute ? record.mirrors : 0,
    ...(isOwnRoute && prefix !== undefined && { stat_prefix: prefix }),
  };
}

/** @returns what of a request an account is shown; null: nothing */
export function seenBy(record: AccessRecord, parties: Parties, { namespace }: Viewer): AccessRecord | null {
  switch (sightOf(parties, { namespace })) {
    case "whole":
      return record;
    case "caller":
      return namespace === null ? record : asItsCaller(record, namespace);
    case "nothing":
      return null;
  }
}
