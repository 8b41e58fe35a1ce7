import { z } from "zod";
import { isAuthorityValue } from "./authority.ts";
import { neverCanonical } from "./canonical-path.ts";
import { checkCors, CorsPolicy } from "./cors.ts";
import { durationOrZero } from "./duration.ts";
import { later, list, neededList, never, portNumber, REASON, strict, text } from "./fields.ts";
import { checkHeaders, Headers, isHeaderName } from "./header-operations.ts";
import { exportTo, hostPattern, overlap } from "./host.ts";
import { checkDirectResponse, checkRedirect, DirectResponse, Redirect, type UriKind } from "./local-answer.ts";
import { hostName, isDnsLabel, isDnsSubdomain, labels, namespaceName } from "./names.ts";
import { neverInQuery, neverMethod, neverScheme } from "./never-matches.ts";
import type { Report } from "./report.ts";
import { PresenceMatch, StringMatch, UriMatch } from "./string-match.ts";

/** `mesh`, the name of a Gateway of this namespace, or `namespace/name`. */
const gatewayName = text((value) => {
  const [first = "", second, ...more] = value.split("/");
  if (more.length > 0) return false;
  return second === undefined ? isDnsSubdomain(first) : isDnsLabel(first) && isDnsSubdomain(second);
}, "`mesh`, the name of a Gateway, or `namespace/name` of one");

const matchedHeader = z.string().superRefine((name, ctx) => {
  if (isHeaderName(name)) return;
  const message = name.startsWith("@request.auth.")
    ? later("routing by claims of a token")
    : name.startsWith(":")
      ? later("pseudo-headers; use `uri`, `method`, `scheme` or `authority`")
      : "must be a header name";
  ctx.addIssue({ code: "custom", message });
});
const matchedHeaders = z.record(matchedHeader, PresenceMatch);

const HttpMatch = strict(
  {
    name: z.string().exactOptional(),
    uri: UriMatch.exactOptional(),
    ignoreUriCase: z.boolean().exactOptional(),
    scheme: StringMatch.exactOptional(),
    method: StringMatch.exactOptional(),
    authority: StringMatch.exactOptional(),
    headers: matchedHeaders.exactOptional(),
    withoutHeaders: matchedHeaders.exactOptional(),
    queryParams: z.record(z.string().min(1), PresenceMatch).exactOptional(),
    port: portNumber.exactOptional(),
    sourceLabels: labels.exactOptional(),
    sourceNamespace: namespaceName.exactOptional(),
    gateways: list(gatewayName).max(1_000).exactOptional(),
  },
  { statPrefix: later() },
);

const PortSelector = strict({ number: portNumber });

const Destination = strict({
  host: hostName,
  subset: z.string().min(1).exactOptional(),
  port: PortSelector.exactOptional(),
});

const RouteDestination = strict({
  destination: Destination,
  weight: z.int().min(0, { error: "must not be negative" }).max(2_147_483_647).exactOptional(),
  headers: Headers.exactOptional(),
});

/** What the path is replaced by: a path alone, without the segments that normalization would take out again. */
function isPlainPath(path: string): boolean {
  if (!path.startsWith("/") || /[^\x21-\x7e]|[?#\\]/.test(path) || path.includes("//")) return false;
  return path.split("/").every((segment) => !/^(\.|%2e){1,2}$/i.test(segment));
}

const Rewrite = strict(
  {
    uri: text(isPlainPath, "a path that begins with `/`, without query, `//` and dot segments").exactOptional(),
    authority: text(isAuthorityValue, "a host name with or without port").exactOptional(),
  },
  { uriRegexRewrite: later() },
);

const HttpRoute = strict(
  {
    name: z.string().exactOptional(),
    match: z.array(HttpMatch).exactOptional(),
    route: z.array(RouteDestination).exactOptional(),
    redirect: Redirect.exactOptional(),
    directResponse: DirectResponse.exactOptional(),
    rewrite: Rewrite.exactOptional(),
    timeout: durationOrZero.exactOptional(),
    headers: Headers.exactOptional(),
    corsPolicy: CorsPolicy.exactOptional(),
  },
  {
    delegate: later(),
    retries: later(),
    fault: later(),
    mirror: later(),
    mirrors: later(),
    mirrorPercent: later(),
    mirror_percent: later(),
    mirrorPercentage: later(),
  },
);

export const VirtualService = strict(
  {
    hosts: neededList(hostPattern, `is required: a delegate, which has none, is ${later()}`).max(1_000),
    gateways: list(gatewayName).max(1_000).exactOptional(),
    exportTo: exportTo.exactOptional(),
    http: list(HttpRoute),
  },
  { tls: never(REASON.framing), tcp: never(REASON.framing) },
);

/**
 * Absent `gateways` is `["mesh"]`; absent or empty `match` matches all. With one destination `weight` has no meaning,
 * with several an absent one is 0. `timeout` of 0 is none.
 */
export type VirtualServiceSpec = z.infer<typeof VirtualService>;
type HttpRouteSpec = z.infer<typeof HttpRoute>;
type HttpMatchSpec = z.infer<typeof HttpMatch>;

/** To Istio a null among the matches is a block without conditions. */
export function withEmptyMatches(spec: unknown, report: Report): unknown {
  const { http } = (spec ?? {}) as { readonly http?: unknown };
  if (!Array.isArray(http)) return spec;
  const rules = http.map((rule: unknown, index) => {
    const { match } = (rule ?? {}) as { readonly match?: unknown };
    if (!Array.isArray(match) || !match.includes(null)) return rule;
    report.at("http", index, "match").warn("null is read as `{}`, which matches every request");
    return { ...Object(rule), match: match.map((block: unknown) => block ?? {}) };
  });
  return { ...Object(spec), http: rules };
}

export function checkVirtualService(spec: VirtualServiceSpec, report: Report): void {
  checkHosts(spec, report);
  checkUnique(spec.gateways ?? [], report.at("gateways"));
  for (const [index, name] of (spec.gateways ?? []).entries())
    if (name.includes("."))
      report.at("gateways", index).warn("names a Gateway, not a host; write `name` or `namespace/name`", "TULLE0101");
  let catchAll: number | null = null;
  for (const [index, rule] of spec.http.entries()) {
    const place = report.at("http", index);
    if (catchAll !== null)
      place.warn(`never reached: \`http[${catchAll}]\` before it matches every request`, "TULLE0201");
    else if (isCatchAll(rule)) catchAll = index;
    checkRule(rule, place);
    if ((spec.gateways ?? ["mesh"]).includes("mesh")) continue;
    for (const [at, { sourceLabels, gateways }] of (rule.match ?? []).entries())
      if (sourceLabels !== undefined && gateways === undefined)
        place
          .at("match", at, "sourceLabels")
          .warn("names callers in the mesh, and `gateways` lacks `mesh`: it is compared with the Gateway's own labels");
  }
}

function checkHosts(spec: VirtualServiceSpec, report: Report): void {
  const inMesh = (spec.gateways ?? ["mesh"]).includes("mesh");
  for (const [index, host] of spec.hosts.entries()) {
    const place = report.at("hosts", index);
    if (inMesh && host === "*") place.error("`*` needs `gateways`: in the mesh a host names a service");
    if (inMesh && /^[\d.]+$/.test(host))
      place.error("an IP address needs `gateways`: in the mesh a host names a service");
    const other = spec.hosts.slice(0, index).find((earlier) => overlap(earlier, host));
    if (other !== undefined) place.error(`\`${host}\` overlaps \`${other}\``, "FieldValueDuplicate");
  }
}

function checkUnique(values: readonly string[], report: Report): void {
  for (const [index, value] of values.entries())
    if (values.indexOf(value) < index) report.at(index).error(`\`${value}\` is there twice`, "FieldValueDuplicate");
}

function checkRule(rule: HttpRouteSpec, report: Report): void {
  for (const [index, match] of (rule.match ?? []).entries()) {
    const place = report.at("match", index);
    checkUnique(match.gateways ?? [], place.at("gateways"));
    warnOfNever(match, place);
  }
  if (rule.rewrite !== undefined && rule.rewrite.uri === undefined && rule.rewrite.authority === undefined)
    report.at("rewrite").error("set `uri` or `authority`", "FieldValueRequired");

  checkCors(rule.corsPolicy, report.at("corsPolicy"));
  const rewritten = rule.rewrite?.authority === undefined ? 0 : 1;
  const byRule = checkHeaders(rule.headers, report.at("headers")) + rewritten;
  if (byRule > 1) report.error("only one of `rewrite.authority` and the header operations may set the authority");
  checkAction(rule, report);
  const { route = [] } = rule;
  for (const [index, destination] of route.entries()) {
    const place = report.at("route", index, "headers");
    if (checkHeaders(destination.headers, place) + rewritten > 1)
      place.error("only one of `rewrite.authority` and the header operations may set the authority");
  }

  const sum = route.reduce((total, { weight = 0 }) => total + weight, 0);
  if (route.length > 1 && sum === 0) report.at("route").error("the weights of several destinations must not sum to 0");
  if (sum > 4_294_967_295) report.at("route").error("the weights must not sum to more than 4294967295");
}

/** What of a rule is about a request that is sent on. */
const FORWARDING = ["timeout", "corsPolicy"] as const;

function checkAction(rule: HttpRouteSpec, report: Report): void {
  const { route = [], redirect, directResponse, match = [] } = rule;
  const answer = redirect === undefined ? "directResponse" : "redirect";
  const given = [route.length > 0, redirect !== undefined, directResponse !== undefined].filter(Boolean).length;
  if (given === 0)
    report.at("route").error("is required: set one of `route`, `redirect` and `directResponse`", "FieldValueRequired");
  if (given > 1) report.error("set only one of `route`, `redirect` and `directResponse`");
  if (redirect !== undefined) checkRedirect(redirect, match.map(uriKind), report.at("redirect"));
  if (directResponse !== undefined) checkDirectResponse(directResponse, report.at("directResponse"));
  if (redirect === undefined && directResponse === undefined) return;
  for (const field of ["rewrite", "fault"])
    if (Object.hasOwn(rule, field)) report.at(field).error(`cannot stand beside \`${answer}\``);
  for (const field of FORWARDING)
    if (rule[field] !== undefined) report.at(field).warn(`no effect: \`${answer}\` sends nothing on`);
  if (rule.headers?.request !== undefined)
    report.at("headers", "request").warn(`no effect: \`${answer}\` sends nothing on`);
}

function uriKind({ uri = {} }: HttpMatchSpec): UriKind | null {
  return uri.exact !== undefined
    ? "exact"
    : uri.prefix !== undefined
      ? "prefix"
      : uri.regex !== undefined
        ? "regex"
        : null;
}

function warnOfNever(match: HttpMatchSpec, place: Report): void {
  const { uri, ignoreUriCase, method, scheme } = match;
  if (ignoreUriCase === true && uri?.exact === undefined && uri?.prefix === undefined)
    place.at("ignoreUriCase").warn("has an effect on `uri.exact` and `uri.prefix` only; write `(?i)` into a regex");
  const path = uri?.exact ?? uri?.prefix ?? "/";
  const byPath = path !== "" && !path.startsWith("/") ? "never matches: a path begins with `/`" : neverCanonical(path);
  if (byPath !== null) place.at("uri").warn(byPath, "TULLE0203");
  if (/%(?:[a-f][\da-f]|\d[a-f])/.test(uri?.regex ?? ""))
    place.at("uri", "regex").warn("escapes are compared in capitals: write `%C3`, not `%c3`", "TULLE0203");
  const byMethod = method === undefined ? null : neverMethod(method);
  if (byMethod !== null) place.at("method").warn(byMethod, "TULLE0203");
  const byScheme = scheme === undefined ? null : neverScheme(scheme);
  if (byScheme !== null) place.at("scheme").warn(byScheme, "TULLE0203");
  for (const [name, { exact, prefix }] of Object.entries(match.queryParams ?? {})) {
    const byQuery = name.includes("=")
      ? "never matches: a parameter's name ends before `=`"
      : (neverInQuery(name) ?? neverInQuery(exact ?? prefix ?? ""));
    if (byQuery !== null) place.at("queryParams", name).warn(byQuery, "TULLE0203");
  }
}

function isCatchAll(rule: HttpRouteSpec): boolean {
  return (rule.match ?? []).length === 0 || (rule.match ?? []).some(matchesAll);
}

function matchesAll(match: HttpMatchSpec): boolean {
  const {
    name: _name,
    ignoreUriCase: _case,
    uri,
    headers = {},
    withoutHeaders = {},
    queryParams = {},
    ...rest
  } = match;
  if (Object.values(rest).some((value) => value !== undefined)) return false;
  if ([headers, withoutHeaders, queryParams].some((map) => Object.keys(map).length > 0)) return false;
  return uri === undefined || uri.prefix === "/" || uri.prefix === "" || uri.regex === ".*";
}
