import { formatIp, parseIp } from "../match/ip.ts";
import { type Expression, leavesOf, linkExpression, type Leaf, type Value } from "../match/expression.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { LimitModel } from "../snapshot/limit-model.ts";
import { counterPrefix } from "./counter-name.ts";
import { keyText } from "./key-text.ts";
import type { LimitAnswer } from "./limit-answer.ts";
import type { LimitAsk } from "./limit-book.ts";
import { burstOf, type Rate } from "./rate.ts";

/** What the expressions of a limit see: the request as it was routed, and who was proven to have sent it. */
export interface LimitContext {
  readonly facts: RequestFacts;
  readonly tokens: readonly VerifiedToken[];
  readonly route: string;
  /** Where what it costs is asked for. */
  readonly answer?: LimitAnswer;
}

type OfRequest = Expression<LimitContext>;

/** A limit made ready. */
export interface LinkedLimit {
  readonly model: LimitModel;
  /** Null: each request. */
  readonly when: OfRequest | null;
  readonly key: readonly OfRequest[];
  /** All that the key is made of, as it came: who leaves requests without a key out looks whether that is there. */
  readonly keyLeaves: readonly OfRequest[];
  readonly tiers: readonly { readonly when: OfRequest; readonly rates: readonly Rate[] }[];
  readonly overrides: ReadonlyMap<string, readonly Rate[]>;
  /** Null: 1. */
  readonly cost: OfRequest | null;
  /** Null: nothing. */
  readonly answerCost: OfRequest | null;
  /** Of the counter: policy, limit and target. */
  readonly prefix: string;
}

/** Headers that they name. */
export function limitHeaders(limits: readonly LimitModel[]): readonly string[] {
  return limits.flatMap(leavesIn).flatMap((leaf) => (leaf.kind === "header" && leaf.of === "request" ? leaf.name : []));
}

/** Whether anything of it depends on whose API key a request has. */
export function looksAtKeys(limit: LimitModel): boolean {
  return leavesIn(limit).some(isOfKey);
}

function leavesIn({ when, key, tiers = [], cost, answerCost }: LimitModel): readonly Leaf[] {
  return [when, ...key, ...tiers.map((tier) => tier.when), cost, answerCost].flatMap((tree) =>
    tree === undefined ? [] : leavesOf(tree),
  );
}

function isOfKey(leaf: Leaf): boolean {
  return leaf.kind === "attribute" && leaf.name.startsWith("request.auth.key.");
}

/** @returns null where there is none: a request pays nothing then */
export function joinLimits(limits: readonly LinkedLimit[]): readonly LinkedLimit[] | null {
  const all = new Map<string, LinkedLimit>();
  for (const limit of limits) {
    const same = all.get(limit.prefix);
    all.set(limit.prefix, same === undefined ? limit : joined(same, limit));
  }
  return all.size === 0 ? null : [...all.values()].toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

/** One limit that is for several targets: it counts a request once, whichever of them it is to. */
function joined(limit: LinkedLimit, { when: other }: LinkedLimit): LinkedLimit {
  const { when: one } = limit;
  if (one === other || one === null) return limit;
  const when: OfRequest | null = other && ((context, now) => one(context, now) !== false || other(context, now));
  return { ...limit, when };
}

export function linkLimit(model: LimitModel): LinkedLimit {
  const { when, key, tiers = [], overrides = {}, cost, answerCost, keysOf = [] } = model;
  const reader = ofKeys(keysOf, readerOf);
  const keyReader = ofKeys(keysOf, keyReaderOf);
  return {
    model,
    when: when === undefined ? null : linkExpression(when, reader),
    key: key.map((part) => linkExpression(part, keyReader)),
    keyLeaves: key.flatMap(leavesOf).map(reader),
    tiers: tiers.map((tier) => ({ when: linkExpression(tier.when, reader), rates: tier.rates })),
    overrides: new Map(Object.entries(overrides)),
    cost: cost === undefined ? null : linkExpression(cost, reader),
    answerCost: answerCost === undefined ? null : linkExpression(answerCost, reader),
    prefix: counterPrefix(model.name, model.target),
  };
}

/** The objects of a location are close by. */
const LOCATION_TIMEOUT_MS = 50;
const GLOBAL_TIMEOUT_MS = 400;

/** Longer keys are as good as none: nobody makes a counter as large as they like. */
const MAX_KEY = 256;

/** What a request is asked about. */
export function limitAsks(limits: readonly LinkedLimit[], context: LimitContext): readonly LimitAsk[] {
  const asks: LimitAsk[] = [];
  for (const limit of limits) {
    const { model, when, prefix } = limit;
    // What cannot be worked out counts as holding: else whoever leaves a header out would leave the limit out.
    if (when !== null && when(context, 0) === false) continue;
    const parts = keyOf(limit, context);
    if (parts === null && model.missing === "SKIP" && !isThere(limit, context)) continue;
    const missing = parts === null && model.missing === "REFUSE";
    const cost = costOf(limit, context);
    if (cost === 0 && !missing) continue;
    const key = parts === null ? "" : keyText(parts);
    asks.push({
      name: model.name,
      scope: model.scope,
      counter: `${prefix}${key}`,
      shared: `${prefix}+`,
      rates: ratesOf(limit, key, context),
      cost,
      audit: model.audit === true,
      closed: model.closed === true,
      missing,
      timeoutMs: model.timeoutMs ?? (model.scope === "GLOBAL" ? GLOBAL_TIMEOUT_MS : LOCATION_TIMEOUT_MS),
      ...(limit.answerCost !== null && { answerCost: costsOf(limit.answerCost, context) }),
    });
  }
  return asks;
}

/** @returns null where a part is not there */
function keyOf({ key }: LinkedLimit, context: LimitContext): readonly string[] | null {
  const parts: string[] = [];
  let length = 0;
  for (const part of key) {
    const value = part(context, 0);
    if (value === undefined || value === "") return null;
    const text = String(value);
    length += text.length;
    if (length > MAX_KEY) return null;
    parts.push(text);
  }
  return parts;
}

/** A header twice, or a path that is too long, makes no key of what is there: nobody gets out of a limit by that. */
function isThere({ keyLeaves }: LinkedLimit, context: LimitContext): boolean {
  return keyLeaves.every((leaf) => {
    const value = leaf(context, 0);
    return value !== undefined && value !== "";
  });
}

function ratesOf({ model, tiers, overrides }: LinkedLimit, key: string, context: LimitContext): readonly Rate[] {
  const own = overrides.get(key);
  if (own !== undefined) return own;
  let strictest: readonly Rate[] | null = null;
  for (const { when, rates } of tiers) {
    const holds = when(context, 0);
    if (holds === false) continue;
    strictest = stricter(strictest, rates);
    if (holds === true) return strictest;
  }
  return stricter(strictest, model.rates);
}

/** Where a tier's condition cannot be worked out, nobody gains by it: of the rates in question those hold that let the least through in the long run. */
function stricter(one: readonly Rate[] | null, other: readonly Rate[]): readonly Rate[] {
  if (one === null) return other;
  const [pace, otherPace] = [paceOf(one), paceOf(other)];
  return pace < otherPace || (pace === otherPace && leastBurst(one) <= leastBurst(other)) ? one : other;
}

function leastBurst(rates: readonly Rate[]): number {
  return rates.reduce((least, rate) => Math.min(least, burstOf(rate)), Infinity);
}

function paceOf(rates: readonly Rate[]): number {
  return rates.reduce((least, { limit, windowMs }) => Math.min(least, limit / windowMs), Infinity);
}

/** Where answers cost too, each request costs something: only so is it asked whether there is room. */
function costOf({ cost, answerCost }: LinkedLimit, context: LimitContext): number {
  if (cost === null) return 1;
  const value = cost(context, 0);
  return typeof value === "number" && value >= (answerCost === null ? 0 : 1) ? value : 1;
}

function costsOf(answerCost: OfRequest, context: LimitContext): (answer: LimitAnswer) => Value {
  return (answer) => answerCost({ ...context, answer }, 0);
}

/** What their expressions may name (`LIMIT_ATTRIBUTES` in src/resources/cel-attributes.ts). */
function readerOf(leaf: Leaf): OfRequest {
  if (leaf.kind === "header")
    return leaf.of === "response"
      ? ({ answer }) => answer?.header(leaf.name) ?? undefined
      : ({ facts }) => facts.headers[leaf.name];
  const claim = /^request\.auth\.claims\.(.+)$/s.exec(leaf.name)?.[1];
  if (claim !== undefined) return ({ tokens }) => claimOf(tokens, claim);
  const label = /^request\.auth\.key\.labels\.(.+)$/s.exec(leaf.name)?.[1];
  if (label !== undefined) return ({ facts }) => labelOf(facts, label);
  const read = Object.hasOwn(READERS, leaf.name) ? READERS[leaf.name] : undefined;
  return read === undefined ? () => undefined : (context) => read(context) ?? undefined;
}

/** Who may write in another namespace makes API keys there of any name and plan: they say nothing here. */
function ofKeys(namespaces: readonly string[], reader: (leaf: Leaf) => OfRequest): (leaf: Leaf) => OfRequest {
  return (leaf) => {
    const read = reader(leaf);
    if (!isOfKey(leaf)) return read;
    return (context, now) => {
      const { apiKey } = context.facts;
      return apiKey !== undefined && namespaces.includes(apiKey.namespace) ? read(context, now) : undefined;
    };
  };
}

/** A key is of one: a header that came more than once, or holds a list, names nobody. */
function keyReaderOf(leaf: Leaf): OfRequest {
  return leaf.kind === "header" ? ({ facts }) => single(facts.headers[leaf.name]) : readerOf(leaf);
}

const READERS: Readonly<Record<string, (context: LimitContext) => Value | null>> = {
  "request.url_path": ({ facts }) => facts.path,
  // What a target's host is compared with: no author names it.
  host: ({ facts }) => facts.host,
  // Without the port and the trailing dot, which clients choose.
  "request.host": ({ facts }) => facts.host,
  "request.scheme": ({ facts }) => facts.scheme,
  "request.method": ({ facts }) => facts.method,
  "request.useragent": ({ facts }) => facts.headers["user-agent"],
  "request.auth.principal": ({ tokens }) => tokens[0]?.principal,
  "request.auth.key.id": ({ facts }) => facts.apiKey?.id,
  "request.auth.key.name": ({ facts }) => facts.apiKey?.name,
  "request.auth.key.plan": ({ facts }) => facts.apiKey?.plan,
  "source.address": ({ facts }) => network(facts.clientIp),
  "source.principal": ({ facts }) => facts.peer.principal,
  "source.namespace": ({ facts }) => facts.peer.namespace,
  "destination.port": ({ facts }) => facts.port,
  "xds.route_name": ({ route }) => route,
  "response.code": ({ answer }) => answer?.code,
  "response.size": ({ answer }) => answer?.size,
};

function single(value: string | undefined): string | undefined {
  return value === undefined || value.includes(",") ? undefined : value.trim();
}

function labelOf({ apiKey }: RequestFacts, name: string): Value {
  return apiKey !== undefined && Object.hasOwn(apiKey.labels, name) ? apiKey.labels[name] : undefined;
}

function claimOf(tokens: readonly VerifiedToken[], name: string): Value {
  for (const { claims } of tokens) {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (typeof value === "string" || typeof value === "boolean") return value;
    if (typeof value === "number") return String(value);
  }
  return undefined;
}

/** An IPv6 address is cut to /64, which one customer has whole (R33). */
function network(address: string | null): string | null {
  const ip = address === null ? null : parseIp(address);
  if (ip === null) return address;
  if (ip.length === 4) return formatIp(ip);
  return `${formatIp(ip.map((byte, at) => (at < 8 ? byte : 0)))}/64`;
}
