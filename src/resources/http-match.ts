import { z } from "zod";
import { neverCanonical } from "./canonical-path.ts";
import { claimPath, namesClaim } from "./claim-name.ts";
import { list, strict, text } from "./fields.ts";
import { isHeaderName } from "./header-operations.ts";
import { isDnsLabel, isDnsSubdomain, labels, namespaceName } from "./names.ts";
import { neverInQuery, neverMethod, neverScheme } from "./never-matches.ts";
import type { Report } from "./report.ts";
import { isPresence, PresenceMatch, StringMatch, type StringMatchSpec, UriMatch } from "./string-match.ts";

/** `mesh`, the name of a Gateway of this namespace, or `namespace/name`. */
export const gatewayName = text((value) => {
  const [first = "", second, ...more] = value.split("/");
  if (more.length > 0) return false;
  return second === undefined ? isDnsSubdomain(first) : isDnsLabel(first) && isDnsSubdomain(second);
}, "`mesh`, the name of a Gateway, or `namespace/name` of one");

const PSEUDO_HEADERS = new Set([":method", ":path", ":authority", ":scheme"]);

const matchedHeader = z.string().superRefine((name, ctx) => {
  if (isHeaderName(name) || claimPath(name) !== null || PSEUDO_HEADERS.has(name.toLowerCase())) return;
  const message = namesClaim(name)
    ? "must be `@request.auth.claims.name`, or `@request.auth.claims[name]` with one pair of brackets for each level"
    : name.startsWith(":")
      ? `a request's pseudo-headers are ${[...PSEUDO_HEADERS].join(", ")}`
      : "must be a header name";
  ctx.addIssue({ code: "custom", message });
});
const matchedHeaders = z.record(matchedHeader, PresenceMatch);

export const HttpMatch = strict({
  name: z.string().exactOptional(),
  uri: UriMatch.exactOptional(),
  ignoreUriCase: z.boolean().exactOptional(),
  scheme: StringMatch.exactOptional(),
  method: StringMatch.exactOptional(),
  authority: StringMatch.exactOptional(),
  headers: matchedHeaders.exactOptional(),
  withoutHeaders: matchedHeaders.exactOptional(),
  queryParams: z.record(z.string().min(1), PresenceMatch).exactOptional(),
  // To Istio 0 is a field that is not set.
  port: z.int().min(0).max(65_535).exactOptional(),
  sourceNamespace: namespaceName.exactOptional(),
  gateways: list(gatewayName).max(1_000).exactOptional(),
  sourceLabels: labels.exactOptional(),
  statPrefix: z.string().exactOptional(),
});

export type HttpMatchSpec = z.infer<typeof HttpMatch>;

/** What a match block compares the path by. */
export type UriKind = "exact" | "prefix" | "regex";

export function uriKind({ uri = {} }: HttpMatchSpec): UriKind | null {
  if (uri.exact !== undefined) return "exact";
  return uri.prefix !== undefined ? "prefix" : uri.regex !== undefined ? "regex" : null;
}

export function checkGateways(values: readonly string[], report: Report): void {
  for (const [index, value] of values.entries())
    if (values.indexOf(value) < index) report.at(index).warn(`\`${value}\` is there twice`);
}

/** @param gateways of the VirtualService */
export function checkMatch(match: HttpMatchSpec, gateways: readonly string[], place: Report): void {
  checkGateways(match.gateways ?? [], place.at("gateways"));
  checkClaims(match, gateways, place);
  if (match.sourceLabels !== undefined && match.gateways === undefined && !gateways.includes("mesh"))
    place
      .at("sourceLabels")
      .warn("names callers in the mesh, and `gateways` lacks `mesh`: it is compared with the Gateway's own labels");
  warnOfNever(match, place);
}

/** Tokens are verified before the route is chosen at Gateways alone. */
function checkClaims(match: HttpMatchSpec, gateways: readonly string[], place: Report): void {
  const isMesh = (names: readonly string[]): boolean => names.every((name) => name === "mesh");
  for (const field of ["headers", "withoutHeaders"] as const)
    for (const name of Object.keys(match[field] ?? {})) {
      if (claimPath(name) === null) continue;
      if (isMesh(gateways))
        place.at(field, name).error("claims route at Gateways only: name one in the VirtualService's `gateways`");
      else if (isMesh(match.gateways ?? gateways))
        place
          .at(field, name)
          .warn("no claim is known in the mesh: there this never matches, or always in `withoutHeaders`", "TULLE0203");
    }
}

const NEVER_WITHOUT =
  "never matches: `.*` holds for every value, and a header that is not there counts as an empty one; write `{}` for requests without it";

function warnOfNever(match: HttpMatchSpec, place: Report): void {
  const { uri, ignoreUriCase, method, scheme } = match;
  if (ignoreUriCase === true && uri?.exact === undefined && uri?.prefix === undefined)
    place
      .at("ignoreUriCase")
      .warn("has an effect on `uri.exact` and `uri.prefix` only; write `(?i)` into a regex", "TULLE0003");
  const path = uri?.exact ?? uri?.prefix ?? "/";
  const byPath = path !== "" && !path.startsWith("/") ? "never matches: a path begins with `/`" : neverCanonical(path);
  if (byPath !== null) place.at("uri").warn(byPath, "TULLE0203");
  else if (path.includes("*"))
    place.at("uri").warn("`*` is compared as it stands: `prefix` takes whatever follows it, `regex` takes patterns");
  if (/%(?:[a-f][\da-f]|\d[a-f])/.test(uri?.regex ?? ""))
    place.at("uri", "regex").warn("escapes are compared in capitals: write `%C3`, not `%c3`", "TULLE0203");
  warnOf(method, neverMethod, place.at("method"));
  warnOf(scheme, neverScheme, place.at("scheme"));
  for (const [name, wanted] of Object.entries(match.headers ?? {})) {
    if (name.toLowerCase() === ":method") warnOf(wanted, neverMethod, place.at("headers", name));
    if (name.toLowerCase() === ":scheme") warnOf(wanted, neverScheme, place.at("headers", name));
  }
  for (const [name, { regex }] of Object.entries(match.withoutHeaders ?? {}))
    if (regex === ".*" && claimPath(name) === null) place.at("withoutHeaders", name).warn(NEVER_WITHOUT, "TULLE0203");
  for (const [name, { exact, prefix }] of Object.entries(match.queryParams ?? {})) {
    const byQuery = name.includes("=")
      ? "never matches: a parameter's name ends before `=`"
      : (neverInQuery(name) ?? neverInQuery(exact ?? prefix ?? ""));
    if (byQuery !== null) place.at("queryParams", name).warn(byQuery, "TULLE0203");
  }
}

function warnOf(
  wanted: StringMatchSpec | undefined,
  never: (wanted: StringMatchSpec) => string | null,
  place: Report,
): void {
  const why = wanted === undefined || isPresence(wanted) ? null : never(wanted);
  if (why !== null) place.warn(why, "TULLE0203");
}

export function matchesAll(match: HttpMatchSpec): boolean {
  const {
    name: _name,
    ignoreUriCase: _case,
    statPrefix: _prefix,
    port = 0,
    uri,
    headers = {},
    withoutHeaders = {},
    queryParams = {},
    ...rest
  } = match;
  if (port !== 0 || Object.values(rest).some((value) => value !== undefined)) return false;
  if ([headers, withoutHeaders, queryParams].some((map) => Object.keys(map).length > 0)) return false;
  return uri === undefined || uri.prefix === "/" || uri.prefix === "" || uri.regex === ".*";
}
