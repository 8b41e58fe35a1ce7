import { ConclusionMissing, type RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import { failedPart, type LinkedMatch } from "../routing/route-match.ts";
import type { LinkedRoute, LinkedSlice } from "../snapshot/link.ts";
import type { RouteMatch } from "../snapshot/model.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";
import type { RehearsalOutcome, Trace } from "./trace.ts";

/** One thing that was looked at on the way to a decision. */
export interface Step {
  readonly stage: "host" | "token" | "gateway" | "route" | "destination" | "filter" | "limit" | "mirror";
  readonly name: string;
  readonly outcome: string;
}

/** A table of routes may be long; who asks why reads no more of it. */
const MAX_MISSED = 100;

/** What a rehearsal does and until when, and what became of it. */
export function rehearsalText({ delayMs, abort, endsAt }: RehearsalModel, outcome: RehearsalOutcome): string {
  const end = new Date(endsAt).toISOString();
  if (outcome === "ended") return `the rehearsal ended at ${end}`;
  if (outcome === "other") return `the rehearsal is for requests with other headers, until ${end}`;
  const does = abort === undefined ? `a delay of ${delayMs ?? 0} ms` : `an abort with ${abortText(abort)}`;
  return `${does} rehearsed until ${end}${outcome === "hit" ? "" : " spares this request"}`;
}

function abortText({ status, grpcStatus }: NonNullable<RehearsalModel["abort"]>): string {
  return grpcStatus === undefined ? String(status) : `${status}, of gRPC ${grpcStatus}`;
}

/** Writes down what `decide` tells. */
export function traceInto(steps: Step[]): Trace & Required<Pick<Trace, "rehearsed">> {
  return {
    saw: (stage, name, outcome) => void steps.push({ stage, name, outcome }),
    rehearsed: (rehearsal, outcome) =>
      void steps.push({ stage: "filter", name: rehearsal.name, outcome: rehearsalText(rehearsal, outcome) }),
    routed: (slice, facts, tokens, matched) => void steps.push(...missedBlocks(slice, facts, tokens, matched)),
  };
}

/** The match blocks before the one that holds, each with what fails in it. */
function missedBlocks(
  slice: LinkedSlice,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  matched: LinkedMatch<LinkedRoute> | null,
): readonly Step[] {
  const all = slice.model.routes.flatMap((route) =>
    // A route without blocks has one that always holds.
    (route.matches.length === 0 ? [null] : route.matches).map((block) => ({ route, block })),
  );
  const end = all.findIndex(
    ({ route, block }) => route === matched?.route.model && (block === null || block === matched.model),
  );
  const missed = end < 0 ? all : all.slice(0, end);
  const steps = missed.slice(0, MAX_MISSED).flatMap(({ route: { name }, block }): Step[] => {
    const part = block && failureIn(block, facts, tokens, slice);
    return part === null ? [] : [{ stage: "route", name, outcome: part }];
  });
  const more = missed.length - MAX_MISSED;
  return more <= 0 ? steps : [...steps, { stage: "route", name: "others", outcome: `${more} more do not match` }];
}

function failureIn(
  block: RouteMatch,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  slice: LinkedSlice,
): string | null {
  try {
    const part = failedPart(block, facts, tokens, slice);
    return part === null ? null : `${part} does not match`;
  } catch (error) {
    if (error instanceof ConclusionMissing) return "the record does not say why it does not match";
    throw error;
  }
}
