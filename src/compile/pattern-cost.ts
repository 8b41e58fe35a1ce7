import { measure } from "../match/regex-cost.ts";
import { holdsPatterns } from "../snapshot/patterns.ts";
import { patternsIn } from "./programs.ts";
import type { CompiledSlice } from "./slices.ts";

/** A slice never changes, so it is measured once. */
const costs = new WeakMap<CompiledSlice, number>();

/** What it costs to compile the patterns of a slice, each once and wherever it stands, in instructions. */
export function patternCostOf(compiled: CompiledSlice): number {
  let cost = costs.get(compiled);
  if (cost === undefined) costs.set(compiled, (cost = costOf(compiled)));
  return cost;
}

function costOf({ slice, text }: CompiledSlice): number {
  if (!holdsPatterns(text)) return 0;
  let sum = 0;
  for (const pattern of patternsIn(slice)) sum += measure(pattern).cost;
  return sum;
}
