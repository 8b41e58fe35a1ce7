import type { HeaderChange } from "../request/changes.ts";
import type { RequestFacts } from "../request/facts.ts";
import { limitAsks, type LinkedLimit } from "../limits/link.ts";
import type { LimitsFact, TakenLimit } from "../limits/limits-fact.ts";
import type { ShadowNote } from "../policy/shadow.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { LinkedRoute } from "../snapshot/link.ts";
import { type Answer, answerOf } from "./answers.ts";
import type { Trace } from "./trace.ts";
import type { Decision, Need, Pending } from "./types.ts";

/**
 * The limits of a request that nothing else has refused, the last that is asked: all of them are charged, or none is.
 *
 * @param facts the request as it was routed
 * @param decision what becomes of it behind them
 */
export function limited(
  limits: readonly LinkedLimit[],
  route: LinkedRoute,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  decision: Decision,
  trace: Trace | undefined,
): Decision | Need {
  const { limits: taken, conclusions } = facts;
  // A record that holds nothing of limits is of a request that met none.
  if (taken === undefined && conclusions?.mode === "read") return decision;
  if (taken === undefined) {
    const asks = limitAsks(limits, { facts, tokens, route: route.model.name });
    return asks.length === 0 ? decision : { effect: "need", needs: [], limits: asks, pending: { limits, decision } };
  }
  return obeyed(limits, taken, decision, trace);
}

/** As `decide` would go on, had it known what came of its limits: they are the last that it asks about. */
export function afterLimits({ limits, decision }: Pending, taken: LimitsFact): Decision {
  try {
    return obeyed(limits, taken, decision, undefined);
  } catch {
    return answerOf("decision_failed");
  }
}

function obeyed(
  limits: readonly LinkedLimit[],
  { limits: all }: LimitsFact,
  decision: Decision,
  trace: Trace | undefined,
): Decision {
  const told: TakenLimit[] = [];
  let over: TakenLimit | null = null;
  for (const one of all) {
    const limit = limits.find(({ model }) => model.name === one.name);
    // It was taken away since.
    if (limit === undefined) continue;
    trace?.saw("limit", one.name, one.verdict);
    trace?.limited?.(one, limit.model.audit === true);
    if (limit.model.told && one.verdict !== "missing") told.push(one);
    if (one.verdict === "taken") continue;
    if (limit.model.audit === true) trace?.noted?.([noteOf(one.name)]);
    else over ??= one;
  }
  const lines = [...linesOf(told), ...older(limits, told)];
  if (over === null) return lines.length === 0 ? decision : withLines(decision, lines);
  if (over.verdict === "missing") return refusal(decision, over.name, [], trace);
  const wait = over.verdict === "failed" ? 1 : Math.ceil(over.retryAfterMs / 1_000);
  // There is never room for what costs more than may be taken at once.
  const retry = wait > 0 ? [["retry-after", String(wait)] as const] : [];
  return refusal(decision, over.name, [...retry, ...lines], trace, over.verdict === "failed");
}

/** As what a namespace that observes would have refused. */
function noteOf(policy: string): ShadowNote {
  const code = "request_rate_limited";
  return { stage: "destination", action: "OBSERVE", dryRun: false, result: "denied", policy, code };
}

type KnownLimit = TakenLimit & { readonly left: number };

function isKnown(one: TakenLimit): one is KnownLimit {
  return one.left !== null;
}

type Lines = readonly (readonly [name: string, value: string])[];

function refusal(decision: Decision, name: string, lines: Lines, trace: Trace | undefined, failed = false): Answer {
  const { route, cluster } = decision;
  const answer = answerOf(failed ? "rate_limiter_error" : "request_rate_limited", name, route, cluster);
  trace?.saw("limit", name, answer.code);
  const cors =
    decision.effect === "forward"
      ? decision.cors.flatMap((line) => ("value" in line ? [[line.name, line.value] as const] : []))
      : [];
  return { ...answer, headers: [...answer.headers, ...lines, ...cors], delayMs: decision.delayMs };
}

function withLines(decision: Decision, lines: Lines): Decision {
  if (decision.effect === "answer") return { ...decision, headers: [...decision.headers, ...lines] };
  const changes = lines.map(([name, value]): HeaderChange => ({ op: LISTS.has(name) ? "add" : "set", name, value }));
  return { ...decision, response: [...decision.response, ...changes] };
}

/** Lists, which a service may have begun with limits of its own: it knows better than we whether they still hold. */
const LISTS: ReadonlySet<string> = new Set(["ratelimit-policy", "ratelimit"]);

/**
 * A list of policies, and of what is left of them: each rate is a policy, since one has one window.
 *
 * @see draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4
 */
function linesOf(told: readonly TakenLimit[]): Lines {
  if (told.length === 0) return [];
  const policies = told.flatMap((one) =>
    (one.rates ?? [{ limit: one.quota, windowMs: one.windowMs }]).map(
      ({ limit, windowMs }) => `${nameOf(one, windowMs)};q=${limit};w=${Math.ceil(windowMs / 1_000)}`,
    ),
  );
  const left = told.filter(isKnown).map((one) => `${nameOf(one, one.windowMs)};r=${one.left};t=${windowOf(one)}`);
  const policy = ["ratelimit-policy", policies.join(", ")] as const;
  return left.length === 0 ? [policy] : [policy, ["ratelimit", left.join(", ")]];
}

/**
 * Seconds in which no more than what is left may be used: so many that whoever does is not faster than the limit in the long run
 * (section 8.5), and that `Retry-After` does not name an earlier time (section 6).
 */
function windowOf({ quota, windowMs, left, resetMs, retryAfterMs }: KnownLimit): number {
  if (retryAfterMs > 0) return Math.ceil(retryAfterMs / 1_000);
  return Math.ceil(Math.max(resetMs, (left * windowMs) / quota) / 1_000);
}

/** The older names, which have room for one: that of which the least is left. */
function older(limits: readonly LinkedLimit[], told: readonly TakenLimit[]): Lines {
  const least = told
    .filter(isKnown)
    .filter(({ name }) => limits.some(({ model }) => model.name === name && model.toldOlder === true))
    .reduce<KnownLimit | null>((best, one) => (best === null || one.left < best.left ? one : best), null);
  if (least === null) return [];
  return [
    ["x-ratelimit-limit", String(least.quota)],
    ["x-ratelimit-remaining", String(least.left)],
    ["x-ratelimit-reset", String(secondsOf(least))],
  ];
}

function secondsOf({ resetMs, retryAfterMs }: TakenLimit): number {
  return Math.ceil((retryAfterMs > 0 ? retryAfterMs : resetMs) / 1_000);
}

/** Clients know a limit by its own name alone, which its author gave for it; its further rates by that and their seconds. */
function nameOf({ name, rates, windowMs: first }: TakenLimit, windowMs: number): string {
  const own = name.slice(name.lastIndexOf("/") + 1);
  return windowMs === (rates?.[0]?.windowMs ?? first) ? `"${own}"` : `"${own}/${Math.ceil(windowMs / 1_000)}"`;
}
