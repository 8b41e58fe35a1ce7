import { hashedHeaders } from "../balancing/affinity.ts";
import { limitHeaders } from "../limits/link.ts";
import { isSecretHeader } from "../match/secret-test.ts";
import { providedHeaders } from "../policy/external-authorization.ts";
import { policiesOf } from "../policy/policy-set.ts";
import { outputHeaders, tokenHeaders } from "../policy/request-authentication.ts";
import { CORS_HEADERS } from "../routing/cors.ts";
import { fillings } from "../routing/header-operations.ts";
import type { HeaderOps, PolicySet, Route, Slice } from "./model.ts";

const NONE: ReadonlySet<string> = new Set();

/**
 * Where tokens and keys are looked for, what is filled from such a header or from the query, and what fills one.
 *
 * @param provided what external authorizers fill
 */
export function secretHeaders(
  { routes, policySets, keyHeaders = [] }: Slice,
  provided: readonly string[],
): ReadonlySet<string> {
  const secret = new Set([...policySets.flatMap(({ jwt }) => tokenHeaders(jwt)), ...keyHeaders, ...provided]);
  const made = routes.flatMap(fillings);
  for (let known = -1; known < secret.size;) {
    known = secret.size;
    for (const { name, from } of made) {
      if (![name, ...from].some((one) => one === ":path" || isSecretHeader(one, secret))) continue;
      for (const one of [name, ...from]) if (!one.startsWith(":")) secret.add(one);
    }
  }
  return secret;
}

/** Every header that a rule of the slice names: matches, conditions, changes, token places, outputs, and what limits count by. */
export function headerNames(slice: Slice): string[] {
  return [...decidingHeaders(slice), ...limitHeaders(slice.limits ?? [])];
}

/** Headers that limits alone name: a decision is made again without them, of what the limits said. */
export function countedHeaders(slice: Slice): ReadonlySet<string> {
  const counted = limitHeaders(slice.limits ?? []);
  return counted.length === 0 ? NONE : new Set(counted).difference(new Set(decidingHeaders(slice)));
}

function decidingHeaders(slice: Slice): string[] {
  const { routes, policySets, clusters, keyHeaders = [], rehearsals = [] } = slice;
  const matched = [...routes.flatMap(({ matches }) => matches), ...rehearsals].flatMap(({ headers = [] }) =>
    headers.map(({ name }) => name),
  );
  const changed = routes
    .flatMap(opsOf)
    .flatMap(({ remove = [], set = [], add = [] }) => [...remove, ...[...set, ...add].map(([name]) => name)]);
  const ofTokens = policySets.flatMap(({ jwt }) => [...tokenHeaders(jwt), ...outputHeaders(jwt)]);
  const ofCors = routes.some(({ cors }) => cors !== undefined) ? CORS_HEADERS : [];
  // What an abort answers hangs on whether it is gRPC.
  const aborts =
    routes.some(({ fault }) => fault?.abort !== undefined) || rehearsals.some(({ abort }) => abort !== undefined);
  const hashed = Object.values(clusters).flatMap(({ loadBalancer }) => hashedHeaders(loadBalancer));
  const sources = routes.flatMap(fillings).flatMap(({ from }) => from);
  const conditions = conditionHeaders(policySets);
  const provided = providedHeaders(slice);
  return [
    ...matched,
    ...changed,
    ...sources,
    ...conditions,
    ...ofTokens,
    ...keyHeaders,
    ...ofCors,
    ...(aborts ? ["content-type"] : []),
    ...hashed,
    ...provided,
  ].filter((name) => !name.startsWith(":"));
}

/** Claims that some condition, output or match names, by the first part of their path. */
export function claimNames({ routes, policySets }: Slice): ReadonlySet<string> {
  const conditions = conditionsOf(policySets).flatMap(({ key }) =>
    key.kind === "request.auth.claims" ? key.path.slice(0, 1) : [],
  );
  const outputs = policySets.flatMap(({ jwt }) =>
    jwt.flatMap(({ outputClaimToHeaders }) => outputClaimToHeaders.flatMap(({ claim }) => claim.split(".", 1))),
  );
  const matched = routes.flatMap(({ matches }) =>
    matches.flatMap(({ claims = [] }) => claims.flatMap(({ path }) => path.slice(0, 1))),
  );
  return new Set([...conditions, ...outputs, ...matched]);
}

/** Headers that conditions of policies name. */
export function conditionHeaders(policySets: readonly PolicySet[]): string[] {
  return conditionsOf(policySets).flatMap(({ key }) => (key.kind === "header" ? key.name : []));
}

function conditionsOf(policySets: readonly PolicySet[]) {
  const rules = policySets.flatMap(policiesOf).flatMap((policy) => policy.rules);
  return rules.flatMap(({ when = [] }) => when);
}

function opsOf(route: Route): HeaderOps[] {
  const all = [route, ...route.destinations].flatMap(({ request, response }) => [request, response]);
  return all.filter((ops) => ops !== undefined);
}
