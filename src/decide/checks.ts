import { identifyKey, type LinkedKeys, withKey, withKnownKey } from "../policy/api-keys.ts";
import { authorize } from "../policy/authorization.ts";
import { authenticate, type Authenticated, NO_TOKENS, withOutputs } from "../policy/request-authentication.ts";
import { shadowNotes } from "../policy/shadow.ts";
import type { ApiKey } from "../request/api-key-fact.ts";
import type { HeaderChange } from "../request/changes.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { LinkedCluster, LinkedPolicySet, LinkedRoute, LinkedSlice } from "../snapshot/link.ts";
import { type Answer, answerOf } from "./answers.ts";
import { askProviders } from "./external-checks.ts";
import type { Trace } from "./trace.ts";
import type { MissingFact, Need } from "./types.ts";

/** A request that passed the checks of one set. */
export interface Passed extends Authenticated {
  /** What providers give the client with the answer; absent: nothing. */
  readonly toClient?: readonly HeaderChange[];
  /** The key that it was sent with; absent: none. */
  readonly apiKey?: ApiKey;
}

/** One set's API keys, its providers, its token rules, then its policies, which see headers that these fill as the service will. */
export function check(
  set: LinkedPolicySet,
  before: RequestFacts,
  stage: "gateway" | "destination",
  route: LinkedRoute | null,
  cluster: LinkedCluster | null,
  trace: Trace | undefined,
): Passed | Answer | Need {
  trace?.enters?.(stage, set, cluster?.model.id ?? null);
  const came = withKnownKey(before, set.model.keysOf);
  if (set.keys === null) return checkIdentified(set, came, stage, route, cluster, trace);
  const keyed = checkKey(set.keys, set.observes, came, stage, route, cluster, trace);
  if ("effect" in keyed) return keyed;
  const passed = checkIdentified(set, withKey(came, keyed.key, keyed.changes), stage, route, cluster, trace);
  if ("effect" in passed) return passed;
  const changes = keyed.changes.length === 0 ? passed.changes : [...keyed.changes, ...passed.changes];
  return { ...passed, changes, ...(keyed.key !== null && { apiKey: keyed.key }) };
}

interface Keyed {
  readonly key: ApiKey | null;
  readonly changes: readonly HeaderChange[];
}

/** A bad key is none where its namespace observes; it is taken out all the same. */
function checkKey(
  keys: LinkedKeys,
  observes: boolean,
  facts: RequestFacts,
  stage: "gateway" | "destination",
  route: LinkedRoute | null,
  cluster: LinkedCluster | null,
  trace: Trace | undefined,
): Keyed | Answer | Need {
  const found = identifyKey(keys, facts);
  if (found.kind === "need") return { effect: "need", needs: found.needs };
  if (found.kind === "identified") {
    const code = found.key === null ? "none" : `${found.key.namespace}/${found.key.name}`;
    trace?.looked?.({ part: "key", facts, tokens: [], code, policy: null });
    return found;
  }
  const { code, policy, changes } = found;
  trace?.saw(stage, policy, code);
  trace?.looked?.({ part: "key", facts, tokens: [], code, policy });
  if (!observes) return answerOf(code, policy, route, cluster);
  observed(code, policy, trace);
  return { key: null, changes };
}

/** What follows the API keys. */
function checkIdentified(
  set: LinkedPolicySet,
  came: RequestFacts,
  stage: "gateway" | "destination",
  route: LinkedRoute | null,
  cluster: LinkedCluster | null,
  trace: Trace | undefined,
): Passed | Answer | Need {
  const asked =
    set.custom === null
      ? null
      : askProviders(set.custom, came, { stage, route, cluster, observes: set.observes }, trace);
  if (asked !== null && "effect" in asked) return asked;
  const facts = asked === null ? came : asked.facts;
  const found = identified(set, facts, stage, route, cluster, trace);
  if ("effect" in found) return found;
  const judged = set.judgesOutputs ? withOutputs(facts, set.jwt, found.changes) : facts;
  if (set.shadow !== null) trace?.noted?.(shadowNotes(set.shadow, judged, found.tokens));
  const verdict = authorize(set.deny, set.allow, judged, found.tokens);
  if (trace && verdict.code === "rbac_denied_no_allow")
    for (const name of set.allow.names) trace.saw(stage, name, "no rule holds");
  trace?.saw(stage, verdict.policy ?? "none", verdict.code);
  trace?.looked?.({ part: "policies", facts: judged, tokens: found.tokens, ...verdict });
  if (verdict.code !== "allowed") {
    if (!set.observes) return answerOf(verdict.code, verdict.policy, route, cluster);
    observed(verdict.code, verdict.policy, trace);
  }
  return asked === null ? found : { ...found, changes: [...asked.changes, ...found.changes], toClient: asked.toClient };
}

/** A bad token is none where its namespace observes: it stays where it came, and what it claims is not passed on. */
function identified(
  set: LinkedPolicySet,
  facts: RequestFacts,
  stage: "gateway" | "destination",
  route: LinkedRoute | null,
  cluster: LinkedCluster | null,
  trace: Trace | undefined,
): Authenticated | Answer | Need {
  const found = authenticate(set.jwt, facts);
  if (found.kind === "authenticated") {
    trace?.looked?.({ part: "jwt", facts, tokens: found.tokens, code: "authenticated", policy: null });
    return found;
  }
  if (found.kind === "need") return { effect: "need", needs: found.needs };
  const { code, rule } = found;
  trace?.saw(stage, rule, code);
  trace?.looked?.({ part: "jwt", facts, tokens: [], code, policy: rule });
  if (!set.observes) return badToken(code, rule, facts, route, cluster);
  observed(code, rule, trace);
  return set.jwt.withoutToken;
}

/** Tells what would have refused the request. */
function observed(code: string, policy: string | null, trace: Trace | undefined): void {
  trace?.noted?.([{ stage: "destination", action: "OBSERVE", dryRun: false, result: "denied", policy, code }]);
}

export interface Checked {
  readonly refusals: ReadonlyMap<number, Answer> | null;
  readonly bySet: ReadonlyMap<number, readonly HeaderChange[]> | null;
  readonly dropParams: readonly string[];
  readonly principal: string | null;
  /** Those that the first set accepted which accepted any. */
  readonly tokens: readonly VerifiedToken[];
  readonly toClient: readonly HeaderChange[];
  /** That of the first set that took one; null: none did. */
  readonly apiKey: ApiKey | null;
}

const NONE: readonly string[] = [];
const NOTHING: readonly HeaderChange[] = [];

/**
 * The destination's checks, for each policy set that its endpoints have: policies follow the endpoint, not the name by
 * which it was called, so the verdict of one endpoint says nothing of another.
 */
export function checkDestination(
  slice: LinkedSlice,
  route: LinkedRoute,
  cluster: LinkedCluster,
  sent: RequestFacts,
  trace: Trace | undefined,
): Checked | Answer | Need {
  let refusals: Map<number, Answer> | null = null;
  let bySet: Map<number, readonly HeaderChange[]> | null = null;
  let needs: MissingFact[] | null = null;
  let dropParams: string[] | null = null;
  let tokens: readonly VerifiedToken[] = NO_TOKENS.tokens;
  let toClient: readonly HeaderChange[] = NOTHING;
  let apiKey: ApiKey | null = null;
  for (const index of cluster.sets) {
    const set = slice.policySets[index];
    if (!set) throw new Error("the slice lacks an endpoint's policies");
    if (set.isOpen) continue;
    const unproven = set.mtls === "STRICT" && sent.peer.by === "none";
    if (unproven && set.observes) observed("mtls_required", null, trace);
    const checked =
      unproven && !set.observes
        ? strict(set, sent, route, cluster, trace)
        : check(set, sent, "destination", route, cluster, trace);
    if ("effect" in checked) {
      if (checked.effect === "need") (needs ??= []).push(...checked.needs);
      else (refusals ??= new Map<number, Answer>()).set(index, checked);
      continue;
    }
    if (tokens.length === 0) ({ tokens } = checked);
    if (checked.apiKey !== undefined) apiKey ??= checked.apiKey;
    if (checked.toClient !== undefined) toClient = joined(toClient, checked.toClient);
    if (checked.changes.length > 0) (bySet ??= new Map<number, readonly HeaderChange[]>()).set(index, checked.changes);
    if (checked.dropParams.length > 0) (dropParams ??= []).push(...checked.dropParams);
  }
  if (needs !== null) return { effect: "need", needs };
  if (refusals !== null && refusals.size === cluster.sets.length) {
    const [first] = refusals.values();
    if (first) return first;
  }
  const principal = tokens[0]?.principal ?? null;
  return { refusals, bySet, dropParams: dropParams ?? NONE, principal, tokens, toClient, apiKey };
}

/** What one provider gives the client comes once, whatever endpoints it was asked for. */
function joined(first: readonly HeaderChange[], second: readonly HeaderChange[]): readonly HeaderChange[] {
  if (first.length === 0) return second;
  const known = new Set(first.map((line) => JSON.stringify(line)));
  return [...first, ...second.filter((line) => !known.has(JSON.stringify(line)))];
}

function strict(
  set: LinkedPolicySet,
  facts: RequestFacts,
  route: LinkedRoute,
  cluster: LinkedCluster,
  trace: Trace | undefined,
): Answer {
  trace?.enters?.("destination", set, cluster.model.id);
  trace?.looked?.({ part: "mtls", facts, tokens: [], code: "mtls_required", policy: null });
  trace?.saw("destination", cluster.model.id, "mtls_required");
  return answerOf("mtls_required", null, route, cluster);
}

function badToken(
  code: "jwt_invalid" | "jwt_audience" | "jwks_unavailable" | "jwt_missing",
  rule: string,
  facts: RequestFacts,
  route: LinkedRoute | null,
  cluster: LinkedCluster | null,
): Answer {
  const answer = answerOf(code, rule, route, cluster);
  if (code === "jwt_audience") return answer;
  const realm = `${facts.scheme}://${facts.authority}${facts.path}`.replace(/["\\]/g, "");
  // Nothing is wrong with a token that is not there (RFC 6750 §3.1).
  const error = code === "jwt_missing" ? "" : ', error="invalid_token"';
  return { ...answer, headers: [["www-authenticate", `Bearer realm="${realm}"${error}`]] };
}
