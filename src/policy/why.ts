import { type Compared, matchText, wantedTexts } from "../match/compared.ts";
import { linkWith } from "../match/machine.ts";
import { isSecretHeader } from "../match/secret-test.ts";
import { ConclusionMissing, type RequestFacts } from "../request/facts.ts";
import type { VerifiedToken } from "../request/token-fact.ts";
import type {
  AuthorizationPolicyModel,
  AuthorizationRule,
  Condition,
  Operation,
  RequestPrincipalMatch,
  Source,
  StringMatch,
} from "../snapshot/model.ts";
import type { Programs } from "../snapshot/program-model.ts";
import { claimValues } from "./claims.ts";
import { keyValue, type LinkContext } from "./conditions.ts";
import { linkRule } from "./rules.ts";
import { accountOf } from "./service-account.ts";

/** How a rule stands to a request. */
export interface WhyRule {
  /** Among the rules that its author wrote. */
  readonly rule: number;
  /** Null: the record does not say. */
  readonly holds: boolean | null;
  readonly compared: readonly Compared[];
  /** The first condition that fails; null where none does. */
  readonly failed: Compared | null;
}

interface Asked {
  readonly facts: RequestFacts;
  readonly tokens: readonly VerifiedToken[];
  readonly deny: boolean;
  readonly context: LinkContext;
  /** Of the slice that the policy stands in. */
  readonly programs: Programs | undefined;
}

/** Rules of one policy that are told of, and comparisons of one rule. */
const MAX_RULES = 20;
const MAX_COMPARED = 40;

/** How each rule of a policy stands to a request, the one that holds last: linked anew by the code that decides, part by part. */
export function whyPolicy({ rules }: AuthorizationPolicyModel, asked: Asked): readonly WhyRule[] {
  const all: WhyRule[] = [];
  for (const [at, rule] of rules.slice(0, MAX_RULES).entries()) {
    const why = whyRule(rule, rule.at ?? at, asked);
    if (why.holds === true) return [why];
    all.push(why);
  }
  return all;
}

function whyRule(rule: AuthorizationRule, at: number, asked: Asked): WhyRule {
  const { from = [], to = [], when = [] } = rule;
  const holds = holdsFor(rule, asked);
  const parts = [
    ...anyOf(from.map((source, index) => sourceParts(source, index, asked))),
    ...anyOf(to.map((operation, index) => operationParts(operation, index, asked))),
    ...when.map((condition, index) => conditionPart(condition, index, asked)),
  ];
  const failed = holds === true ? null : (parts.find((part) => part.holds === false) ?? null);
  return { rule: at, holds, compared: parts.slice(0, MAX_COMPARED), failed };
}

/** Of alternatives the first that holds whole; where none does, each up to what fails. */
function anyOf(alternatives: readonly (readonly Compared[])[]): readonly Compared[] {
  const whole = alternatives.find((parts) => parts.every(({ holds }) => holds === true));
  if (whole !== undefined) return whole;
  return alternatives.flatMap((parts) => {
    const failing = parts.findIndex(({ holds }) => holds === false);
    return failing < 0 ? parts : parts.slice(0, failing + 1);
  });
}

function holdsFor(rule: AuthorizationRule, { facts, tokens, deny, context, programs }: Asked): boolean | null {
  try {
    return linkWith(programs, () => linkRule(rule, deny, context))(facts, tokens);
  } catch (error) {
    if (error instanceof ConclusionMissing) return null;
    throw error;
  }
}

type Value = readonly [of: string, (asked: Asked) => string | null];

const principals: Value = ["source principal", ({ facts }) => facts.peer.principal];
const namespaces: Value = ["source namespace", ({ facts }) => facts.peer.namespace];
const accounts: Value = ["source service account", ({ facts }) => accountOf(facts)];
const trustDomains: Value = ["source trust domain", ({ facts }) => facts.peer.trustDomain];
const sourceIp: Value = ["source address", ({ facts }) => facts.sourceIp];
const clientIp: Value = ["client address", ({ facts }) => facts.clientIp];
const ofTokens: Value = ["request principal", ({ tokens }) => joined(tokens.map(({ principal }) => principal))];
const hosts: Value = ["host", ({ facts }) => facts.authority];
const methods: Value = ["method", ({ facts }) => facts.method];
const paths: Value = ["path", ({ facts }) => facts.path];

const OF_SOURCE: Readonly<Record<keyof Source, Value>> = {
  principals,
  notPrincipals: principals,
  requestPrincipals: ofTokens,
  notRequestPrincipals: ofTokens,
  namespaces,
  notNamespaces: namespaces,
  serviceAccounts: accounts,
  notServiceAccounts: accounts,
  trustDomains,
  notTrustDomains: trustDomains,
  ipBlocks: sourceIp,
  notIpBlocks: sourceIp,
  remoteIpBlocks: clientIp,
  notRemoteIpBlocks: clientIp,
};

const OF_OPERATION: Readonly<Record<keyof Operation, Value>> = {
  hosts,
  notHosts: hosts,
  methods,
  notMethods: methods,
  paths,
  notPaths: paths,
};

function sourceParts(source: Source, at: number, asked: Asked): readonly Compared[] {
  return Object.entries(source).map(([name, value]) => {
    const [of, actual] = OF_SOURCE[name as keyof Source];
    const rule = { from: [{ [name]: value }] };
    return part(`from[${at}].source.${name}`, of, actual(asked), textsOf(value), holdsFor(rule, asked));
  });
}

function operationParts(operation: Operation, at: number, asked: Asked): readonly Compared[] {
  return Object.entries(operation).map(([name, value]) => {
    const [of, actual] = OF_OPERATION[name as keyof Operation];
    const rule = { to: [{ [name]: value }] };
    return part(`to[${at}].operation.${name}`, of, actual(asked), textsOf(value), holdsFor(rule, asked));
  });
}

function conditionPart(condition: Condition, at: number, asked: Asked): Compared {
  const { key, values, notValues } = condition;
  const wanted = textsOf(values ?? notValues ?? []);
  const field = `when[${at}].${values === undefined ? "notValues" : "values"}`;
  const rule: AuthorizationRule = { when: [condition] };
  return part(field, keyText(key), actualOf(key, asked), wanted, holdsFor(rule, asked));
}

function part(
  field: string,
  of: string,
  actual: string | null,
  wanted: readonly string[],
  holds: boolean | null,
): Compared {
  return { field, of, actual, wanted: wantedTexts(wanted), holds };
}

function textsOf(list: readonly (string | StringMatch | RequestPrincipalMatch)[]): readonly string[] {
  return list.map((one) => {
    if (typeof one === "string") return one;
    return "kind" in one ? matchText(one) : `${matchText(one.issuer)}/${matchText(one.subject)}`;
  });
}

function keyText(key: Condition["key"]): string {
  if (key.kind === "header") return `request.headers[${key.name}]`;
  if (key.kind === "request.auth.claims") return `request.auth.claims${key.path.map((name) => `[${name}]`).join("")}`;
  if (key.kind === "request.auth.key.labels") return `${key.kind}[${key.name}]`;
  return key.kind;
}

function actualOf(key: Condition["key"], { facts, tokens, context }: Asked): string | null {
  const { peer } = facts;
  switch (key.kind) {
    case "header":
      return headerText(key.name, facts, context.secretHeaders);
    case "source.principal":
      return peer.principal;
    case "source.namespace":
      return peer.namespace;
    case "source.serviceAccount":
      return accountOf(facts);
    case "source.trustDomain":
      return peer.trustDomain;
    case "source.ip":
      return facts.sourceIp;
    case "remote.ip":
      return facts.clientIp;
    case "connection.sni":
      return context.stage === "gateway" ? facts.host : null;
    case "protocol":
      return facts.protocol;
    case "request.auth.principal":
      return joined(tokens.map(({ principal }) => principal));
    case "request.auth.audiences":
      return joined(tokens.flatMap(({ audiences }) => audiences));
    case "request.auth.presenter":
      return joined(tokens.flatMap(({ presenter }) => presenter ?? []));
    case "request.auth.claims":
      return joined(tokens.flatMap((token) => claimValues(token, key.path) ?? []));
    case "request.auth.key.id":
    case "request.auth.key.name":
    case "request.auth.key.plan":
    case "request.auth.key.labels":
      return keyValue(key, facts.apiKey);
  }
}

/** What may be a credential is not shown, whoever asks. */
function headerText(name: string, { headers }: RequestFacts, secret: ReadonlySet<string>): string | null {
  const value = headers[name];
  if (value === undefined) return null;
  return isSecretHeader(name, secret) ? "(not shown)" : value;
}

function joined(values: readonly string[]): string | null {
  return values.length === 0 ? null : values.join(", ");
}
