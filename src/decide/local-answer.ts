import type { HeaderChange } from "../request/changes.ts";
import type { RequestFacts } from "../request/facts.ts";
import { withStatus } from "../request/header-format.ts";
import { fillChanges, isTooLong } from "../routing/header-operations.ts";
import { rewritePath } from "../routing/rewrite.ts";
import type { LinkedAnswer, LinkedFront, LinkedRoute } from "../snapshot/link.ts";
import type { Redirect, RouteMatch } from "../snapshot/model.ts";
import { type Answer, answerOf } from "./answers.ts";

/** Plain http at a Gateway that wants https. */
export function httpsRedirect(front: LinkedFront, facts: RequestFacts): Answer {
  const location = locationText("https", facts.host, withQuery(facts.forwardPath, facts.query));
  return { ...answerOf("https_redirect", front.model.gateway), headers: [["location", location]] };
}

/**
 * The answer of a route that sends nothing on: its redirect, or its direct response.
 *
 * @param matched the block that holds
 */
export function localAnswer(
  route: LinkedRoute,
  { body, response }: LinkedAnswer,
  facts: RequestFacts,
  matched: RouteMatch,
): Answer {
  const { redirect, direct } = route.model;
  const answer: Answer =
    redirect === undefined
      ? {
          ...answerOf(direct?.blocked ? "egress_blocked" : "direct_response", null, route),
          status: direct?.status ?? 200,
          body,
        }
      : {
          ...answerOf("redirect", null, route),
          status: redirect.status,
          headers: [["location", locationOf(redirect, facts, matched)]],
        };
  if (response.length === 0) return answer;
  const context = { facts, route: route.model.name, cluster: null };
  const changes = fillChanges(response, context);
  if (isTooLong("response", changes, context)) return answerOf("headers_too_large", null, route);
  return { ...answer, headers: changedLines(answer, changes) };
}

function locationOf(redirect: Redirect, facts: RequestFacts, matched: RouteMatch): string {
  const scheme = redirect.scheme ?? facts.scheme;
  const { path, prefix } = redirect;
  const authority = authorityOf(redirect, scheme, facts);
  if (path?.includes("?") === true) return locationText(scheme, authority, path);
  const swapped = prefix === undefined ? null : rewritePath(facts, { uri: prefix }, matched);
  return locationText(scheme, authority, withQuery(path ?? swapped ?? facts.forwardPath, facts.query));
}

/** A port that is the scheme's own is left out; then the one of the request's Host stays, if it had one. */
function authorityOf({ authority, port: wanted }: Redirect, scheme: string, facts: RequestFacts): string {
  const asked = wanted === "request" ? facts.port : wanted;
  const port = asked === defaultPort(scheme) ? undefined : asked;
  if (port !== undefined) return `${authority ?? facts.host}:${port}`;
  if (authority !== undefined) return authority;
  // `http://a:80/` by https is `https://a/`: the port belonged to the other scheme.
  const stale = scheme !== facts.scheme && facts.authority === `${facts.host}:${defaultPort(facts.scheme)}`;
  return stale ? facts.host : facts.authority;
}

function defaultPort(scheme: string): number {
  return scheme === "https" ? 443 : 80;
}

function withQuery(path: string, query: string): string {
  return query === "" ? path : `${path}?${query}`;
}

/** All parts are canonical or checked: nothing in them ends a URL's part or a header's line. */
function locationText(scheme: string, authority: string, path: string): string {
  return `${scheme}://${authority}${path}`;
}

function changedLines({ headers, status }: Answer, changes: readonly HeaderChange[]): Answer["headers"] {
  let changed = headers;
  for (const change of changes) {
    if (change.op !== "add") changed = changed.filter(([name]) => name !== change.name);
    if (change.op !== "set" && change.op !== "add") continue;
    const { name, template } = change;
    const value = withStatus(change.value, status);
    changed = [...changed, template === undefined ? [name, value] : [name, value, template]];
  }
  return changed;
}
