import { firstPolicy } from "../policy/authorization.ts";
import { isSettable, type LinkedAuthorizer, type LinkedCustom } from "../policy/external-authorization.ts";
import { changedHeaders, type HeaderChange } from "../request/changes.ts";
import type { CheckFact } from "../request/check-fact.ts";
import type { RequestFacts } from "../request/facts.ts";
import { foldedName } from "../request/header-names.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { LinkedCluster, LinkedRoute } from "../snapshot/link.ts";
import { type Answer, answerOf } from "./answers.ts";
import type { Trace } from "./trace.ts";
import type { Need } from "./types.ts";

/** Where a check is made, and what is known there. */
export interface CheckPlace {
  readonly stage: "gateway" | "destination";
  readonly route: LinkedRoute | null;
  readonly cluster: LinkedCluster | null;
  /** What policies would refuse passes there: nobody is asked, and nothing that only a provider may say is believed. */
  readonly observes: boolean;
}

/** A request that every provider let pass. */
export interface Asked {
  /** With the headers that they set, and without what a client wrote there. */
  readonly facts: RequestFacts;
  readonly changes: readonly HeaderChange[];
  readonly toClient: readonly HeaderChange[];
}

/** Stands for what a provider said wherever a change is written down: it may be a secret. */
export const OF_PROVIDER = "(ext_authz)";

const NO_TOKENS: readonly VerifiedToken[] = [];

/**
 * Asks each provider whose CUSTOM policies match, one after the other: a later one sees what those before it have set. They are asked
 * before tokens are verified, so that one may bring a token, as in Istio. Each must let the request pass.
 */
export function askProviders(
  { checks, claims }: LinkedCustom,
  facts: RequestFacts,
  place: CheckPlace,
  trace: Trace | undefined,
): Asked | Answer | Need {
  let seen = facts;
  const set: HeaderChange[] = [];
  const toClient: HeaderChange[] = [];
  const before: string[] = [];
  for (const { provider, authorizer, policies } of checks) {
    const policy = firstPolicy(policies, seen, NO_TOKENS);
    if (policy === null) {
      trace?.looked?.({ part: "custom", facts: seen, tokens: NO_TOKENS, policy, provider, code: "not_asked" });
      continue;
    }
    if (place.observes) {
      trace?.noted?.([{ stage: place.stage, action: "CUSTOM", dryRun: true, result: "asked", policy }]);
      continue;
    }
    if (authorizer === null)
      return refused(answerOf("ext_authz_error", policy, place.route, place.cluster), place, trace);
    before.push(provider);
    const key = keyOf(place.stage, before);
    const fact = facts.checks?.get(key);
    if (fact === undefined) return { effect: "need", needs: [{ kind: "ext_authz", key, authorizer, facts: seen }] };
    const answer = answerTo(fact, authorizer, policy, place);
    const code = answer?.code ?? "ext_authz_allowed";
    trace?.looked?.({ part: "custom", facts: seen, tokens: NO_TOKENS, policy, provider, code });
    if (answer !== null) return refused(answer, place, trace);
    trace?.saw(place.stage, policy, fact.verdict === "failed" ? "ext_authz failed open" : "ext_authz allowed");
    if (fact.verdict !== "allowed") continue;
    const changes = changesOf(fact.toService);
    set.push(...changes);
    seen = withChanges(seen, changes);
    if (fact.removed !== undefined) {
      const gone = goneOf(seen, fact.removed);
      set.push(...gone);
      seen = withChanges(seen, gone);
    }
    toClient.push(...fact.toClient.map(lineFor));
  }
  const changes = [...unproven(facts, claims, set), ...set];
  if (changes.length === 0) return { facts, changes: NOTHING, toClient };
  return { facts: withChanges(facts, changes), changes, toClient };
}

function withChanges(facts: RequestFacts, changes: readonly HeaderChange[]): RequestFacts {
  return { ...facts, headers: changedHeaders(facts.headers, changes) };
}

const NOTHING: readonly HeaderChange[] = [];

/** The same request is asked about once at a place, whatever endpoints and copies want to know it. */
function keyOf(stage: CheckPlace["stage"], providers: readonly string[]): string {
  return JSON.stringify([stage, ...providers]);
}

function answerTo(
  fact: CheckFact,
  { model }: LinkedAuthorizer,
  policy: string,
  { route, cluster }: CheckPlace,
): Answer | null {
  if (fact.verdict === "allowed") return null;
  if (fact.verdict === "failed") {
    if (model.failOpen === true) return null;
    const answer = answerOf("ext_authz_error", policy, route, cluster);
    return model.statusOnError === undefined ? answer : { ...answer, status: model.statusOnError };
  }
  const { status, headers, body } = fact;
  return {
    ...answerOf("ext_authz_denied", policy, route, cluster),
    status,
    body,
    headers: headers.map(([name, value]) => [name, value, OF_PROVIDER] as const),
  };
}

function refused(answer: Answer, { stage }: CheckPlace, trace: Trace | undefined): Answer {
  trace?.saw(stage, answer.policy ?? "none", answer.code);
  return answer;
}

function changesOf(headers: Readonly<Record<string, string>>): readonly HeaderChange[] {
  return Object.entries(headers).map(([name, value]) => ({ op: "set", name, value, template: OF_PROVIDER }));
}

/** What a provider takes away, however it is spelt, what it has set itself too, as in Envoy. */
function goneOf({ headers }: RequestFacts, removed: readonly string[]): readonly HeaderChange[] {
  const folded = new Set(removed.map(foldedName));
  return Object.keys(headers)
    .filter((name) => folded.has(foldedName(name)) && isSettable(name))
    .map((name) => ({ op: "remove", name }));
}

function lineFor([name, value]: readonly [string, string]): HeaderChange {
  return { op: name === "set-cookie" ? "add" : "set", name, value, template: OF_PROVIDER };
}

/** What the client says in a provider's name, whether that was asked or not. */
function unproven(
  { headers }: RequestFacts,
  claims: LinkedCustom["claims"],
  set: readonly HeaderChange[],
): readonly HeaderChange[] {
  return Object.keys(headers)
    .filter((name) => claims(name) && !set.some((change) => change.name === name))
    .map((name) => ({ op: "remove", name }));
}
