import { canonicalPath } from "../routing/canonical-path.ts";
import type { PoolSettings } from "../snapshot/model.ts";
import type { LinkedSlice } from "../snapshot/link.ts";
import { type Health, nextAttempt } from "./attempts.ts";
import type { DecisionRecord, Readings } from "./decision-record.ts";
import { decide } from "./decide.ts";
import { Explanation, plainStage } from "./stages.ts";
import type { Decision, Forward } from "./types.ts";
import { readFacts } from "./written.ts";

/** What of a record is needed to decide again: nothing of what came of it. */
export type Recorded = Pick<DecisionRecord, "facts" | "came" | "readings">;

/** What is decided again of a record. */
export interface Verdict {
  /** `forward`, or the code of the gateway's answer. */
  readonly verdict: string;
  readonly policy: string | null;
  /** Null: it was answered before its rules were asked, or a fact is missing. */
  readonly decision: Decision | null;
}

/**
 * Decides on a recorded request once more, by the slice that decided then, and tells what was looked at.
 *
 * @returns null where the record holds nothing to decide by
 * @throws ConclusionMissing where the slice is another one, which wants to know what the record does not say
 */
export function explainRecord(slice: LinkedSlice, record: Recorded, into: Explanation): Verdict | null {
  const { facts: written, came, readings } = record;
  if (written === null) {
    const path = came === undefined ? null : canonicalPath(came.path, slice.model.path);
    if (path === null || path.ok) return null;
    into.stages.push(plainStage("request", "refused", `the path cannot be read in one way only: ${path.error.code}`));
    return { verdict: path.error.code, policy: null, decision: null };
  }
  const facts = readFacts(slice, written);
  into.sawFacts(facts);
  const decision = decide(slice, facts, into);
  if (decision.effect === "need") {
    into.stages.push(plainStage("custom", "unknown", "the call ended before all facts were there"));
    return null;
  }
  if (decision.effect === "answer") return { verdict: decision.code, policy: decision.policy, decision };
  return admitted(decision, readings, facts.seed, into);
}

/** What breakers and the endpoints' own policies make of a request that may be sent on. */
function admitted(forward: Forward, readings: Readings | undefined, seed: number, into: Explanation): Verdict {
  if (readings === undefined) return { verdict: "forward", policy: null, decision: forward };
  if (readings.picked !== null) {
    into.stages.push(plainStage("endpoint", "passed", `${readings.picked} was picked`));
    return { verdict: "forward", policy: null, decision: forward };
  }
  const { ejected, unhealthy, running, waiting } = readings;
  const next = nextAttempt(forward, [], healthOf(readings), seed);
  if (next.kind === "answer") {
    const { code, policy } = next.answer;
    const why = `of the endpoints ${ejected.length} are ejected for this caller, ${unhealthy.length} out by their probes`;
    into.stages.push(plainStage("breakers", "refused", `${code}: ${why}`));
    return { verdict: code, policy, decision: next.answer };
  }
  const counts = `${running} calls run and ${waiting} wait`;
  if (isFull(forward.cluster.model.pool, running, waiting)) {
    into.stages.push(plainStage("breakers", "refused", `overflow: ${counts}`));
    return { verdict: "overflow", policy: null, decision: forward };
  }
  into.stages.push(plainStage("breakers", "passed", counts));
  return { verdict: "forward", policy: null, decision: forward };
}

function healthOf({ ejected, unhealthy }: Extract<Readings, { readonly picked: null }>): Health {
  return {
    isEjected: ({ id }) => ejected.includes(id),
    isUnhealthy: ({ id }) => unhealthy.includes(id),
    active: new Map(),
    turn: 0,
    now: 0,
    whereabouts: null,
  };
}

/** As the pool judges (src/resilience/pool.ts) when nobody's slot is overdue. */
function isFull({ maxConnections, maxRequests, maxPending }: PoolSettings, running: number, waiting: number): boolean {
  const limit = Math.min(maxConnections ?? Number.POSITIVE_INFINITY, maxRequests ?? Number.POSITIVE_INFINITY);
  if (waiting === 0 && running < limit) return false;
  return waiting >= (maxPending ?? Number.POSITIVE_INFINITY);
}
