import { z } from "zod";
import { checkCors, CorsPolicy } from "./cors.ts";
import { Destination } from "./destination.ts";
import { durationOrZero } from "./duration.ts";
import { checkFault, Fault } from "./fault.ts";
import { list, never, REASON, strict, text } from "./fields.ts";
import { checkHeaders, Headers } from "./header-operations.ts";
import { checkGateways, checkMatch, gatewayName, HttpMatch, uriKind } from "./http-match.ts";
import { checkExportTo, exportTo } from "./export-to.ts";
import { hostPattern, overlap } from "./host.ts";
import type { Context } from "./kind.ts";
import { checkDirectResponse, checkRedirect, DirectResponse, Redirect } from "./local-answer.ts";
import { checkMirrors, MIRROR_FIELDS } from "./mirror.ts";
import { isDnsLabel, objectName } from "./names.ts";
import type { Report } from "./report.ts";
import { checkIdleTimeout, checkRetries, Retries } from "./retries.ts";
import { checkRewrite, Rewrite } from "./rewrite.ts";
import { checkCoverage } from "./rule-coverage.ts";
import { checkWeights } from "./weights.ts";

const RouteDestination = strict({
  destination: Destination,
  weight: z.int().min(0, { error: "must not be negative" }).max(2_147_483_647).exactOptional(),
  headers: Headers.exactOptional(),
});

/** Another VirtualService, without hosts; by default one of this namespace. */
const Delegate = strict({
  name: objectName,
  namespace: text((name) => name === "" || isDnsLabel(name), "the name of a namespace").exactOptional(),
});

const HttpRoute = strict({
  name: z.string().exactOptional(),
  match: z.array(HttpMatch).exactOptional(),
  route: z.array(RouteDestination).exactOptional(),
  redirect: Redirect.exactOptional(),
  directResponse: DirectResponse.exactOptional(),
  delegate: Delegate.exactOptional(),
  rewrite: Rewrite.exactOptional(),
  timeout: durationOrZero.exactOptional(),
  retries: Retries.exactOptional(),
  headers: Headers.exactOptional(),
  corsPolicy: CorsPolicy.exactOptional(),
  fault: Fault.exactOptional(),
  ...MIRROR_FIELDS,
});

export const VirtualService = strict(
  {
    hosts: z.array(hostPattern).max(1_000).exactOptional(),
    gateways: list(gatewayName).max(1_000).exactOptional(),
    exportTo: exportTo.exactOptional(),
    http: list(HttpRoute),
  },
  { tls: never(REASON.framing), tcp: never(REASON.framing) },
);

/**
 * Without `hosts` it is a delegate, which routes what others pass on to it. Absent `gateways` is `["mesh"]`; absent or empty `match` matches all. With one destination `weight` has no meaning,
 * with several an absent one is 0. `timeout` of 0 is none.
 */
export type VirtualServiceSpec = z.infer<typeof VirtualService>;
export type HttpRouteSpec = z.infer<typeof HttpRoute>;

export function checkVirtualService(spec: VirtualServiceSpec, report: Report, context: Context): void {
  checkExportTo(spec.exportTo, context.metadata.namespace ?? "default", report.at("exportTo"));
  checkIdleTimeout(context);
  const isDelegate = (spec.hosts ?? []).length === 0;
  if (isDelegate && (spec.gateways ?? []).length > 0)
    report.at("gateways").error("a delegate, which has no `hosts`, is where its root is: leave them out");
  checkHosts(spec, report);
  checkGateways(spec.gateways ?? [], report.at("gateways"));
  for (const [index, name] of (spec.gateways ?? []).entries())
    if (name.includes("."))
      report.at("gateways", index).warn("names a Gateway, not a host; write `name` or `namespace/name`", "TULLE0101");
  const gateways = spec.gateways ?? ["mesh"];
  checkCoverage(spec.http, gateways, report.at("http"));
  for (const [index, rule] of spec.http.entries()) {
    const place = report.at("http", index);
    if (isDelegate && rule.delegate !== undefined)
      place.at("delegate").error("a delegate, which has no `hosts`, cannot delegate: there is one level");
    checkRule(rule, gateways, place);
  }
}

function checkHosts(spec: VirtualServiceSpec, report: Report): void {
  const { hosts = [], gateways = ["mesh"] } = spec;
  const inMesh = gateways.includes("mesh");
  for (const [index, host] of hosts.entries()) {
    const place = report.at("hosts", index);
    if (inMesh && host === "*") place.error("`*` needs `gateways`: in the mesh a host names a service");
    if (inMesh && /^[\d.]+$/.test(host))
      place.error("an IP address needs `gateways`: in the mesh a host names a service");
    const other = hosts.slice(0, index).find((earlier) => overlap(earlier, host));
    if (other !== undefined) place.error(`\`${host}\` overlaps \`${other}\``, "FieldValueDuplicate");
  }
}

function checkRule(rule: HttpRouteSpec, gateways: readonly string[], report: Report): void {
  for (const [index, match] of (rule.match ?? []).entries()) checkMatch(match, gateways, report.at("match", index));
  if (rule.rewrite !== undefined) checkRewrite(rule.rewrite, report.at("rewrite"));

  checkRetries(rule.retries, report.at("retries"), rule.timeout);
  checkCors(rule.corsPolicy, report.at("corsPolicy"));
  checkFault(rule.fault, report.at("fault"));
  checkMirrors(rule, report);
  const rewritten = (rule.rewrite?.authority ?? "") === "" ? 0 : 1;
  const byRule = checkHeaders(rule.headers, report.at("headers")) + rewritten;
  if (byRule > 1) report.error("only one of `rewrite.authority` and the header operations may set the authority");
  checkAction(rule, report);
  const { route = [] } = rule;
  for (const [index, destination] of route.entries()) {
    const place = report.at("route", index, "headers");
    if (checkHeaders(destination.headers, place) + rewritten > 1)
      place.error("only one of `rewrite.authority` and the header operations may set the authority");
  }
  checkWeights(route, report.at("route"));
}

/** What of a rule is about a request that is sent on. */
const FORWARDING = ["timeout", "retries", "corsPolicy", "mirror", "mirrors"] as const;

const ACTIONS = "`route`, `redirect`, `directResponse` and `delegate`";

function checkAction(rule: HttpRouteSpec, report: Report): void {
  const { route = [], redirect, directResponse, delegate, match = [] } = rule;
  const answer = redirect === undefined ? "directResponse" : "redirect";
  const given = [route.length > 0, ...[redirect, directResponse, delegate].map((action) => action !== undefined)];
  const count = given.filter(Boolean).length;
  if (count === 0) report.at("route").error(`is required: set one of ${ACTIONS}`, "FieldValueRequired");
  if (count > 1) report.error(`set only one of ${ACTIONS}`);
  if (redirect !== undefined) checkRedirect(redirect, match.map(uriKind), report.at("redirect"));
  if (directResponse !== undefined) checkDirectResponse(directResponse, report.at("directResponse"));
  if (redirect === undefined && directResponse === undefined) return;
  for (const field of ["rewrite", "fault"])
    if (Object.hasOwn(rule, field)) report.at(field).error(`cannot stand beside \`${answer}\``);
  for (const field of FORWARDING)
    if (rule[field] !== undefined) report.at(field).warn(`no effect: \`${answer}\` sends nothing on`, "TULLE0003");
  if (rule.headers?.request !== undefined)
    report.at("headers", "request").warn(`no effect: \`${answer}\` sends nothing on`, "TULLE0003");
}
