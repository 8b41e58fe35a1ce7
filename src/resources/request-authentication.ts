import { z } from "zod";
import { readKeySet, uselessKey } from "../identity/jwk.ts";
import { isProofOfCaller } from "../request/header-names.ts";
import { isUrl } from "./discovery.ts";
import { duration } from "./duration.ts";
import { choice, strict, text } from "./fields.ts";
import { headerName, isHeaderName, PROOF_OF_CALLER } from "./header-operations.ts";
import { type Context, refuseDryRun } from "./kind.ts";
import type { Report } from "./report.ts";
import { checkScope, scopeFields } from "./target-refs.ts";
import { fetchedUrlProblem } from "./address.ts";

const name = z.string().min(1);
const claimHeader = text(
  (value) => /^[-_A-Za-z0-9]{1,256}$/.test(value),
  "a header name of letters, digits, `-` and `_`",
);

const JwtRule = strict({
  issuer: name,
  audiences: z.array(name).exactOptional(),
  jwksUri: z.string().exactOptional(),
  jwks: z.string().exactOptional(),
  fromHeaders: z.array(strict({ name: headerName, prefix: z.string().exactOptional() })).exactOptional(),
  fromParams: z.array(name).exactOptional(),
  fromCookies: z.array(text(isHeaderName, "the name of a cookie")).exactOptional(),
  outputPayloadToHeader: headerName.exactOptional(),
  outputClaimToHeaders: z.array(strict({ header: claimHeader, claim: name })).exactOptional(),
  forwardOriginalToken: z.boolean().exactOptional(),
  timeout: duration.exactOptional(),
  spaceDelimitedClaims: z.array(name).max(64).exactOptional(),
  presence: choice(["OPTIONAL", "REQUIRED"]).exactOptional(),
});

export const RequestAuthentication = strict({
  ...scopeFields,
  jwtRules: z.array(JwtRule).max(4_096).exactOptional(),
});

/** A rule has `jwks`, `jwksUri` or neither: then the issuer says where its keys are. Empty or absent `audiences` take any; an absent `timeout` is 5 s. */
export type RequestAuthenticationSpec = z.infer<typeof RequestAuthentication>;
export type JwtRuleSpec = z.infer<typeof JwtRule>;

export function checkRequestAuthentication(spec: RequestAuthenticationSpec, report: Report, context: Context): void {
  refuseDryRun(context);
  checkScope(spec, report);
  if ((spec.jwtRules ?? []).length === 0)
    report.at("jwtRules").warn("no rules: no token is ever looked at", "TULLE0305");
  for (const [index, rule] of (spec.jwtRules ?? []).entries())
    checkJwtRule(rule, report.at("jwtRules", index), context);
}

function checkJwtRule(rule: JwtRuleSpec, report: Report, context: Context): void {
  if (rule.jwks !== undefined && rule.jwksUri !== undefined)
    report.at("jwks").error("cannot go with `jwksUri`: leave one out");
  if (rule.jwks === undefined && rule.jwksUri === undefined) checkDiscovery(rule.issuer, report, context);
  if (rule.jwksUri !== undefined) {
    const problem = fetchedUrlProblem(rule.jwksUri, context.local);
    if (problem !== null) report.at("jwksUri").error(problem);
  }
  if (rule.jwks !== undefined) {
    const problem = jwksProblem(rule.jwks);
    if (problem !== null) report.at("jwks").error(problem);
    else if (rule.jwksUri === undefined) warnOfUselessKeys(rule.jwks, report.at("jwks"));
  }
  if (rule.outputPayloadToHeader !== undefined && isProofOfCaller(rule.outputPayloadToHeader))
    report.at("outputPayloadToHeader").error(PROOF_OF_CALLER);
  const headers = new Set<string>();
  for (const [index, { header }] of (rule.outputClaimToHeaders ?? []).entries()) {
    if (headers.has(header.toLowerCase()))
      report.at("outputClaimToHeaders", index, "header").error(`\`${header}\` is there twice`, "FieldValueDuplicate");
    headers.add(header.toLowerCase());
    if (isProofOfCaller(header)) report.at("outputClaimToHeaders", index, "header").error(PROOF_OF_CALLER);
  }
}

/** Istio takes rules whose keys are nowhere to be found, and refuses all their tokens. */
function checkDiscovery(issuer: string, report: Report, { local }: Context): void {
  if (!isUrl(issuer)) {
    const message =
      "no token is ever accepted: without `jwksUri` and `jwks` the issuer must be a URL, which is asked for its keys";
    report.at("issuer").warn(message, "TULLE0305");
    return;
  }
  const problem = issuer.includes("?")
    ? "must not hold a query, to be asked for its keys"
    : fetchedUrlProblem(issuer, local);
  if (problem !== null) report.at("issuer").error(`${problem}; or set \`jwksUri\` or \`jwks\``);
}

/** A set may hold keys for other readers; who wonders why a token is refused should be told of them. */
export function warnOfUselessKeys(jwks: string, report: Report): void {
  for (const [index, key] of (readKeySet(jwks) ?? []).entries()) {
    const problem = uselessKey(key);
    const name = typeof key.kid === "string" ? ` (\`kid: ${key.kid.slice(0, 100)}\`)` : "";
    if (problem !== null) report.warn(`key ${index}${name} verifies nothing: it ${problem}`, "TULLE0305");
  }
}

/** Form of an inline key set: public keys only, and no symmetric ones, which would let every reader of the policy sign (R12). */
export function jwksProblem(jwks: string): string | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(jwks);
  } catch {
    return "is no JSON";
  }
  const set = KeySet.safeParse(parsed);
  if (!set.success) return "is no JSON Web Key Set: an object with a list `keys`, each key with its `kty`";
  if (set.data.keys.some((key) => key.kty === "oct"))
    return "holds a symmetric key (`kty: oct`), which is refused; use RSA, EC or OKP keys";
  if (set.data.keys.some((key) => key.d !== undefined)) return "holds a private key; write the public part only";
  return null;
}

const KeySet = z.looseObject({
  keys: z
    .array(z.looseObject({ kty: z.string(), d: z.unknown().exactOptional() }))
    .min(1)
    .max(100),
});
