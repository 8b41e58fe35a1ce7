import type { Budget } from "./budget.ts";
import type { SampledSeries } from "./series.ts";
import type { LabelMatcher } from "./syntax.ts";

/** Which samples a selector needs: for each step those in (step - reachMs, step]. */
export interface Windows {
  /** Epoch ms, ascending. */
  readonly steps: Float64Array;
  readonly reachMs: number;
}

/** Where samples come from. */
export interface SampleSource {
  /**
   * Series that all matchers hold for and that have a sample in one of the windows. They may have samples beside them.
   *
   * @throws QueryFailure where the budget does not hold them
   */
  select(matchers: readonly LabelMatcher[], windows: Windows, budget: Budget): readonly SampledSeries[];
}

/** What an evaluation needs beside the expression. */
export interface Frame {
  readonly source: SampleSource;
  readonly steps: Float64Array;
  readonly budget: Budget;
}
