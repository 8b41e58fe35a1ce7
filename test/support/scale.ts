/** Whether `npm run test:long` runs, which tries more of the same. */
const LONG = process.env["TULLE_TESTS"] === "long";

/** How often a test repeats what it does: enough to find a fault at each change, or as much as the promise says. */
export function times(short: number, long: number): number {
  return LONG ? long : short;
}
