import { DRAW, draw } from "../request/draws.ts";
import { ConclusionMissing } from "../request/facts.ts";
import type { LinkedCluster, LinkedMirror } from "../snapshot/link.ts";
import { answerOf } from "./answers.ts";
import type { Decision, MissingFact, Mirrored, Need } from "./types.ts";

/**
 * The copies that the draws ask for.
 *
 * @param judge what becomes of a copy that goes there
 */
export function drawMirrors(
  mirrors: readonly LinkedMirror[],
  seed: number,
  judge: (cluster: LinkedCluster) => Mirrored["copy"],
): readonly Mirrored[] {
  const drawn = mirrors.filter(({ share }, place) => draw(seed, DRAW.mirror, place) < share);
  return drawn.map(({ cluster }) => ({ cluster, copy: safely(judge, cluster) }));
}

/** A mistake about a copy is no reason to refuse the request itself. */
function safely(judge: (cluster: LinkedCluster) => Mirrored["copy"], cluster: LinkedCluster): Mirrored["copy"] {
  try {
    return judge(cluster);
  } catch (error) {
    if (error instanceof ConclusionMissing) throw error;
    return answerOf("decision_failed", null, null, cluster);
  }
}

/** Everything that is not known yet, of the request and of its copies: for whoever wants to know it all before. */
export function missingFacts(decision: Decision | Need): readonly MissingFact[] {
  if (decision.effect === "need") return decision.needs;
  if (decision.effect === "answer") return [];
  return decision.mirrors.flatMap(({ copy }) => (copy.effect === "need" ? copy.needs : []));
}
