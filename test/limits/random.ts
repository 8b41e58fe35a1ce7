/** Draws by a seed (mulberry32): what failed can be run again. */
export interface Draws {
  readonly seed: number;
  /** A whole number of [from, to]. */
  int(from: number, to: number): number;
  chance(share: number): boolean;
}

export function drawsOf(seed: number): Draws {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    seed,
    int: (from, to) => from + Math.floor(next() * (to - from + 1)),
    chance: (share) => next() < share,
  };
}

/** Runs a check with so many seeds; the first one that fails is named. `SEED` runs that one alone. */
export function eachSeed(runs: number, check: (draws: Draws) => void): void {
  const only = process.env["SEED"];
  const seeds = only === undefined ? Array.from({ length: runs }, (_, at) => 0x5eed + at) : [Number(only)];
  for (const seed of seeds)
    try {
      check(drawsOf(seed));
    } catch (error) {
      throw new Error(`seed ${seed} (SEED=${seed} runs it alone): ${String(error)}`, { cause: error });
    }
}
