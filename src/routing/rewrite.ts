import type { RequestFacts } from "../request/facts.ts";
import { linkReplaceAll } from "../match/substitution.ts";
import { MAX_PATH } from "./canonical-path.ts";
import { withCapitalEscapes } from "./unreserved.ts";
import type { Route, RouteMatch } from "../snapshot/model.ts";

/**
 * What a route makes of a path: where the uri matched by prefix that prefix is swapped, else the whole path. A match that
 * names no uri holds for the prefix `/`, as in Istio.
 */
export function rewritePath(
  { forwardPath }: Pick<RequestFacts, "forwardPath">,
  rewrite: Route["rewrite"],
  { uri: matched }: RouteMatch,
): string | null {
  const uri = rewrite?.uri;
  if (uri === undefined) return null;
  if (matched === undefined) return uri + forwardPath.slice(1);
  return matched.kind === "prefix" ? uri + behind(forwardPath, matched.value.length) : uri;
}

/**
 * What `rewrite.regex` makes of a path, whose escapes are in capitals for it as for other patterns.
 *
 * @returns null where there is none; a path that would be too long becomes none, which is refused
 */
export function linkRewriter({ rewrite }: Route): ((path: string) => string) | null {
  const regex = rewrite?.regex;
  if (regex === undefined) return null;
  const replace = linkReplaceAll(regex.match, regex.rewrite, MAX_PATH);
  return (path) => replace(withCapitalEscapes(path)) ?? "";
}

/** What follows the first characters of a path. Its `;params` are no part of what was matched, so they do not count. */
function behind(path: string, characters: number): string {
  if (!path.includes(";")) return path.slice(characters);
  let at = 0;
  for (let left = characters; left > 0 && at < path.length; left -= 1) {
    if (path[at] === ";") at = path.indexOf("/", at);
    at += 1;
  }
  return path.slice(at);
}
