import { DRAW, draw } from "../request/draws.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { LinkedRehearsal } from "../routing/rehearsal.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";
import type { RehearsalOutcome, Trace } from "./trace.ts";

/** What rehearsals do to a request: it is answered by the first that aborts it, else held as long as the longest says. */
export interface Rehearsed {
  /** Null: none aborts it. */
  readonly aborted: RehearsalModel | null;
  /** 0: none holds it. */
  readonly heldMs: number;
}

const NOTHING: Rehearsed = { aborted: null, heldMs: 0 };

/**
 * Each by its own draw, of the ones that run. Now is when the request came, which its record holds: so a rehearsal ends by itself,
 * and a replay sees what ran then.
 *
 * @param rehearsals those that end last first
 * @param facts the request as it was routed
 */
export function rehearsed(
  rehearsals: readonly LinkedRehearsal[],
  facts: RequestFacts,
  trace: Trace | undefined,
): Rehearsed {
  let held: RehearsalModel | null = null;
  for (let at = 0; at < rehearsals.length; at += 1) {
    const rehearsal = rehearsals[at];
    if (rehearsal === undefined) break;
    const { model } = rehearsal;
    const outcome = outcomeOf(rehearsal, at, facts);
    // Those that follow ended before it.
    if (outcome === "ended" && trace === undefined) break;
    trace?.rehearsed?.(model, outcome);
    if (outcome !== "hit") continue;
    if (model.abort !== undefined) return { aborted: model, heldMs: 0 };
    if ((model.delayMs ?? 0) > (held?.delayMs ?? 0)) held = model;
  }
  return held === null ? NOTHING : { aborted: null, heldMs: held.delayMs ?? 0 };
}

function outcomeOf({ model, isFor }: LinkedRehearsal, at: number, facts: RequestFacts): RehearsalOutcome {
  if (facts.startedAt >= model.endsAt) return "ended";
  if (isFor !== null && !isFor(facts, NO_TOKENS)) return "other";
  return draw(facts.seed, DRAW.rehearsal, at) < model.share ? "hit" : "spared";
}

const NO_TOKENS: readonly never[] = [];
