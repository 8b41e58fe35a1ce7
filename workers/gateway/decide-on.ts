import { answerOf } from "../../src/decide/answers.ts";
import { decide } from "../../src/decide/decide.ts";
import { afterLimits } from "../../src/decide/limits.ts";
import type { Decision, Need } from "../../src/decide/types.ts";
import { owedBy } from "../../src/limits/answer-cost.ts";
import type { LimitsFact } from "../../src/limits/limits-fact.ts";
import { tokenAt } from "../../src/request/credentials.ts";
import type { CheckFact } from "../../src/request/check-fact.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { Call } from "./call.ts";
import { holdBack } from "./delay.ts";
import { knowKeys } from "./know-keys.ts";
import { type BodyOf, getFacts, MAX_ROUNDS, type Tokens } from "./missing-facts.ts";

/** Places whose tokens are looked up before anybody asks; a slice with more of them takes a round for the others. */
const EAGER_PLACES = 8;

/**
 * Decides, and gets what is missing, until nothing is.
 *
 * @param tokens those of `came`, empty
 * @param bodyOf the body, where somebody is to be told of it
 */
export function decideOn<Reply, C extends Call<Reply>>(
  call: C,
  came: RequestFacts,
  tokens: Tokens,
  bodyOf: BodyOf<C>,
): Reply | null | Promise<Reply | null> {
  know(call, came, tokens);
  const facts = call.slice.keyHeaders === null ? came : knowKeys(call, came, call.slice.keyHeaders);
  call.facts = facts;
  const decision = decide(call.slice, facts);
  if (decision.effect !== "need") return take(call, decision);
  if (isPending(decision)) return charge(call, decision);
  return gather<Reply, C>(call, facts, tokens, decision, bodyOf);
}

type PendingNeed = Required<Pick<Need, "limits" | "pending">>;

function isPending(need: Need): need is Need & PendingNeed {
  return need.limits !== undefined && need.pending !== undefined;
}

/** What the isolate has taken in advance is charged at once. */
function charge<Reply>(call: Call<Reply>, need: PendingNeed): Reply | null | Promise<Reply | null> {
  const taken = call.mesh.limits.take(need.limits);
  return taken instanceof Promise ? wait(call, need, taken) : charged(call, need, taken);
}

async function wait<Reply>(call: Call<Reply>, need: PendingNeed, taking: Promise<LimitsFact>): Promise<Reply | null> {
  const taken = await taking;
  if (call.signal?.aborted === true) {
    call.owes = owedBy(need.limits, taken);
    return call.gone();
  }
  return charged(call, need, taken);
}

function charged<Reply>(
  call: Call<Reply>,
  { limits, pending }: PendingNeed,
  taken: LimitsFact,
): Reply | null | Promise<Reply | null> {
  call.owes = owedBy(limits, taken);
  call.facts = { ...call.facts, limits: taken };
  return take(call, afterLimits(pending, taken));
}

/** What is known already of the tokens that came, where nothing but the client can have put one. */
function know(call: Call, { headers, query }: RequestFacts, tokens: Tokens): void {
  const { places } = call.slice;
  const { tokens: verifier } = call.mesh;
  for (let at = 0; at < places.length && at < EAGER_PLACES; at += 1) {
    const place = places[at];
    if (!place?.stable) {
      tokens.push(undefined);
      continue;
    }
    const token = tokenAt(place, headers, query);
    tokens.push(token === null ? null : verifier.cached(place.rulesId, token));
  }
}

async function gather<Reply, C extends Call<Reply>>(
  call: C,
  facts: RequestFacts,
  tokens: Tokens,
  first: Need,
  bodyOf: BodyOf<C>,
): Promise<Reply | null> {
  const checks = new Map<string, CheckFact>();
  let limits: LimitsFact | undefined;
  let { needs, limits: asks } = first;
  // The limits come last, and take a round.
  for (let round = 0; round < MAX_ROUNDS + checks.size; round += 1) {
    const refused = await getFacts(call, needs, tokens, checks, bodyOf);
    if (asks !== undefined) {
      limits = await call.mesh.limits.take(asks);
      call.owes = owedBy(asks, limits);
    }
    if (call.signal?.aborted === true) return call.gone();
    if (refused !== null) return call.answer(answerOf(refused));
    if (checks.size > 0 || limits !== undefined)
      call.facts = { ...facts, checks: checks.size > 0 ? checks : undefined, limits };
    const decision = decide(call.slice, call.facts);
    if (decision.effect !== "need") return take(call, decision);
    if (isPending(decision)) return charge(call, decision);
    ({ needs, limits: asks } = decision);
  }
  return call.answer(answerOf("decision_failed"));
}

function take<Reply>(call: Call<Reply>, decision: Decision): Reply | null | Promise<Reply | null> {
  if (decision.notes !== undefined) call.journal.notes = decision.notes;
  return decision.delayMs === 0 ? follow(call, decision) : delay(call, decision);
}

/** Before anything is taken or sent, so that the route's timeout and the limits know nothing of it. */
async function delay<Reply>(call: Call<Reply>, decision: Decision): Promise<Reply | null> {
  const { route, cluster, delayMs } = decision;
  call.journal.route = route?.model ?? null;
  call.journal.cluster = cluster?.model ?? null;
  return (await holdBack(call, delayMs)) ? follow(call, decision) : call.gone();
}

function follow<Reply>(call: Call<Reply>, decision: Decision): Reply | null {
  if (decision.effect === "answer") return call.answer(decision);
  const { journal } = call;
  call.forward = decision;
  call.cors = decision.cors;
  journal.route = decision.route.model;
  journal.cluster = decision.cluster.model;
  journal.requestPrincipal = decision.requestPrincipal;
  return null;
}
