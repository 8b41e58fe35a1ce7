import { programsOf } from "../../src/compile/programs.ts";
import { linkWith } from "../../src/match/machine.ts";

/** Links a part of the model with the programs of its patterns, as they come from control. */
export function linkPart<M, T>(model: M, link: (model: M) => T): T {
  return linkWith(programsOf(model), () => link(model));
}
