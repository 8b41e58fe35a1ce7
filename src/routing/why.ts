import { type Compared, matchText } from "../match/compared.ts";
import { isSecretHeader } from "../match/secret-test.ts";
import { claimValues } from "../policy/claims.ts";
import { ConclusionMissing, type RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { RouteMatch } from "../snapshot/model.ts";
import { blockHolds, type BlockSlice, partsOf } from "./route-match.ts";

/** The parts of a match block as they stand to a request, up to the first that fails. */
export function whyBlock(
  model: RouteMatch,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  slice: BlockSlice,
): readonly Compared[] {
  const compared: Compared[] = [];
  for (const [, part] of partsOf(model)) {
    const holds = holdsFor(part, facts, tokens, slice);
    compared.push({ ...sides(part, facts, tokens, slice.secret), holds });
    if (holds === false) break;
  }
  return compared;
}

function holdsFor(...asked: Parameters<typeof blockHolds>): boolean | null {
  try {
    return blockHolds(...asked);
  } catch (error) {
    if (error instanceof ConclusionMissing) return null;
    throw error;
  }
}

const NOT_SHOWN = "(not shown)";

/** @param part a block of one part */
function sides(
  { uri, scheme, method, authority, port, sourceNamespace, headers, claims, query }: RouteMatch,
  facts: RequestFacts,
  tokens: readonly VerifiedToken[],
  secret: ReadonlySet<string>,
): Omit<Compared, "holds"> {
  const one = (field: string, of: string, actual: string | null, wanted: string) => ({
    field,
    of,
    actual,
    wanted: [wanted],
  });
  if (uri) return one("uri", "path", facts.path, matchText(uri));
  if (scheme) return one("scheme", "scheme", facts.scheme, matchText(scheme));
  if (method) return one("method", "method", facts.method, matchText(method));
  if (authority) return one("authority", "host", facts.authority, matchText(authority));
  if (port !== undefined) return one("port", "port", String(facts.port), String(port));
  if (sourceNamespace !== undefined)
    return one("sourceNamespace", "source namespace", facts.peer.namespace, sourceNamespace);
  const not = (invert: true | undefined): string => (invert === true ? "not " : "");
  for (const { name, match, invert } of headers ?? [])
    return one(`headers[${name}]`, `header ${name}`, headerValue(name, facts, secret), not(invert) + matchText(match));
  for (const { path, match, invert } of claims ?? []) {
    const values = tokens.flatMap((token) => claimValues(token, path) ?? []);
    const actual = values.length === 0 ? null : values.join(", ");
    return one(`headers[@request.auth.claims.${path.join(".")}]`, "claim", actual, not(invert) + matchText(match));
  }
  for (const { name, match } of query ?? [])
    return one(`queryParams[${name}]`, `query parameter ${name}`, NOT_SHOWN, matchText(match));
  return one("", "request", null, "*");
}

function headerValue(name: string, facts: RequestFacts, secret: ReadonlySet<string>): string | null {
  if (name === ":method") return facts.method;
  if (name === ":authority") return facts.authority;
  if (name === ":scheme") return facts.scheme;
  if (name === ":path") return facts.path;
  const value = facts.headers[name];
  if (value === undefined) return null;
  return isSecretHeader(name, secret) ? NOT_SHOWN : value;
}
