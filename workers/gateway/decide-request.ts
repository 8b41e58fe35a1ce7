import { answerOf } from "../../src/decide/answers.ts";
import { decide } from "../../src/decide/decide.ts";
import type { Decision, Need } from "../../src/decide/types.ts";
import { tokenAt } from "../../src/request/credentials.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import { dropAliases } from "../../src/request/headers.ts";
import type { TokenFact } from "../../src/request/token-fact.ts";
import { type CanonicalPath, canonicalPath } from "../../src/routing/canonical-path.ts";
import { answerWith, gone } from "./answer-with.ts";
import type { Call } from "./call.ts";
import { holdBack } from "./delay.ts";

type Tokens = (TokenFact | null | undefined)[];

/** Most requests need one round: a token that was seen before is a fact already. */
const MAX_ROUNDS = 4;

/** Places whose tokens are looked up before anybody asks; a slice with more of them takes a round for the others. */
const EAGER_PLACES = 8;

/** Step 4: decides, and gets what is missing, until nothing is. */
export function decideRequest(call: Call): Response | null | Promise<Response | null> {
  const { slice, received } = call;
  dropAliases(received.headers, received.odd, slice.headers);
  const path = canonicalPath(received.target.pathname, slice.model.path);
  if (!path.ok) return answerWith(call, answerOf(path.error.code));
  call.journal.path = path.value.forward;
  const tokens: Tokens = [];
  const facts = factsOf(call, path.value, tokens);
  know(call, facts, tokens);
  call.facts = facts;
  const decision = decide(slice, facts);
  return decision.effect === "need" ? gather(call, facts, tokens, decision) : take(call, decision);
}

function factsOf(call: Call, path: CanonicalPath, tokens: Tokens): RequestFacts {
  const { method, scheme, host, authority, headers, target, clientIp } = call.received;
  return {
    method,
    scheme,
    host,
    authority,
    port: call.port,
    path: path.match,
    forwardPath: path.forward,
    query: target.query,
    headers,
    entrance: call.entrance.kind,
    clientIp,
    peer: call.peer,
    tls: call.tls,
    seed: (Math.random() * 4_294_967_296) | 0,
    tokens,
    conclusions: null,
  };
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

async function gather(call: Call, facts: RequestFacts, tokens: Tokens, first: Need): Promise<Response | null> {
  let needs: Need["needs"] = first.needs;
  for (let round = 1; round < MAX_ROUNDS; round += 1) {
    for (const need of needs) tokens[need.place.index] = await call.mesh.tokens.verify(need, call.lease);
    const decision = decide(call.slice, facts);
    if (decision.effect !== "need") return take(call, decision);
    ({ needs } = decision);
  }
  return answerWith(call, answerOf("decision_failed"));
}

function take(call: Call, decision: Decision): Response | null | Promise<Response | null> {
  return decision.delayMs === 0 ? follow(call, decision) : delay(call, decision);
}

/** Before anything is taken or sent, so that the route's timeout and the limits know nothing of it. */
async function delay(call: Call, decision: Decision): Promise<Response | null> {
  const { route, cluster, delayMs } = decision;
  call.journal.route = route?.model ?? null;
  call.journal.cluster = cluster?.model ?? null;
  return (await holdBack(call, delayMs)) ? follow(call, decision) : gone(call);
}

function follow(call: Call, decision: Decision): Response | null {
  if (decision.effect === "answer") return answerWith(call, decision);
  const { journal } = call;
  call.forward = decision;
  call.cors = decision.cors;
  journal.route = decision.route.model;
  journal.cluster = decision.cluster.model;
  journal.requestPrincipal = decision.requestPrincipal;
  return null;
}
