import type { LinkedRoute, LinkedSlice } from "../snapshot/link.ts";
import type { CheckFact } from "../request/check-fact.ts";
import { ConclusionMissing, type RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import { err, ok, type Result } from "../result.ts";
import { failedPart, type LinkedMatch } from "../routing/route-match.ts";
import type { RouteMatch } from "../snapshot/model.ts";
import { answerOf } from "./answers.ts";
import { decide } from "./decide.ts";
import { factsFor, type HypotheticalRequest } from "./hypothetical.ts";
import type { HypotheticalFacts, Problem } from "./hypothetical-facts.ts";
import { hypotheticalCheck } from "./hypothetical-checks.ts";
import { hypotheticalFact, placeTokens } from "./hypothetical-tokens.ts";
import { missingFacts } from "./mirrors.ts";
import type { Trace } from "./trace.ts";
import type { CheckNeed, Decision } from "./types.ts";

/** One thing that was looked at on the way to a decision. */
export interface Step {
  readonly stage: "host" | "token" | "gateway" | "route" | "destination" | "filter" | "mirror";
  readonly name: string;
  readonly outcome: string;
}

/** An endpoint that may be called. */
export interface CallableEndpoint {
  readonly endpoint: string;
  /** `namespace/name`. */
  readonly workload: string;
  readonly weight: number;
}

/** As often as the gateway asks: providers, whose number has an end, count for themselves. */
const MAX_ROUNDS = 4;

/** A table of routes may be long; who asks why reads no more of it. */
const MAX_MISSED = 100;

/** Writes down what `decide` tells. */
export function traceInto(steps: Step[]): Trace {
  return {
    saw: (stage, name, outcome) => void steps.push({ stage, name, outcome }),
    routed: (slice, facts, tokens, matched) => void steps.push(...missedBlocks(slice, facts, tokens, matched)),
  };
}

/** The match blocks before the one that holds, each with what fails in it. */
function missedBlocks(
  { model, secret }: LinkedSlice,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  matched: LinkedMatch<LinkedRoute> | null,
): readonly Step[] {
  const all = model.routes.flatMap((route) =>
    // A route without blocks has one that always holds.
    (route.matches.length === 0 ? [null] : route.matches).map((block) => ({ route, block })),
  );
  const end = all.findIndex(
    ({ route, block }) => route === matched?.route.model && (block === null || block === matched.model),
  );
  const missed = end < 0 ? all : all.slice(0, end);
  const steps = missed.slice(0, MAX_MISSED).flatMap(({ route: { name }, block }): Step[] => {
    const part = block && failureIn(block, facts, tokens, secret);
    return part === null ? [] : [{ stage: "route", name, outcome: part }];
  });
  const more = missed.length - MAX_MISSED;
  return more <= 0 ? steps : [...steps, { stage: "route", name: "others", outcome: `${more} more do not match` }];
}

function failureIn(
  block: RouteMatch,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  secret: ReadonlySet<string>,
): string | null {
  try {
    const part = failedPart(block, facts, tokens, secret);
    return part === null ? null : `${part} does not match`;
  } catch (error) {
    if (error instanceof ConclusionMissing) return "the record does not say why it does not match";
    throw error;
  }
}

/**
 * Decides on a request that nobody sent. Nothing is kept of it.
 *
 * @param port of the place that lists the host
 * @param steps what is looked at is appended
 */
export function decideHypothetical(
  slice: LinkedSlice,
  request: HypotheticalRequest,
  port: number,
  {
    tokens: told,
    checks: answers = [],
    startedAt,
    seed,
  }: Pick<HypotheticalFacts, "tokens" | "checks" | "startedAt" | "seed">,
  steps: Step[],
): Result<Decision, Problem> {
  const made = factsFor(slice, request, port, { startedAt, seed });
  if (!made.ok) return ok(made.error);
  const { facts, byText, unwanted } = placeTokens(made.value, slice.places, told);
  for (const name of unwanted) steps.push({ stage: "token", name, outcome: "no rule looks for it" });
  const tokens: RequestFacts["tokens"][number][] = [];
  const checks = new Map<string, CheckFact>();
  for (let round = 0; round < MAX_ROUNDS + checks.size; round += 1) {
    const seen: Step[] = [];
    const decision = decide(slice, { ...facts, tokens, checks }, traceInto(seen));
    const missing = missingFacts(decision);
    if (decision.effect !== "need" && missing.length === 0) {
      steps.push(...seen);
      return ok(decision);
    }
    for (const need of missing) {
      if (need.kind === "ext_authz") {
        const answer = hypotheticalCheck(need, answers);
        if (answer === null) return err(untoldCheck(need));
        checks.set(need.key, answer);
        continue;
      }
      const fact = hypotheticalFact(need, byText);
      if (fact === null) return err(untold(need.place.kind, need.place.name, need.place.rules[0]?.name ?? ""));
      tokens[need.place.index] = fact;
    }
  }
  return ok(answerOf("decision_failed"));
}

function untold(kind: string, name: string, rule: string): Problem {
  const where = { header: "header", param: "query parameter", cookie: "cookie" }[kind] ?? kind;
  const message = `the rule \`${rule}\` finds a token in the ${where} \`${name}\`: say in \`tokens\` what verifying it gives`;
  return { field: "tokens", message };
}

function untoldCheck({ authorizer: { name } }: CheckNeed): Problem {
  const message = `the provider \`${name}\` is asked: say in \`checks\` what it answers, or nothing but its name where it cannot be asked`;
  return { field: "checks", message };
}

/** All that an attempt would choose from, if every one were healthy. */
export function callable(decision: Decision): readonly CallableEndpoint[] {
  if (decision.effect !== "forward") return [];
  const { cluster, refusals } = decision;
  return cluster.model.endpoints
    .filter(({ policySet }) => !refusals?.has(policySet))
    .map(({ id, weight, workload: { namespace, name } }) => ({
      endpoint: id,
      workload: `${namespace}/${name}`,
      weight,
    }));
}
