import type { Test } from "../match/rule-index.ts";
import type { RehearsalModel } from "../snapshot/rehearsal-model.ts";
import { linkBlock } from "./route-match.ts";

export interface LinkedRehearsal {
  readonly model: RehearsalModel;
  /** Whether it is for a request; null: for any. */
  readonly isFor: Test | null;
}

/** What finds a slice's rehearsals by their numbers. @param secret headers that may hold a token, lower case */
export function linkRehearsals(
  models: readonly RehearsalModel[],
  secret: ReadonlySet<string>,
): (numbers: readonly number[] | undefined) => readonly LinkedRehearsal[] | null {
  const all = models.map((model): LinkedRehearsal => ({
    model,
    isFor: model.headers === undefined ? null : linkBlock({ headers: model.headers }, secret),
  }));
  const at = (number: number): LinkedRehearsal => {
    const rehearsal = all[number];
    if (!rehearsal) throw new Error(`the slice names a rehearsal that it does not hold: ${number}`);
    return rehearsal;
  };
  return (numbers) => (numbers === undefined ? null : numbers.map(at));
}
