import { decodeProtectedHeader } from "jose";
import { candidates, isSigned, readToken, type ReadToken } from "../../../src/identity/jwt.ts";
import { claimsOf, type Identity, signInProblem, type SignInProblem, subjectOf } from "../../../src/kube/sign-in.ts";
import { isCloudflareAccess, signInKeysAt, type SignInSpec } from "../../../src/resources/sign-in.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import type { IssuerKeys, KeySource } from "../authority/issuer-keys.ts";

/** What of the mesh's settings counts. */
export interface SignInSettings {
  readonly entries: readonly SignInSpec[];
  readonly allowedHosts: readonly string[];
}

export interface Identified {
  readonly identity: Identity;
  /** All of the token that was signed: of ECDSA there are two signatures for one text. Null: it may be exchanged again. */
  readonly once: string | null;
}

export interface SignInRefusal {
  readonly reason: SignInProblem;
  /** As the token says; of no proof. */
  readonly issuer: string | null;
  readonly subject: string | null;
}

/**
 * Whom an issuer's token names. The entries are asked before the issuer's keys are: a token that could fit none makes control
 * fetch nothing (R14).
 */
export async function identify(
  text: string,
  { entries, allowedHosts }: SignInSettings,
  keys: IssuerKeys,
  now: () => number,
): Promise<Result<Identified, SignInRefusal>> {
  const read = readToken(text);
  if (!read.ok) return err({ reason: "token_form", issuer: null, subject: null });
  const token = read.value;
  const { iss, sub } = token.claims;
  const refuse = (reason: SignInProblem) => err({ reason, issuer: shortened(iss), subject: shortened(sub) });
  const ofIssuer = entries.filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) return refuse("token_issuer");
  const { typ } = decodeProtectedHeader(text);
  const problems = ofIssuer.map((entry) => ({ entry, problem: signInProblem(token, typ, entry, now()) }));
  const fitting = problems.find(({ problem }) => problem === null)?.entry;
  // Of an entry whose audience it has there is more to say than of others.
  if (!fitting)
    return refuse(problems.find(({ problem }) => problem !== "token_audience")?.problem ?? "token_audience");
  const set = await keys.get(sourceOf(fitting), allowedHosts, (some) => candidates(token, some).length > 0, now);
  if (set === null) return refuse("token_keys");
  if (!(await isSigned(token, candidates(token, set)))) return refuse("token_signature");
  return ok({ identity: identityIn(token, fitting), once: onceOf(token, fitting) });
}

function sourceOf(entry: SignInSpec): KeySource {
  const isDiscovered = entry.jwksUri === undefined && !isCloudflareAccess(entry.issuer);
  return isDiscovered ? { kind: "discovered", issuer: entry.issuer } : { kind: "remote", uri: signInKeysAt(entry) };
}

function identityIn({ claims }: ReadToken, entry: SignInSpec): Identity {
  const { issuer, audience } = entry;
  return { issuer, audience, subject: subjectOf(claims, issuer) ?? "", claims: claimsOf(entry, claims) };
}

/** Access sends one token with all requests of a browser; an ID token is for one sign-in. */
function onceOf({ text }: ReadToken, { issuer }: SignInSpec): string | null {
  return isCloudflareAccess(issuer) ? null : text.slice(0, text.lastIndexOf("."));
}

const MAX_TOLD = 255;

function shortened(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, MAX_TOLD) : null;
}
