import { linkWith } from "../match/machine.ts";
import { allOf, type Anchors, type Key, type Rule, RuleIndex, type Test } from "../match/rule-index.ts";
import { concluded, isSecretHeader } from "../match/secret-test.ts";
import { isPlainExact, linkMatch, type Matcher } from "../match/string-match.ts";
import { claimValues } from "../policy/claims.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { Route, RouteMatch, Slice } from "../snapshot/model.ts";

/** One match block of one route; a route without blocks has one that always holds. */
export interface LinkedMatch<R> extends Rule {
  readonly route: R;
  readonly model: RouteMatch;
}

/** Routes in order, found by path and by one header each. */
export type RouteIndex<R> = RuleIndex<LinkedMatch<R>>;

/** @param secret headers that may hold a token, lower case: no record holds their values */
export function linkRoutes<R extends { readonly model: Route }>(
  routes: readonly R[],
  secret: ReadonlySet<string>,
): RouteIndex<R> {
  const rules = routes.flatMap((route) => {
    const blocks = route.model.matches.length === 0 ? [{}] : route.model.matches;
    return blocks.map((model) => ({
      anchors: anchorsOf(model, secret),
      rule: { route, model, holds: linkBlock(model, secret) },
    }));
  });
  return new RuleIndex(rules);
}

const NO_TOKENS: readonly never[] = [];

/**
 * The first match block that holds; null: no route.
 *
 * @param tokens that the Gateway accepted
 */
export function matchRoute<R>(
  index: RouteIndex<R>,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[] = NO_TOKENS,
): LinkedMatch<R> | null {
  return index.find(facts, tokens);
}

function anchorsOf({ uri, headers }: RouteMatch, secret: ReadonlySet<string>): Anchors {
  const path = uri && (uri.kind === "exact" || uri.kind === "prefix") && uri.ignoreCase === undefined ? uri : undefined;
  // A header that came on several lines is matched joined in another way, so its value is no anchor for lists.
  const header = headers?.find(
    ({ name, match, invert }) =>
      invert === undefined &&
      !name.startsWith(":") &&
      isPlainExact(match) &&
      !match.value.includes(",") &&
      !isSecretHeader(name, secret),
  );
  return {
    ...(path && { paths: [{ kind: path.kind, value: path.value }] }),
    ...(header && isPlainExact(header.match) && { key: { ...headerKey(header.name), values: [header.match.value] } }),
  };
}

function headerKey(name: string): Key {
  return { name, valueOf: ({ headers }) => headers[name] ?? null };
}

/** One match block, made ready; also of what else is for some requests alone. */
export function linkBlock(model: RouteMatch, secret: ReadonlySet<string>): Test {
  const tests: Test[] = [];
  const { uri, scheme, method, authority, headers, query, port, sourceNamespace, claims } = model;
  if (uri) tests.push(on(uri, ({ path }) => path));
  if (scheme) tests.push(on(scheme, (facts) => facts.scheme));
  if (method) tests.push(on(method, (facts) => facts.method));
  if (authority) tests.push(on(authority, (facts) => facts.authority));
  if (port !== undefined) tests.push((facts) => facts.port === port);
  if (sourceNamespace !== undefined) tests.push(({ peer }) => peer.namespace === sourceNamespace);
  for (const header of headers ?? []) tests.push(headerTest(header, secret));
  for (const claim of claims ?? []) tests.push(claimTest(claim));
  for (const parameter of query ?? []) {
    const matches = linkMatch(parameter.match, false);
    const holds: Test = (facts) => facts.query !== "" && matches(queryValue(facts.query, parameter.name));
    tests.push(concluded("route", { query: parameter }, holds));
  }
  return allOf(tests);
}

/** A part of a match block: its field, with the name of a header or parameter, and a block of it alone. */
export function partsOf(model: RouteMatch): readonly (readonly [string, RouteMatch])[] {
  const { headers = [], query = [], claims = [], ...plain } = model;
  return [
    ...Object.entries(plain).map(([field, value]) => [field, { [field]: value }] as const),
    ...headers.map((header) => [`header \`${header.name}\``, { headers: [header] }] as const),
    ...claims.map((claim) => [`claim \`${claim.path.join(".")}\``, { claims: [claim] }] as const),
    ...query.map((parameter) => [`query parameter \`${parameter.name}\``, { query: [parameter] }] as const),
  ];
}

/**
 * Whether a match block holds, or a part of one: for whoever wants to know, at the price of linking it anew.
 *
 * @throws ConclusionMissing as the block itself does
 */
export function blockHolds(
  model: RouteMatch,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  { secret, model: { programs } }: BlockSlice,
): boolean {
  return linkWith(programs, () => linkBlock(model, secret))(facts, tokens);
}

/** What of the linked slice that a block stands in it takes to link it anew. */
export interface BlockSlice {
  readonly secret: ReadonlySet<string>;
  readonly model: Pick<Slice, "programs">;
}

/**
 * Why a match block does not hold: the first of its parts that does not.
 *
 * @returns the part's field, with the name of a header or parameter; null where all hold
 * @throws ConclusionMissing as the block itself does
 */
export function failedPart(
  model: RouteMatch,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  slice: BlockSlice,
): string | null {
  return partsOf(model).find(([, part]) => !blockHolds(part, facts, tokens, slice))?.[0] ?? null;
}

function on(match: RouteMatch["uri"] & object, valueOf: (facts: RequestFacts) => string): Test {
  const matches = linkMatch(match, false);
  return (facts) => matches(valueOf(facts));
}

type HeaderMatch = NonNullable<RouteMatch["headers"]>[number];

function headerTest(header: HeaderMatch, secret: ReadonlySet<string>): Test {
  const { name, match, invert } = header;
  const matches = linkMatch(match, false);
  const pseudo = PSEUDO_HEADERS.get(name);
  if (pseudo !== undefined) {
    const holds: Test = (facts) => matches(pseudo(facts)) !== (invert === true);
    return name === ":path" ? concluded("route", { header }, holds) : holds;
  }
  const holds = plainHeaderTest(name, matches, match.kind === "present", invert === true);
  return isSecretHeader(name, secret) ? concluded("route", { header }, holds) : holds;
}

const PSEUDO_HEADERS: ReadonlyMap<string, (facts: RequestFacts) => string> = new Map([
  [":method", ({ method }: RequestFacts) => method],
  [":path", ({ path, query }: RequestFacts) => (query === "" ? path : `${path}?${query}`)],
  [":authority", ({ authority }: RequestFacts) => authority],
  [":scheme", ({ scheme }: RequestFacts) => scheme],
]);

function plainHeaderTest(name: string, matches: Matcher, presence: boolean, invert: boolean): Test {
  if (!invert) return ({ headers }) => matchesJoined(matches, headers[name] ?? null);
  if (presence) return ({ headers }) => headers[name] === undefined;
  return ({ headers }) => !matchesJoined(matches, headers[name] ?? "");
}

/** A claim of any token, and any member of a list; one that is not there, or is neither text nor list, never matches. */
function claimTest({ path, match, invert }: NonNullable<RouteMatch["claims"]>[number]): Test {
  const matches = linkMatch(match, false);
  const holds: Test = (_, tokens) => tokens.some((token) => claimValues(token, path)?.some(matches) === true);
  return invert === true ? (facts, tokens) => !holds(facts, tokens) : holds;
}

/** Repeated lines come joined by `, `; Istio joins them by `,`. A single line may hold either, so both are looked at. */
function matchesJoined(matches: Matcher, value: string | null): boolean {
  if (matches(value)) return true;
  return value !== null && value.includes(", ") && matches(value.replaceAll(", ", ","));
}

/** The first value of a query key, both as they stand (`a%20b`, `a+b`), as Envoy compares them; null where it is not there. */
export function queryValue(query: string, name: string): string | null {
  for (let start = 0; start <= query.length;) {
    const next = query.indexOf("&", start);
    const end = next < 0 ? query.length : next;
    if (query.startsWith(name, start)) {
      const after = start + name.length;
      if (after === end) return "";
      if (after < end && query[after] === "=") return query.slice(after + 1, end);
    }
    start = end + 1;
  }
  return null;
}
