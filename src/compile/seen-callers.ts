import { type Peer, NO_PEER } from "../identity/peer.ts";
import { authorize, linkPolicies } from "../policy/authorization.ts";
import type { RequestFacts } from "../request/facts.ts";
import { type Finding, warningAt } from "../resources/finding.ts";
import type { AuthorizationPolicyModel, AuthorizationRule, PolicySet, Source } from "../snapshot/model.ts";
import { endpointsOf, serviceFor } from "./services.ts";
import type { World } from "./world.ts";

/** Calls that reached a workload: of one caller, through one service. */
export interface SeenCaller {
  /** SPIFFE ID without the scheme; null: nothing was proven. A Gateway's for what came through it. */
  readonly caller: string | null;
  /** Host of the service that was called. */
  readonly service: string;
  readonly workload: string;
  readonly namespace: string;
  readonly requests: number;
}

/** What the policies of a workload say to a caller of whom nothing but its identity is known; `unknown`: they ask for more. */
export type CallerVerdict = "allowed" | "refused" | "unknown";

/** Named in one message. */
const MAX_NAMED = 5;

/**
 * What to tell the author of a change of policies: whom it locks out who was let in before, as far as identities alone say.
 *
 * @param before verdicts on `seen`, in its order, without the change
 * @param after and with it
 */
export function lockOuts(
  seen: readonly SeenCaller[],
  before: readonly CallerVerdict[],
  after: readonly CallerVerdict[],
): readonly Finding[] {
  const refused = seen.filter((_, at) => after[at] === "refused" && before[at] !== "refused");
  const unsure = seen.filter((_, at) => after[at] === "unknown" && before[at] === "allowed");
  return [
    ...(refused.length === 0
      ? []
      : [warningAt("", `locks out who was seen calling within a day: ${named(refused)}`, "TULLE0610")]),
    ...(unsure.length === 0
      ? []
      : [
          warningAt(
            "",
            `not judged yet: whether it locks out who was seen calling within a day, since it asks for more than who calls: ${named(unsure)}`,
            "TULLE0611",
          ),
        ]),
  ];
}

function named(seen: readonly SeenCaller[]): string {
  const texts = seen
    .toSorted((a, b) => b.requests - a.requests)
    .slice(0, MAX_NAMED)
    .map(
      ({ caller, namespace, workload, requests }) =>
        `${caller ?? "callers without an identity"} to ${namespace}/${workload} (${requests} ${requests === 1 ? "request" : "requests"})`,
    );
  return `${texts.join(", ")}${seen.length > MAX_NAMED ? ` and ${seen.length - MAX_NAMED} more` : ""}`;
}

/** Whether somebody who was seen calling would be let in now. A workload that is no more refuses nobody. */
export function judgeCaller(world: World, { caller, service, workload, namespace }: SeenCaller): CallerVerdict {
  const called = serviceFor(world, service, "*");
  if (called === null) return "allowed";
  const verdicts = new Set(
    called.ports
      .flatMap(({ number }) => endpointsOf(world, called, number))
      .filter(({ workload: one }) => one.name === workload && one.namespace === namespace)
      .map(({ key, port }) => judge(world.policies.ofEndpoint(world, key, port), caller)),
  );
  const [only = "allowed"] = verdicts;
  return verdicts.size > 1 ? "unknown" : only;
}

function judge({ mtls, allow, deny, custom = [], observe }: PolicySet, caller: string | null): CallerVerdict {
  if (observe === true) return "allowed";
  if (mtls === "STRICT" && caller === null) return "refused";
  if ([...deny, ...custom].some(({ rules }) => rules.length > 0)) return "unknown";
  if (allow.length === 0 || allows(allow, caller, isAnswered)) return "allowed";
  return allows(allow, caller, () => true) ? "unknown" : "refused";
}

/** Whether rules that fit let the caller in, as far as its identity says. */
function allows(
  policies: readonly AuthorizationPolicyModel[],
  caller: string | null,
  fits: (rule: AuthorizationRule) => boolean,
): boolean {
  const byIdentity = policies.map((policy) => ({ ...policy, rules: policy.rules.filter(fits).map(onIdentity) }));
  const linked = linkPolicies(byIdentity, false, { stage: "destination", secretHeaders: NO_HEADERS });
  return authorize(NO_POLICIES, linked, { ...NOTHING, peer: peerOf(caller) }, []).allowed;
}

const NO_HEADERS: ReadonlySet<string> = new Set();
const NO_POLICIES = linkPolicies([], true, { stage: "destination", secretHeaders: NO_HEADERS });

/** What a rule may ask of a caller so that its identity alone answers. */
const BY_IDENTITY: ReadonlySet<string> = new Set(["principals", "namespaces", "serviceAccounts", "trustDomains"]);

function isAnswered({ from = [], to = [], when = [] }: AuthorizationRule): boolean {
  return to.length + when.length === 0 && from.every((source) => Object.keys(source).every(isIdentity));
}

function isIdentity(field: string): boolean {
  return BY_IDENTITY.has(field);
}

/** What of the rule asks for the caller's identity. */
function onIdentity({ from }: AuthorizationRule): AuthorizationRule {
  const parts = (source: Source): Source =>
    Object.fromEntries(Object.entries(source).filter(([field]) => isIdentity(field)));
  return from === undefined ? {} : { from: from.map(parts) };
}

function peerOf(caller: string | null): Peer {
  if (caller === null) return NO_PEER;
  const [trustDomain = "", , namespace = ""] = caller.split("/");
  return { principal: caller, namespace, trustDomain, by: "certificate" };
}

/** A request of which nothing is known. */
const NOTHING: RequestFacts = {
  protocol: "http",
  method: "",
  scheme: "http",
  host: "",
  authority: "",
  port: 0,
  path: "",
  forwardPath: "",
  query: "",
  headers: {},
  entrance: "mesh",
  sourceIp: null,
  clientIp: null,
  peer: NO_PEER,
  tls: null,
  startedAt: 0,
  seed: 0,
  tokens: [],
  conclusions: null,
};
