import { measure } from "../match/regex-cost.ts";
import { policiesOf } from "../policy/policy-set.ts";
import type { PolicySet, Route, RouteMatch, Slice, StringMatch } from "../snapshot/model.ts";
import type { CompiledSlice } from "./slices.ts";

/** A slice never changes, so it is measured once. */
const costs = new WeakMap<CompiledSlice, number>();

/** What it costs to compile the regular expressions of a slice, each once, in instructions. */
export function patternCostOf(compiled: CompiledSlice): number {
  let cost = costs.get(compiled);
  if (cost === undefined) costs.set(compiled, (cost = costOf(compiled.slice)));
  return cost;
}

function costOf({ routes, policySets }: Slice): number {
  let sum = 0;
  for (const pattern of new Set([...routes.flatMap(patternsOf), ...policySets.flatMap(pathPatterns)]))
    sum += measure(pattern).cost;
  return sum;
}

function pathPatterns(set: PolicySet): readonly string[] {
  const operations = policiesOf(set).flatMap(({ rules }) => rules.flatMap(({ to = [] }) => to));
  return operations.flatMap(({ paths = [] }) =>
    paths.flatMap((match) => (match.kind === "regex" ? [match.value] : [])),
  );
}

function patternsOf({ matches, rewrite, cors }: Route): readonly string[] {
  const regexes = [...matches.flatMap(matchesIn), ...(cors?.origins ?? [])].flatMap((match) =>
    match.kind === "regex" ? [match.value] : [],
  );
  return rewrite?.regex === undefined ? regexes : [...regexes, rewrite.regex.match];
}

function matchesIn({ uri, scheme, method, authority, headers, query, claims }: RouteMatch): readonly StringMatch[] {
  const others = [headers, query, claims].flatMap((list) => (list ?? []).map(({ match }) => match));
  return [...[uri, scheme, method, authority].filter((match) => match !== undefined), ...others];
}
