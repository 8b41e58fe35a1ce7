/** Past it a round would be another number where it is kept. */
export const LAST_ROUND = 2_000_000_000;

/** Of a program's instructions those that one round reached. To begin a round forgets those of the round before it. */
export class Reached {
  /** By instruction the round that reached it last. */
  readonly #rounds: Int32Array;
  readonly #last: number;
  #round = 0;

  /** @param last round before all is wiped and counted anew: the default, but for tests */
  constructor(instructions: number, last = LAST_ROUND) {
    this.#rounds = new Int32Array(instructions);
    this.#last = last;
  }

  begin(): void {
    if (this.#round >= this.#last) {
      this.#rounds.fill(0);
      this.#round = 0;
    }
    this.#round += 1;
  }

  /** @returns whether this round had not reached it yet */
  add(pc: number): boolean {
    if (this.#rounds[pc] === this.#round) return false;
    this.#rounds[pc] = this.#round;
    return true;
  }
}
