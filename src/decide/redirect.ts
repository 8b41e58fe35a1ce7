import type { RequestFacts } from "../request/facts.ts";
import type { LinkedFront, LinkedRoute } from "../snapshot/link.ts";
import type { Redirect } from "../snapshot/model.ts";
import { type Answer, answerOf } from "./answers.ts";

/** Plain http at a Gateway that wants https. */
export function httpsRedirect(front: LinkedFront, facts: RequestFacts): Answer {
  const location = locationText("https", facts.host, facts.forwardPath, facts.query);
  return { ...answerOf("https_redirect", front.model.gateway), headers: [["location", location]] };
}

/** @param path as the match rewrites it */
export function redirectAnswer(route: LinkedRoute, redirect: Redirect, facts: RequestFacts): Answer {
  const scheme = redirect.scheme ?? facts.scheme;
  const location = locationText(
    scheme,
    authorityOf(redirect, scheme, facts),
    redirect.path ?? facts.forwardPath,
    facts.query,
  );
  return { ...answerOf("redirect", null, route), status: redirect.status, headers: [["location", location]] };
}

/** A port is left out where it is the scheme's own. */
function authorityOf({ authority, port }: Redirect, scheme: string, facts: RequestFacts): string {
  const name = authority ?? (port === undefined ? facts.authority : facts.host);
  if (port === undefined || port === (scheme === "https" ? 443 : 80)) return name;
  return `${name}:${port}`;
}

/** All parts are canonical: nothing in them ends a URL's part or a header's line. */
function locationText(scheme: string, authority: string, path: string, query: string): string {
  return `${scheme}://${authority}${path}${query === "" ? "" : `?${query}`}`;
}
