/** Whether `npm run test:long` runs, which tries more of the same. */
const LONG = process.env["TULLE_TESTS"] === "long";

/** What is tried: some that stand for all, or all of them. */
export function tried<T>(some: readonly T[], all: readonly T[]): readonly T[] {
  return LONG ? all : some;
}

/** How often a test repeats what it does: enough to find a fault at each change, or as much as the promise says. */
export function times(short: number, long: number): number {
  return LONG ? long : short;
}
