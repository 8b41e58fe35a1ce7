import { formatIp, parseBlock, parseCidr } from "../match/ip.ts";
import { neverCanonical } from "./canonical-path.ts";
import { isAffordable, MAX_REGEX_LENGTH, MAX_WRITE_COST } from "../match/regex-cost.ts";
import { templatePattern } from "../match/string-match.ts";
import { PROTOCOLS } from "./condition-keys.ts";
import { neverMethod } from "./never-matches.ts";
import type { Report } from "./report.ts";
import { regexProblem, type StringMatchSpec } from "./string-match.ts";

/** As Istio's schema has it. */
const MAX_ACCOUNT_LENGTH = 320;

/** What is wrong with one value of a policy. */
export type ValueCheck = (value: string, report: Report) => void;

/** `*` alone, at the start or at the end; elsewhere it is an ordinary character in Istio. */
export const ends: ValueCheck = (value, report) => {
  if (value.length > 2 && value.startsWith("*") && value.endsWith("*"))
    report.error("`*` may stand at one end only: Istio takes the other one literally");
  else if (value.slice(1, -1).includes("*")) report.warn("`*` in the middle is an ordinary character, not a wildcard");
};

export const principal: ValueCheck = (value, report) => {
  ends(value, report);
  if (value.startsWith("spiffe://"))
    report.error("principals are written without `spiffe://`; with it they never match");
  else if (!value.includes("*") && !/^[^/]+\/ns\/[^/]+\/sa\/[^/]+$/.test(value))
    report.warn("never matches: principals have the form `trust-domain/ns/namespace/sa/service-account`", "TULLE0203");
};

export const requestPrincipal: ValueCheck = (value, report) => {
  ends(value, report);
  if (!value.includes("*") && !value.includes("/"))
    report.warn("never matches: request principals have the form `issuer/subject`", "TULLE0203");
};

/** Each `*` is a wildcard here, as in Istio. */
export const namespace: ValueCheck = (value, report) => {
  if (!/^[a-z0-9*-]+$/.test(value))
    report.warn("never matches: a namespace is lower case letters, digits and `-`", "TULLE0203");
};

export const serviceAccount: ValueCheck = (value, report) => {
  const parts = value.split("/");
  if (value.includes("*")) report.error("takes no `*`: write `namespaces`, or `principals` with `*` at one end");
  else if (value.length > MAX_ACCOUNT_LENGTH) report.error(`longer than ${MAX_ACCOUNT_LENGTH} characters`);
  else if (parts.length > 2 || parts.includes(""))
    report.error("must be `namespace/account`, or `account` for the policy's own namespace");
};

export const trustDomain: ValueCheck = (value, report) => {
  ends(value, report);
  if (value.includes("/") || value !== value.toLowerCase())
    report.warn("never matches: a trust domain has small letters, digits, `.`, `-` and `_`", "TULLE0203");
};

export const address: ValueCheck = (value, report) => {
  const block = parseBlock(value);
  if (block === null)
    return report.error("must be an address or a range in CIDR form, such as `203.0.113.7` or `10.0.0.0/8`");
  if (value.includes("/") && parseCidr(value) === null && !value.includes("::ffff:"))
    report.warn(`bits behind the prefix count for nothing: it is \`${formatIp(block.ip)}/${block.bits}\``);
};

export const port: ValueCheck = (value, report) => {
  if (!/^[1-9]\d{0,4}$/.test(value) || Number(value) > 65_535) report.error("must be a port from 1 to 65535");
};

export const regex: ValueCheck = (value, report) => {
  const problem = regexProblem(value);
  if (problem !== null) report.error(problem);
};

export const protocol: ValueCheck = (value, report) => {
  if (!PROTOCOLS.includes(value)) report.error(`never holds: a protocol is ${PROTOCOLS.join(" or ")}`);
};

export const host: ValueCheck = (value, report) => {
  ends(value, report);
  if (value.includes("/")) report.warn("never matches: a host has no scheme and no path", "TULLE0203");
};

export const method: ValueCheck = (value, report) => {
  ends(value, report);
  const remark = value.startsWith("*") ? null : neverMethod(endsWithStar(value));
  if (remark !== null) report.warn(remark, "TULLE0203");
};

function endsWithStar(value: string): StringMatchSpec {
  return value.endsWith("*") ? { prefix: value.slice(0, -1) } : { exact: value };
}

export const path: ValueCheck = (value, report) => {
  const problem = templateProblem(value);
  if (problem !== null) return report.error(problem);
  if (!isTemplate(value)) ends(value, report);
  const remark =
    !value.startsWith("/") && !value.startsWith("*")
      ? "never matches: a path begins with `/`"
      : neverCanonical(value.replace(/\*$/, ""));
  if (remark !== null) report.warn(remark, "TULLE0203");
};

/** Whether a path is a template, with `{*}` and `{**}`, and not a plain value. */
export function isTemplate(value: string): boolean {
  return value.includes("{") || value.includes("}");
}

/** @returns what is wrong with a path template (`/a/{*}/b`, `/a/{**}`), or null; also null for a plain value */
function templateProblem(value: string): string | null {
  if (!isTemplate(value)) return null;
  if (value.length > MAX_REGEX_LENGTH)
    return `the path template is longer than ${MAX_REGEX_LENGTH} characters: end it earlier, with \`{**}\``;
  const segments = value.split("/");
  if (segments[0] !== "") return "a path template begins with `/`";
  for (const [index, segment] of segments.entries()) {
    if (segment === "{*}" || (segment === "{**}" && !segments.slice(index + 1).some(isTemplate))) continue;
    if (segment === "{**}") return "`{**}` must be the last operator of a path template";
    if (/[{}*]/.test(segment))
      return "in a path template `{*}` and `{**}` are whole segments, and no other `{`, `}` or `*` may stand in it";
  }
  if (!isAffordable(templatePattern(value)))
    return `the path templates and regular expressions of this write cost more than ${MAX_WRITE_COST} instructions together: write it in parts, or make them simpler`;
  return null;
}
