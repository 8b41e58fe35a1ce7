import type { StoredObject } from "./kinds.ts";

export interface Verdict {
  readonly text: string;
  readonly tone: "good" | "warn" | "bad" | "plain";
}

/**
 * What a policy does to requests, which its action's name may not say: an ALLOW without rules refuses all.
 *
 * @see https://istio.io/latest/docs/reference/config/security/authorization-policy/
 */
export function verdictOf({ kind, spec = {}, metadata }: StoredObject): Verdict {
  if (kind === "PeerAuthentication") return mtlsVerdict(spec);
  if (kind === "RequestAuthentication") return tokenVerdict(spec);
  if (kind === "RateLimitPolicy") return limitVerdict(spec);
  if (kind === "FaultRehearsal") return rehearsalVerdict(spec);
  if (kind !== "AuthorizationPolicy") return { text: "", tone: "plain" };
  const verdict = authorizationVerdict(spec);
  const isTrial = metadata.annotations?.["istio.io/dry-run"] === "true";
  return isTrial ? { text: `decides nothing (dry run); it ${verdict.text}`, tone: "plain" } : verdict;
}

function authorizationVerdict(spec: Readonly<Record<string, unknown>>): Verdict {
  const action = typeof spec["action"] === "string" ? spec["action"] : "ALLOW";
  const rules = Array.isArray(spec["rules"]) ? (spec["rules"] as readonly unknown[]) : [];
  const matchesAll = rules.some((rule) => typeof rule === "object" && rule !== null && Object.keys(rule).length === 0);
  const matched = rules.length === 1 ? "its rule matches" : `its ${rules.length} rules match`;
  switch (action) {
    case "ALLOW":
      if (rules.length === 0) return { text: "refuses every request that no other policy allows", tone: "bad" };
      if (matchesAll) return { text: "allows every request that no policy denies", tone: "warn" };
      return { text: `allows what ${matched}, and refuses what no policy allows`, tone: "good" };
    case "DENY":
      if (rules.length === 0) return { text: "refuses nothing: it has no rules", tone: "warn" };
      if (matchesAll) return { text: "refuses every request", tone: "bad" };
      return { text: `refuses what ${matched}, whatever allows it`, tone: "good" };
    case "CUSTOM":
      if (rules.length === 0) return { text: "asks about nothing: it has no rules", tone: "warn" };
      return { text: `asks its provider about ${matchesAll ? "every request" : `what ${matched}`}`, tone: "good" };
    case "AUDIT":
      return { text: "decides nothing; what it matches is marked in the access log", tone: "plain" };
    default:
      return { text: `has an action that is not known here: ${action}`, tone: "warn" };
  }
}

function mtlsVerdict(spec: Readonly<Record<string, unknown>>): Verdict {
  const mode = (spec["mtls"] as { readonly mode?: string } | undefined)?.mode ?? "UNSET";
  switch (mode) {
    case "STRICT":
      return { text: "refuses callers without an identity of the mesh", tone: "good" };
    case "PERMISSIVE":
      return { text: "lets callers without an identity in, too", tone: "warn" };
    case "DISABLE":
      return { text: "takes no identity of any caller", tone: "bad" };
    default:
      return { text: "says nothing of its own: what stands above it holds", tone: "plain" };
  }
}

function tokenVerdict(spec: Readonly<Record<string, unknown>>): Verdict {
  const rules = Array.isArray(spec["jwtRules"]) ? spec["jwtRules"].length : 0;
  if (rules === 0) return { text: "checks no token", tone: "warn" };
  return { text: "refuses bad tokens; a request without one goes on", tone: "plain" };
}

interface ShownLimit {
  readonly name?: string;
  readonly rates?: readonly { readonly limit?: number; readonly window?: string }[];
  readonly onExceeded?: string;
}

/** How much passes, and whether what is over it is refused. */
function limitVerdict(spec: Readonly<Record<string, unknown>>): Verdict {
  const limits = Array.isArray(spec["limits"]) ? (spec["limits"] as readonly ShownLimit[]) : [];
  const audited = limits.filter(({ onExceeded }) => onExceeded === "Audit");
  const blocking = limits.filter((limit) => !audited.includes(limit));
  const parts = [
    ...(blocking.length === 0 ? [] : [`refuses what is over ${blocking.map(amountOf).join(" or ")}`]),
    ...(audited.length === 0 ? [] : [`only counts what is over ${audited.map(amountOf).join(" or ")}`]),
  ];
  if (parts.length === 0) return { text: "refuses nothing: it has no limits", tone: "warn" };
  return { text: parts.join("; "), tone: blocking.length > 0 ? "good" : "plain" };
}

interface ShownRehearsal {
  readonly targetRef?: { readonly name?: string };
  readonly route?: string;
  readonly headers?: object;
  readonly percentage?: { readonly value?: number };
  readonly delay?: { readonly fixedDelay?: string };
  readonly abort?: { readonly httpStatus?: number; readonly grpcStatus?: string };
  readonly endsAt?: string;
}

/** Which share of which service's calls it harms, and until when. */
function rehearsalVerdict(spec: ShownRehearsal): Verdict {
  const { targetRef, route, headers, percentage, delay, abort, endsAt = "" } = spec;
  const some = route === undefined && headers === undefined ? "the" : "some";
  const calls = `${percentage?.value ?? 100} % of ${some} calls of ${targetRef?.name ?? ""}`;
  const does =
    delay === undefined
      ? `answers ${calls} with ${abort?.grpcStatus ?? abort?.httpStatus ?? ""}`
      : `holds ${calls} for ${delay.fixedDelay ?? ""}`;
  return { text: `${does}, until ${endsAt}`, tone: "bad" };
}

function amountOf({ name = "", rates = [] }: ShownLimit): string {
  return `${rates.map(({ limit = 0, window = "" }) => `${limit} in ${window}`).join(" and ")} (${name})`;
}
