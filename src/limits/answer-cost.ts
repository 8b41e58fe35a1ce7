import type { Value } from "../match/expression.ts";
import type { LimitAnswer } from "./limit-answer.ts";
import type { LimitAsk } from "./limit-book.ts";
import type { LimitsFact } from "./limits-fact.ts";

/** A limit that takes what an answer costs. */
export interface OwedAsk extends LimitAsk {
  readonly answerCost: (answer: LimitAnswer) => Value;
}

/** So much at most for one answer, as much as a limit may be: what a count holds stays a whole number. */
const MAX_COST = 10_000_000;

/** Which limits of a request that they let in are for its answer, too; null: none. */
export function owedBy(asks: readonly LimitAsk[], { limits }: LimitsFact): readonly OwedAsk[] | null {
  if (!asks.some(hasAnswerCost)) return null;
  if (limits.some(({ verdict }, at) => verdict !== "taken" && asks[at]?.audit !== true)) return null;
  const owed = asks.filter((_, at) => limits[at]?.verdict === "taken").filter(hasAnswerCost);
  return owed.length === 0 ? null : owed;
}

/** What cannot be worked out costs nothing: it is the service that tells it, and no client has it in hand. */
export function answerCost({ answerCost: costOf }: OwedAsk, answer: LimitAnswer): number {
  const value = costOf(answer);
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? Math.min(value, MAX_COST) : 0;
}

function hasAnswerCost(ask: LimitAsk): ask is OwedAsk {
  return ask.answerCost !== undefined;
}
