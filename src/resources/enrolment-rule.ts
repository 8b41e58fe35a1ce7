import { z } from "zod";
import { isWrittenOut, namesIn, patternProblem, templateProblem } from "./subject-pattern.ts";
import { fetchedUrlProblem } from "./address.ts";
import { strict, text } from "./fields.ts";
import { jwksProblem, warnOfUselessKeys } from "./request-authentication.ts";
import type { Context } from "./kind.ts";
import type { Report } from "./report.ts";

export const EnrolmentRule = strict({
  issuer: text((issuer) => issuer !== "" && issuer.length <= 2_048, "an issuer of at most 2048 characters"),
  audience: z.string().exactOptional(),
  jwksUri: z.string().exactOptional(),
  jwks: z.string().exactOptional(),
  subject: z.string().min(1),
  namespace: z.string(),
  serviceAccount: z.string(),
});

/** Without `jwks` and `jwksUri` the issuer's keys are found by OpenID discovery; an absent `audience` is the mesh's, the only one it may be. */
export type EnrolmentRuleSpec = z.infer<typeof EnrolmentRule>;

/** It signs for every repository on GitHub. */
const GITHUB_ACTIONS = "https://token.actions.githubusercontent.com";
/** Where such a subject names the repository: `repo:OWNER/NAME:…`. */
const REPOSITORY = 1;

export function checkEnrolmentRule(spec: EnrolmentRuleSpec, report: Report, context: Context): void {
  const { issuer, jwks, jwksUri, subject } = spec;
  const say = (field: keyof EnrolmentRuleSpec, problem: string | null): void => {
    if (problem !== null) report.at(field).error(problem);
  };
  if (jwks !== undefined && jwksUri !== undefined) say("jwks", "cannot go with `jwksUri`: leave one out");
  if (jwks === undefined && jwksUri === undefined) say("issuer", discoveryProblem(issuer, context.local));
  if (jwksUri !== undefined) say("jwksUri", fetchedUrlProblem(jwksUri, context.local));
  if (jwks !== undefined) {
    const problem = jwksProblem(jwks);
    if (problem === null) warnOfUselessKeys(jwks, report.at("jwks"));
    else say("jwks", problem);
  }
  say("subject", patternProblem(subject));
  if (issuer.replace(/\/+$/, "") === GITHUB_ACTIONS && !isWrittenOut(subject, REPOSITORY))
    say("subject", "names no repository, and this issuer signs for all of GitHub's: begin it with `repo:OWNER/NAME:`");
  const names = namesIn(subject);
  for (const field of ["namespace", "serviceAccount"] as const) say(field, templateProblem(spec[field], names));
}

/** OpenID Connect Discovery §4.1 puts the document below the issuer: a query or a fragment would hide it. */
function discoveryProblem(issuer: string, local: boolean): string | null {
  const problem = fetchedUrlProblem(issuer, local);
  if (problem !== null) return `${problem}, for its keys to be found there; or set \`jwksUri\` or \`jwks\``;
  return /[?#]/.test(issuer) ? "must have no query, for its keys to be found there; or set `jwksUri` or `jwks`" : null;
}
