import type { Compared } from "../match/compared.ts";
import type { TakenLimit } from "../limits/limits-fact.ts";
import { whyPolicy } from "../policy/why.ts";
import { enforced } from "../policy/policy-set.ts";
import type { RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type { LinkedMatch } from "../routing/route-match.ts";
import { whyBlock } from "../routing/why.ts";
import type { LinkedPolicySet, LinkedRoute, LinkedSlice } from "../snapshot/link.ts";
import type { AuthorizationPolicyModel, RouteMatch } from "../snapshot/model.ts";
import { rehearsalText, type Step, traceInto } from "./steps.ts";
import type { Look, Trace } from "./trace.ts";

/** What brought something in, as the model names it. */
export type Origin =
  | { readonly kind: "policy"; readonly name: string; readonly rule: number | null }
  /** `namespace/policy/limit`. */
  | { readonly kind: "limit"; readonly name: string }
  | { readonly kind: "rehearsal"; readonly name: string }
  | { readonly kind: "key"; readonly name: string }
  | { readonly kind: "jwt"; readonly name: string }
  | { readonly kind: "gateway"; readonly name: string }
  /** @param blocks how many match blocks the rule has in the model, and the number of the one that is meant */
  | { readonly kind: "route"; readonly name: string; readonly block: number | null; readonly blocks: number }
  | { readonly kind: "mtls"; readonly cluster: string };

/** One object that was looked at on the way to a decision, or a step where there is none. */
export interface Stage {
  readonly stage: StageName;
  /** Whose policies: the Gateway's, or the workload's that is called; null: nobody's. */
  readonly at: "gateway" | "destination" | null;
  readonly outcome: "passed" | "refused" | "matched" | "missed" | "told" | "unknown";
  /** For people. */
  readonly detail: string;
  /** Null: no object of the configuration. */
  readonly origin: Origin | null;
  /** Below the object's own rule or block. */
  readonly field: string | null;
  readonly compared: readonly Compared[];
  /** The first condition that failed. */
  readonly failed: Compared | null;
}

export type StageName =
  | "request"
  | "listener"
  | "identity"
  | "tls"
  | "key"
  | "jwt"
  | "custom"
  | "deny"
  | "allow"
  | "mtls"
  | "route"
  | "filter"
  | "limit"
  | "mirror"
  | "shadow"
  | "breakers"
  | "endpoint";

const MAX_BLOCKS = 100;
const MAX_POLICIES = 100;
const NOTHING: readonly never[] = [];
const NO_NAMES: ReadonlySet<string> = new Set();

export function plainStage(
  stage: StageName,
  outcome: Stage["outcome"],
  detail: string,
  at: Stage["at"] = null,
  origin: Origin | null = null,
): Stage {
  return { stage, at, outcome, detail, origin, field: null, compared: NOTHING, failed: null };
}

/** What an explanation says of an authorizer that is not called for a request that nobody sent. */
const WOULD_BE_ASKED =
  "would be asked, and was not: what follows is as if it let the request pass and set no header. Say in `facts.checks` what it answers to see more";

/** Writes down what `decide` tells: in steps of a line, and in stages with all that was compared. */
export class Explanation implements Trace {
  readonly steps: Step[] = [];
  readonly stages: Stage[] = [];
  readonly #lines = traceInto(this.steps);
  /** The request in its canonical form; null: it could not be read, or its host is not listed. */
  facts: RequestFacts | null = null;
  readonly #slice: LinkedSlice | null;
  /** Providers and limits that nobody asked, which count as if they let the request pass. */
  readonly assumed: Set<string>;
  #at: "gateway" | "destination" = "gateway";
  #set: LinkedPolicySet | null = null;
  #of = "";

  /** @param slice that decides; null: none lists the host */
  constructor(slice: LinkedSlice | null, assumed: Set<string> = new Set()) {
    this.#slice = slice;
    this.assumed = assumed;
  }

  /** What another one saw. */
  add({ steps, stages, facts }: Explanation): void {
    this.steps.push(...steps);
    this.stages.push(...stages);
    this.facts = facts;
  }

  sawHost(host: string, scope: string, isListed: boolean): void {
    const outcome = isListed ? `listed in ${scope}` : `not listed in ${scope}`;
    this.steps.push({ stage: "host", name: host, outcome });
    const [, gateway = null] = /^gw\/([^/]+\/[^/]+)\//.exec(scope) ?? [];
    const origin = gateway === null ? null : ({ kind: "gateway", name: gateway } as const);
    this.stages.push(plainStage("listener", isListed ? "passed" : "missed", `${host} is ${outcome}`, null, origin));
  }

  /** The request in its canonical form, before anything is decided. */
  sawFacts(facts: RequestFacts): void {
    this.facts = facts;
    const { path, forwardPath, peer } = facts;
    const params = forwardPath === path ? "" : `, sent on as ${forwardPath}`;
    this.stages.push(plainStage("request", "passed", `the canonical path is ${path}${params}`));
    const who = peer.principal === null ? "nobody is proven to call" : `${peer.principal}, by its ${peer.by}`;
    this.stages.push(plainStage("identity", "passed", who));
  }

  saw(...[stage, name, outcome]: Parameters<Trace["saw"]>): void {
    this.#lines.saw(stage, name, outcome);
    const origin = { kind: "route", name, block: null, blocks: 0 } as const;
    if (stage === "filter")
      this.stages.push(
        plainStage("filter", outcome === "origin allowed" ? "passed" : "matched", outcome, null, origin),
      );
    else if (stage === "mirror")
      this.stages.push(plainStage("mirror", outcome === "forward" ? "passed" : "refused", `${name}: ${outcome}`));
    else if (stage === "route" && outcome !== "matched" && name !== "none")
      this.stages.push(plainStage("route", "refused", `${name}: ${outcome}`));
    else if (stage === "gateway" && GATEWAY_CODES.has(outcome))
      this.stages.push(plainStage("tls", "refused", outcome, "gateway", { kind: "gateway", name }));
    else if ((stage === "gateway" || stage === "destination") && SHADOW.test(outcome))
      this.stages.push(
        plainStage("shadow", "told", `${name}: ${outcome}`, stage, { kind: "policy", name, rule: null }),
      );
  }

  limited(limit: TakenLimit, isAudited: boolean): void {
    const { name, verdict } = limit;
    const outcome = verdict === "taken" ? "passed" : isAudited ? "told" : "refused";
    const detail = `${limitWords(limit, this.assumed.has(name))}${outcome === "told" ? "; it only audits" : ""}`;
    this.stages.push(plainStage("limit", outcome, detail, null, { kind: "limit", name }));
  }

  rehearsed(...told: Parameters<NonNullable<Trace["rehearsed"]>>): void {
    this.#lines.rehearsed(...told);
    const [rehearsal, outcome] = told;
    const origin = { kind: "rehearsal", name: rehearsal.name } as const;
    const text = rehearsalText(rehearsal, outcome);
    this.stages.push(plainStage("filter", outcome === "hit" ? "matched" : "missed", text, null, origin));
  }

  routed(
    slice: LinkedSlice,
    facts: RequestFacts,
    tokens: readonly VerifiedToken[],
    matched: LinkedMatch<LinkedRoute> | null,
  ): void {
    this.#lines.routed(slice, facts, tokens, matched);
    let looked = 0;
    for (const route of slice.model.routes) {
      const blocks: readonly RouteMatch[] = route.matches.length === 0 ? [{}] : route.matches;
      for (const [block, model] of blocks.entries()) {
        const isIt = route === matched?.route.model && (route.matches.length === 0 || model === matched.model);
        looked += 1;
        if (isIt || looked <= MAX_BLOCKS) {
          const origin = { kind: "route", name: route.name, block, blocks: route.matches.length } as const;
          this.stages.push(blockStage(isIt, origin, whyBlock(model, facts, tokens, slice)));
        }
        if (isIt) return;
      }
    }
    this.stages.push(plainStage("route", "refused", "no route matches"));
  }

  enters(...[at, set, of]: Parameters<NonNullable<Trace["enters"]>>): void {
    this.#at = at;
    this.#set = set;
    this.#of = of ?? this.#slice?.front?.model.gateway ?? "";
  }

  looked(look: Look): void {
    const set = this.#set;
    if (set === null) return;
    if (look.part === "mtls") {
      const detail = "mTLS is wanted, and nobody is proven to call";
      this.stages.push(plainStage("mtls", "refused", detail, this.#at, { kind: "mtls", cluster: this.#of }));
    } else if (look.part === "key") this.#key(look);
    else if (look.part === "jwt") this.#jwt(set, look);
    else if (look.part === "custom") this.#custom(set, look);
    else this.#policies(set, look);
  }

  #key({ code, policy }: Look): void {
    if (policy !== null) {
      this.stages.push(plainStage("key", "refused", code, this.#at, { kind: "key", name: policy }));
      return;
    }
    const detail = code === "none" ? "no API key is there, and none is asked for" : `the API key is ${code}`;
    this.stages.push(plainStage("key", "passed", detail, this.#at));
  }

  #jwt({ model }: LinkedPolicySet, { code, policy, tokens }: Look): void {
    if (policy !== null) {
      this.stages.push(plainStage("jwt", "refused", code, this.#at, { kind: "jwt", name: policy }));
      return;
    }
    for (const { principal } of tokens)
      this.stages.push(plainStage("jwt", "passed", `the token of ${principal} verifies`, this.#at));
    if (tokens.length === 0 && model.jwt.length > 0)
      this.stages.push(plainStage("jwt", "passed", "no token is there, and none is asked for", this.#at));
  }

  #custom({ model }: LinkedPolicySet, look: Look): void {
    const policies = enforced(model.custom ?? []).filter(({ provider }) => provider === look.provider);
    this.#list("custom", policies, look, true);
    if (look.policy === null) return;
    const provider = look.provider ?? "";
    if (this.assumed.has(provider)) {
      this.stages.push(plainStage("custom", "unknown", `${provider} ${WOULD_BE_ASKED}`, this.#at));
      return;
    }
    const outcome = look.code === "ext_authz_allowed" ? "passed" : "refused";
    this.stages.push(plainStage("custom", outcome, `${provider} was asked: ${look.code}`, this.#at));
  }

  #policies({ model }: LinkedPolicySet, look: Look): void {
    const isDenied = look.code === "rbac_denied_matched_policy";
    this.#list("deny", enforced(model.deny), isDenied ? look : { ...look, policy: null }, true);
    if (isDenied) return;
    const allow = enforced(model.allow);
    this.#list("allow", allow, look, false);
    if (look.code === "rbac_denied_no_allow")
      this.stages.push(plainStage("allow", "refused", "there are ALLOW policies, and none of them matches", this.#at));
  }

  /** Each policy up to the one that decided: those after it were not asked. */
  #list(
    stage: "deny" | "allow" | "custom",
    policies: readonly AuthorizationPolicyModel[],
    { policy: decided, facts, tokens }: Look,
    deny: boolean,
  ): void {
    const context = { stage: this.#at, secretHeaders: this.#slice?.secret ?? NO_NAMES };
    const asked = { facts, tokens, deny, context, programs: this.#slice?.model.programs };
    const end = policies.findIndex(({ name }) => name === decided);
    const looked = end < 0 ? policies : policies.slice(0, end + 1);
    for (const policy of [...looked.slice(0, MAX_POLICIES), ...looked.slice(MAX_POLICIES).slice(-1)]) {
      const isIt = policy.name === decided;
      const whys = whyPolicy(policy, asked);
      for (const { rule, holds, compared, failed } of isIt ? whys.slice(-1) : whys)
        this.stages.push({
          stage,
          at: this.#at,
          outcome: isIt ? (stage === "deny" ? "refused" : "matched") : holds === null ? "unknown" : "missed",
          detail: isIt
            ? `rule ${rule} matches`
            : holds === null
              ? `rule ${rule}: not recorded`
              : `rule ${rule} does not match`,
          origin: { kind: "policy", name: policy.name, rule },
          field: failed?.field ?? null,
          compared,
          failed,
        });
      if (whys.length === 0)
        this.stages.push(
          plainStage(stage, "missed", "it has no rule that could match", this.#at, {
            kind: "policy",
            name: policy.name,
            rule: null,
          }),
        );
    }
  }
}

const GATEWAY_CODES = new Set([
  "https_redirect",
  "client_certificate_required",
  "client_certificate_refused",
  "tls_refused",
]);
const SHADOW = /^(audit$|dry-run |observed )/;

/** What came of a limit, by its own name and what it allows; what it is counted by is in no record. */
function limitWords({ name, verdict, quota, windowMs, retryAfterMs }: TakenLimit, isAssumed: boolean): string {
  const rate = `\`${name.slice(name.lastIndexOf("/") + 1)}\`, ${quota} in ${windowMs / 1_000} s`;
  switch (verdict) {
    case "missing":
      return `${rate}: the request lacks what it is counted by`;
    case "failed":
      return `${rate}: nobody could be asked, and it is closed then`;
    case "over":
      return retryAfterMs > 0
        ? `${rate}: it is used up, and had room again after ${Math.ceil(retryAfterMs / 1_000)} s`
        : `${rate}: it never has room for what costs so much`;
    case "taken":
      return `${rate}: ${isAssumed ? "taken to have room, since nothing was sent that could be counted" : "there is room"}`;
  }
}

function blockStage(isIt: boolean, origin: Origin, compared: readonly Compared[]): Stage {
  const failed = isIt ? null : (compared.find(({ holds }) => holds === false) ?? null);
  const isUnknown = !isIt && failed === null;
  const outcome = isIt ? "matched" : isUnknown ? "unknown" : "missed";
  const detail = isIt
    ? "it is the route"
    : failed === null
      ? "the record does not say why it does not match"
      : `${failed.of} does not match`;
  return { stage: "route", at: null, outcome, detail, origin, field: failed?.field ?? null, compared, failed };
}
