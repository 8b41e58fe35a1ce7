import { linkAny, linkMatch } from "../match/string-match.ts";
import type { HeaderChange } from "../request/changes.ts";
import type { RequestFacts } from "../request/facts.ts";
import { isPreflight } from "../request/preflight.ts";
import type { CorsPolicy } from "../snapshot/model.ts";

/** A route's policy, ready. */
export interface LinkedCors {
  readonly model: CorsPolicy;
  readonly allows: (origin: string) => boolean;
}

/** The headers that a policy reads, lower case. */
export const CORS_HEADERS = ["origin", "access-control-request-method", "access-control-request-headers"] as const;

export type CorsVerdict =
  /** To be answered here. */
  | { readonly kind: "preflight"; readonly headers: readonly (readonly [name: string, value: string])[] }
  /** Goes on; whatever answer comes says this. */
  | { readonly kind: "allowed"; readonly changes: readonly ValueChange[] };

type ValueChange = Extract<HeaderChange, { readonly value: string }>;

const ANY = "*";
const NOBODY = (): boolean => false;

export function linkCors(model: CorsPolicy): LinkedCors {
  const { origins } = model;
  if (origins.length === 0) return { model, allows: NOBODY };
  // As in Envoy: what matches `*` itself is meant for all.
  if (origins.some((match) => linkMatch(match, false)(ANY))) return { model, allows: () => true };
  return { model, allows: linkAny(origins, false) };
}

/**
 * What a policy makes of a request. As in Envoy it never refuses one: that is the browser's part.
 *
 * @returns null where it has no part in it: no origin, or one that is not allowed
 */
export function judgeOrigin({ model, allows }: LinkedCors, facts: RequestFacts): CorsVerdict | null {
  const origin = facts.headers["origin"];
  if (origin === undefined || origin === "") return null;
  const allowed = allows(origin);
  if (isPreflight(facts) && (allowed || model.unmatched === "IGNORE"))
    return { kind: "preflight", headers: preflightHeaders(model, facts, allowed ? origin : null) };
  return allowed ? { kind: "allowed", changes: allowedChanges(model, origin) } : null;
}

/** @param origin null: not an allowed one, and the answer doesn't name it */
function preflightHeaders(
  model: CorsPolicy,
  { headers }: RequestFacts,
  origin: string | null,
): (readonly [string, string])[] {
  const { methods, headers: allowed, maxAge, credentials, exposed } = model;
  const asked = (list: string | undefined, name: string): string | undefined => (list === ANY ? headers[name] : list);
  const answer: (readonly [string, string])[] = [["vary", "Origin"]];
  const say = (name: string, value: string | undefined): void => {
    if (value !== undefined) answer.push([`access-control-${name}`, value]);
  };
  if (origin !== null) say("allow-origin", origin);
  if (credentials === true) say("allow-credentials", "true");
  say("allow-methods", asked(methods, "access-control-request-method"));
  say("allow-headers", asked(allowed, "access-control-request-headers"));
  if (origin !== null) say("expose-headers", exposed);
  say("max-age", maxAge === undefined ? undefined : String(maxAge));
  return answer;
}

/** `set`: what the service says of it gives way. */
function allowedChanges({ credentials, exposed }: CorsPolicy, origin: string): ValueChange[] {
  const changes: ValueChange[] = [
    { op: "set", name: "access-control-allow-origin", value: origin },
    // No cache may give one origin's answer to another.
    { op: "add", name: "vary", value: "Origin" },
  ];
  if (credentials === true) changes.push({ op: "set", name: "access-control-allow-credentials", value: "true" });
  if (exposed !== undefined) changes.push({ op: "set", name: "access-control-expose-headers", value: exposed });
  return changes;
}
