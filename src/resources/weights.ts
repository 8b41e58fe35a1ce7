import type { Report } from "./report.ts";

interface Weighted {
  readonly destination: {
    readonly host: string;
    readonly subset?: string;
    readonly port?: { readonly number: number };
  };
  readonly weight?: number;
  readonly headers?: unknown;
}

const MOST = 4_294_967_295;
/** Sums that were meant to be 100, and are not. */
const [ALMOST, BEYOND] = [90, 110];

/** @param report of the list of a rule's destinations */
export function checkWeights(route: readonly Weighted[], report: Report): void {
  const [lone, ...others] = route;
  if (lone !== undefined && others.length === 0) {
    if (lone.weight !== undefined && lone.weight !== 100)
      report.at(0, "weight").warn("no effect: a single destination gets every request", "TULLE0205");
    return;
  }
  const sum = route.reduce((total, { weight = 0 }) => total + weight, 0);
  if (route.length > 1 && sum === 0) report.error("the weights of several destinations must not sum to 0");
  if (sum > MOST) report.error(`the weights must not sum to more than ${MOST}`);
  if (sum !== 100 && sum >= ALMOST && sum <= BEYOND)
    report.warn(`the weights sum to ${sum}, so that each is a part of ${sum}, not of 100`, "TULLE0208");
  const seen = new Map<string, number>();
  for (const [index, { weight, destination, headers }] of route.entries()) {
    const place = report.at(index);
    if (sum > 0 && weight === undefined)
      place.at("weight").warn("gets nothing: beside others no weight is a weight of 0", "TULLE0206");
    else if (sum > 0 && weight === 0) place.at("weight").warn("gets nothing", "TULLE0207");
    const { host, subset = "", port } = destination;
    const what = JSON.stringify([host, subset, port?.number, headers]);
    const first = seen.get(what);
    if (first === undefined) seen.set(what, index);
    else place.warn(`the same as \`route[${first}]\`, so that their weights add up`, "TULLE0209");
  }
}
