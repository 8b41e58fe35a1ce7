import type { DecisionRecord } from "../../src/decide/decision-record.ts";
import { type Sight, partiesOf, sightOf } from "../../src/telemetry/visibility.ts";
import type { FoundRecord } from "./record-rings.ts";

/** Stands for a refusal by the other side's policies. */
const REFUSED = "refused";

/** How much of a record an account sees. @param trustDomains the mesh's own, its aliases with it */
export function sightOfRecord(
  { scope, facts, came, destination }: DecisionRecord,
  namespace: string | null,
  trustDomains: readonly string[],
): Sight {
  const principal = facts?.peer.principal ?? came?.principal ?? null;
  return sightOf(partiesOf(scope, principal, destination, trustDomains), { namespace });
}

/** Those that an account may see, as it may see them (R21). @param namespace the only one that it reaches; null: all */
export function shownRecords(
  records: readonly FoundRecord[],
  namespace: string | null,
  trustDomains: readonly string[],
): readonly FoundRecord[] {
  if (namespace === null) return records;
  return records.flatMap((found) => {
    const sight = sightOfRecord(found.record, namespace, trustDomains);
    if (sight === "nothing") return [];
    return sight === "whole" ? [found] : [{ ...found, record: asItsCaller(found.record, namespace) }];
  });
}

/** What was decided by shows the other side's policies: names of their tests, claims that they look at. */
function asItsCaller(record: DecisionRecord, namespace: string): DecisionRecord {
  const { readings: _, ...rest } = record;
  const { outcome } = record;
  const isOwn = (name: string | null): boolean => name !== null && name.startsWith(`${namespace}/`);
  const isVerdict = outcome.flag.split(",").includes("UAEX") && !isOwn(outcome.policy);
  return {
    ...rest,
    slice: null,
    facts: null,
    outcome: {
      ...outcome,
      verdict: isVerdict ? REFUSED : outcome.verdict,
      details: isVerdict ? REFUSED : outcome.details,
      policy: isOwn(outcome.policy) ? outcome.policy : null,
      route: isOwn(outcome.route) ? outcome.route : null,
      requestPrincipal: null,
    },
  };
}
