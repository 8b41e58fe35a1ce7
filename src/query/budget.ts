import { QueryFailure } from "./syntax.ts";

/** Samples read and values worked out by one query, 9 bytes each. */
const MAX_POINTS = 4_000_000;
/** So many characters are a point. */
const CHARACTERS = 8;
/** What it takes to tell a series from others by all of its labels, in points: about 1.5 KB. */
const WHOLE_KEY = 200;
/** Finding one label of one series, in points. */
const LOOK_UP = 3;

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

  spendLookUps(labels: number): void {
    this.spend(labels * LOOK_UP);
  }

  spendCharacters(characters: number): void {
    this.spend(Math.ceil(characters / CHARACTERS));
  }

  /** Where labels are longer than what keys were charged for: a query can make some. @returns the key */
  key(text: string): string {
    const most = WHOLE_KEY * CHARACTERS;
    if (text.length > most) this.spendCharacters(text.length - most);
    return text;
  }
}
