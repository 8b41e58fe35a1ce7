import type { DecisionRecord } from "../../src/decide/decision-record.ts";
import { type Sight, partiesOf, sightOf } from "../../src/telemetry/visibility.ts";
import type { FoundRecord } from "./record-rings.ts";
import type { RecordWish } from "./records.ts";

/** Stands for a refusal by the other side's policies. */
const REFUSED = "refused";

/** How much of a record an account sees. @param trustDomains the mesh's own, its aliases with it */
export function sightOfRecord(
  record: DecisionRecord,
  namespace: string | null,
  trustDomains: readonly string[],
): Sight {
  const { scope, destination } = record;
  return sightOf(partiesOf(scope, callerOf(record), destination, trustDomains), { namespace });
}

function callerOf({ facts, came }: DecisionRecord): string | null {
  return facts?.peer.principal ?? came?.principal ?? null;
}

type Hidden = Pick<RecordWish, "policy" | "code" | "principal">;

function isWanted({ outcome }: DecisionRecord, caller: string | null, { policy, code, principal }: Hidden): boolean {
  return (
    (policy === undefined || outcome.policy === policy) &&
    (code === undefined || outcome.details === code) &&
    (principal === undefined || caller === principal)
  );
}

/**
 * Those that an account may see, as it may see them (R21).
 *
 * @param namespace the only one that it reaches; null: all
 * @param wish conditions on what is not always shown
 */
export function shownRecords(
  records: readonly FoundRecord[],
  namespace: string | null,
  trustDomains: readonly string[],
  wish: Hidden = {},
): readonly FoundRecord[] {
  if (namespace === null) return records;
  return records.flatMap((found) => {
    const sight = sightOfRecord(found.record, namespace, trustDomains);
    if (sight === "nothing") return [];
    if (sight === "whole") return [found];
    const record = asItsCaller(found.record, namespace);
    // What is hidden must not be found out by a condition on it.
    return isWanted(record, callerOf(found.record), wish) ? [{ ...found, record }] : [];
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
