import type { LinkedSlice } from "../snapshot/link.ts";
import type { CheckFact } from "../request/check-fact.ts";
import type { RequestFacts } from "../request/facts.ts";
import { err, ok, type Result } from "../result.ts";
import type { LimitAsk } from "../limits/limit-book.ts";
import type { LimitsFact } from "../limits/limits-fact.ts";
import { answerOf } from "./answers.ts";
import { decide } from "./decide.ts";
import { factsFor, type HypotheticalRequest } from "./hypothetical.ts";
import type { HypotheticalFacts, Problem } from "./hypothetical-facts.ts";
import { hypotheticalKeys } from "./hypothetical-keys.ts";
import { hypotheticalCheck } from "./hypothetical-checks.ts";
import { hypotheticalFact, placeTokens, readFact } from "./hypothetical-tokens.ts";
import { missingFacts } from "./mirrors.ts";
import { Explanation, plainStage } from "./stages.ts";
import type { CheckNeed, Decision } from "./types.ts";

/** An endpoint that may be called. */
export interface CallableEndpoint {
  readonly endpoint: string;
  /** `namespace/name`. */
  readonly workload: string;
  readonly weight: number;
}

/** As often as the gateway asks: providers, whose number has an end, count for themselves. */
const MAX_ROUNDS = 4;

const LET_PASS: CheckFact = { verdict: "allowed", toService: {}, toClient: [] };

/**
 * Decides on a request that nobody sent. Nothing is kept of it.
 *
 * @param port of the place that lists the host
 * @param into what is looked at is appended
 * @param providers `assumed`: one of whose answer nothing is told counts as if it let the request pass, and a stage says so. None
 *   is ever asked
 */
export function decideHypothetical(
  slice: LinkedSlice,
  request: HypotheticalRequest,
  port: number,
  {
    tokens: told,
    checks: answers = [],
    apiKey,
    foundKeys,
    now,
    startedAt,
    seed,
  }: Pick<HypotheticalFacts, "tokens" | "checks" | "apiKey" | "foundKeys" | "now" | "startedAt" | "seed">,
  into: Explanation,
  providers: "told" | "assumed" = "told",
): Result<Decision, Problem> {
  const made = factsFor(slice, request, port, { startedAt, seed });
  if (!made.ok) {
    into.stages.push(plainStage("request", "refused", `the path cannot be read in one way only: ${made.error.code}`));
    return ok(made.error);
  }
  const { facts: placed, byText, unwanted } = placeTokens(made.value, slice.places, told);
  const apiKeys = hypotheticalKeys(slice, placed.headers, apiKey, foundKeys);
  if (!apiKeys.ok) return err(untoldKey(apiKeys.error));
  const facts = { ...placed, apiKeys: apiKeys.value };
  for (const name of unwanted) into.steps.push({ stage: "token", name, outcome: "no rule looks for it" });
  const tokens: RequestFacts["tokens"][number][] = [];
  const checks = new Map<string, CheckFact>();
  let limits: LimitsFact | undefined;
  for (let round = 0; round < MAX_ROUNDS + 1 + checks.size; round += 1) {
    const seen = new Explanation(slice, into.assumed);
    seen.sawFacts(facts);
    const decision = decide(slice, { ...facts, tokens, checks, limits }, seen);
    if (decision.effect === "need" && decision.limits !== undefined) {
      limits = roomFor(decision.limits);
      for (const { name } of decision.limits) into.assumed.add(name);
      continue;
    }
    const missing = missingFacts(decision);
    if (decision.effect !== "need" && missing.length === 0) {
      into.add(seen);
      return ok(decision);
    }
    for (const need of missing) {
      if (need.kind === "ext_authz") {
        const answer = hypotheticalCheck(need, answers);
        if (answer === null && providers === "told") return err(untoldCheck(need));
        if (answer === null) into.assumed.add(need.authorizer.name);
        checks.set(need.key, answer ?? LET_PASS);
        continue;
      }
      // What came of keys is known from the start.
      if (need.kind === "api_key") continue;
      const fact = hypotheticalFact(need, byText) ?? (now === undefined ? null : readFact(need, now));
      if (fact === null) return err(untold(need.place.kind, need.place.name, need.place.rules[0]?.name ?? ""));
      tokens[need.place.index] = fact;
    }
  }
  return ok(answerOf("decision_failed"));
}

/** Nobody counts a request that was never sent: each limit has room that does not refuse it for what it lacks. */
function roomFor(asks: readonly LimitAsk[]): LimitsFact {
  return {
    limits: asks.map(({ name, rates, missing }) => {
      const { limit = 0, windowMs = 0 } = rates[0] ?? {};
      const verdict = missing ? "missing" : "taken";
      return { name, verdict, quota: limit, windowMs, left: limit, resetMs: 0, retryAfterMs: 0 };
    }),
  };
}

function untold(kind: string, name: string, rule: string): Problem {
  const where = { header: "header", param: "query parameter", cookie: "cookie" }[kind] ?? kind;
  const message = `the rule \`${rule}\` finds a token in the ${where} \`${name}\`: say in \`tokens\` what verifying it gives`;
  return { field: "tokens", message };
}

function untoldKey(header: string): Problem {
  const message = `an API key is looked for in the header \`${header}\`: say in \`apiKey\` whose it is`;
  return { field: "apiKey", message };
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
