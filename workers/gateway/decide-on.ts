import { answerOf } from "../../src/decide/answers.ts";
import { decide } from "../../src/decide/decide.ts";
import type { Decision, Need } from "../../src/decide/types.ts";
import { tokenAt } from "../../src/request/credentials.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import type { Call } from "./call.ts";
import { holdBack } from "./delay.ts";

/** By the number of their place in the slice, as in the facts that they are part of. */
export type Tokens = (TokenFact | null | undefined)[];

/** Most requests need one round: a token that was seen before is a fact already. */
const MAX_ROUNDS = 4;

/** Places whose tokens are looked up before anybody asks; a slice with more of them takes a round for the others. */
const EAGER_PLACES = 8;

/**
 * Decides, and gets what is missing, until nothing is.
 *
 * @param tokens those of `facts`, empty
 */
export function decideOn<Reply>(
  call: Call<Reply>,
  facts: RequestFacts,
  tokens: Tokens,
): Reply | null | Promise<Reply | null> {
  know(call, facts, tokens);
  call.facts = facts;
  const decision = decide(call.slice, facts);
  return decision.effect === "need" ? gather(call, facts, tokens, decision) : take(call, decision);
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

async function gather<Reply>(
  call: Call<Reply>,
  facts: RequestFacts,
  tokens: Tokens,
  first: Need,
): Promise<Reply | null> {
  let needs: Need["needs"] = first.needs;
  for (let round = 1; round < MAX_ROUNDS; round += 1) {
    for (const need of needs) tokens[need.place.index] = await call.mesh.tokens.verify(need, call.lease);
    const decision = decide(call.slice, facts);
    if (decision.effect !== "need") return take(call, decision);
    ({ needs } = decision);
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
