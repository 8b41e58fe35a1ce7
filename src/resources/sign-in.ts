import { z } from "zod";
import { fetchedUrlProblem } from "./address.ts";
import { choice, list, strict, text } from "./fields.ts";
import { isDnsLabel } from "./names.ts";
import { PERMISSIONS } from "./permissions.ts";
import type { Report } from "./report.ts";

/** All namespaces. It is written out: what is left out must not mean the most. */
export const ANY_NAMESPACE = "*";

const MAX_ENTRIES = 16;
const MAX_RULES = 256;
const MAX_VALUES = 256;
const MAX_CHARACTERS = 1_024;

const short = text((value) => value !== "" && value.length <= MAX_CHARACTERS, `of 1 to ${MAX_CHARACTERS} characters`);

const Claim = strict({
  name: text((name) => name.length <= MAX_CHARACTERS && signInClaim(name) !== null, "the name of a claim, or `[a][b]`"),
  values: list(short).max(MAX_VALUES),
});

const Rule = strict({
  claims: list(Claim).max(16),
  role: choice(["viewer", "editor", "admin"]),
  permissions: list(choice(PERMISSIONS)).exactOptional(),
  namespace: text((name) => name === ANY_NAMESPACE || isDnsLabel(name), "the name of a namespace, or `*` for all"),
});

export const SignIn = list(
  strict({
    issuer: short,
    audience: short,
    jwksUri: z.string().exactOptional(),
    rules: list(Rule).max(MAX_RULES),
  }),
).max(MAX_ENTRIES);

/** Who may sign in to the control API. Without `jwksUri` the issuer's keys are found by OpenID discovery, or where Cloudflare Access has them. */
export type SignInSpec = z.infer<typeof SignIn>[number];

export function checkSignIn(entries: readonly SignInSpec[], report: Report, local: boolean): void {
  const known = new Set<string>();
  for (const [index, { issuer, audience, jwksUri }] of entries.entries()) {
    const at = report.at(index);
    const problem = fetchedUrlProblem(issuer, local) ?? (/[?#]/.test(issuer) ? "must have no query" : null);
    if (problem !== null) at.at("issuer").error(problem);
    const keys = jwksUri === undefined ? null : fetchedUrlProblem(jwksUri, local);
    if (keys !== null) at.at("jwksUri").error(keys);
    if (/\.cloudflareaccess\.com\/?$/i.test(issuer) && !isCloudflareAccess(issuer))
      at.at("issuer").error("is no team of Cloudflare Access: write `https://TEAM.cloudflareaccess.com`");
    const key = JSON.stringify([issuer, audience]);
    if (known.has(key)) at.at("audience").error("this issuer and audience are there twice", "FieldValueDuplicate");
    known.add(key);
  }
}

/**
 * The claim that a rule names: whole, as `groups`, or `[custom][groups]` for one inside of another.
 *
 * @returns names from the outside in; null where it is no claim's name
 */
export function signInClaim(name: string): readonly string[] | null {
  const path = name.startsWith("[") && name.endsWith("]") ? name.slice(1, -1).split("][") : [name];
  return path.includes("") ? null : path;
}

/** Its tokens are another thing than OpenID Connect's ID tokens, with keys in a place of their own. */
export function isCloudflareAccess(issuer: string): boolean {
  return /^https:\/\/[a-z0-9][a-z0-9-]{0,62}\.cloudflareaccess\.com$/.test(issuer);
}

/** Where control fetches from for an issuer, at first. */
export function signInKeysAt({ issuer, jwksUri }: SignInSpec): string {
  if (jwksUri !== undefined) return jwksUri;
  return isCloudflareAccess(issuer) ? `${issuer}/cdn-cgi/access/certs` : issuer;
}
