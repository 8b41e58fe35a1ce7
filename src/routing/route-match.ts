import type { HeaderView } from "../decide/types.ts";
import { type Anchors, RuleIndex } from "../match/rule-index.ts";
import { isPlainExact, linkMatch, type Matcher } from "../match/string-match.ts";
import type { Route, RouteMatch } from "../snapshot/model.ts";

/** What a route's matches read of a request. */
export interface RouteView {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** As received, with its port if it had one. */
  readonly authority: string;
  readonly port: number;
  readonly path: string;
  /** Raw, without `?`. */
  readonly query: string;
  readonly headers: HeaderView;
  /** The caller's namespace, as far as it is proven. */
  readonly namespace: string | null;
}

/** One match block of one route; a route without blocks has one that always holds. */
export interface LinkedMatch<R> {
  readonly route: R;
  readonly model: RouteMatch;
  readonly holds: (view: RouteView) => boolean;
}

/** Routes in order, found by path and by one header each. */
export type RouteIndex<R> = RuleIndex<LinkedMatch<R>>;

export function linkRoutes<R extends { readonly model: Route }>(routes: readonly R[]): RouteIndex<R> {
  const rules = routes.flatMap((route) => {
    const blocks = route.model.matches.length === 0 ? [{}] : route.model.matches;
    return blocks.map((model) => ({ anchors: anchorsOf(model), rule: { route, model, holds: linkBlock(model) } }));
  });
  return new RuleIndex(rules);
}

/** The first match block that holds; null: no route. */
export function matchRoute<R>(index: RouteIndex<R>, view: RouteView): LinkedMatch<R> | null {
  return index.find(
    view.path,
    (name) => view.headers.get(name),
    (match) => match.holds(view),
  );
}

function anchorsOf({ uri, headers }: RouteMatch): Anchors {
  const path = uri && (uri.kind === "exact" || uri.kind === "prefix") && uri.ignoreCase === undefined ? uri : undefined;
  // A header that came on several lines is matched joined in another way, so its value is no anchor for lists.
  const header = headers?.find(
    ({ match, invert }) => invert === undefined && isPlainExact(match) && !match.value.includes(","),
  );
  return {
    ...(path && { paths: [{ kind: path.kind, value: path.value }] }),
    ...(header && isPlainExact(header.match) && { key: { name: header.name, values: [header.match.value] } }),
  };
}

function linkBlock(model: RouteMatch): (view: RouteView) => boolean {
  const tests: ((view: RouteView) => boolean)[] = [];
  const { uri, scheme, method, authority, headers, query, port, sourceNamespace } = model;
  if (uri) tests.push(on(uri, ({ path }) => path));
  if (scheme) tests.push(on(scheme, (view) => view.scheme));
  if (method) tests.push(on(method, (view) => view.method));
  if (authority) tests.push(on(authority, (view) => view.authority));
  if (port !== undefined) tests.push((view) => view.port === port);
  if (sourceNamespace !== undefined) tests.push(({ namespace }) => namespace === sourceNamespace);
  for (const { name, match, invert } of headers ?? [])
    tests.push(headerTest(name, linkMatch(match, false), match.kind === "present", invert === true));
  for (const { name, match } of query ?? []) {
    const matches = linkMatch(match, false);
    tests.push((view) => view.query !== "" && matches(queryValue(view.query, name)));
  }
  const [first, second] = tests;
  if (!first) return () => true;
  return second ? (view) => tests.every((test) => test(view)) : first;
}

function on(match: RouteMatch["uri"] & object, valueOf: (view: RouteView) => string): (view: RouteView) => boolean {
  const matches = linkMatch(match, false);
  return (view) => matches(valueOf(view));
}

function headerTest(name: string, matches: Matcher, presence: boolean, invert: boolean): (view: RouteView) => boolean {
  if (!invert) return ({ headers }) => matchesJoined(matches, headers.get(name));
  if (presence) return ({ headers }) => headers.get(name) === null;
  return ({ headers }) => !matchesJoined(matches, headers.get(name) ?? "");
}

/** Repeated lines come joined by `, `; Istio joins them by `,`. A single line may hold either, so both are looked at. */
function matchesJoined(matches: Matcher, value: string | null): boolean {
  if (matches(value)) return true;
  return value !== null && value.includes(", ") && matches(value.replaceAll(", ", ","));
}

/** The first value of a query key, decoded once; null where it is not there. */
function queryValue(query: string, name: string): string | null {
  return new URLSearchParams(query).get(name);
}
