import { QueryFailure } from "./syntax.ts";

/** Samples read and values worked out by one query, 9 bytes each. */
const MAX_POINTS = 4_000_000;
/** What it takes to tell a series from others by all of its labels, in points: about 1.5 KB. */
const WHOLE_KEY = 200;

/** What one query may still cost: memory and time both grow with it. */
export class Budget {
  #left: number;

  constructor(points = MAX_POINTS) {
    this.#left = points;
  }

  /** @throws QueryFailure before anything is done that is too much */
  spend(points: number): void {
    this.#left -= points;
    if (this.#left < 0)
      throw new QueryFailure(
        "query_too_large",
        "the query reads too much; select fewer series, aggregate them first, or take a longer step",
      );
  }

  spendKeys(series: number): void {
    this.spend(series * WHOLE_KEY);
  }
}
