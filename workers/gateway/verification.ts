import type { JWK } from "jose";
import { audiencesOf, candidates, isSigned, type ReadToken } from "../../src/identity/jwt.ts";
import { SPACE_DELIMITED } from "../../src/policy/claims.ts";
import type { TokenFact, VerifiedToken } from "../../src/request/token-fact.ts";
import type { JwtRule } from "../../src/snapshot/model.ts";
import type { KeySet } from "./jwks.ts";

/** What came of a token, and by which issuers' keys, as they were then. */
export interface Verified {
  readonly fact: TokenFact;
  readonly sets: readonly { readonly set: KeySet; readonly version: number }[];
}

/** One token on its way through the rules of its issuer. */
export class Verification implements Verified {
  fact: TokenFact = { ok: false, code: "jwt_invalid", detail: "token_issuer" };
  readonly sets: { readonly set: KeySet; readonly version: number }[] = [];
  readonly #token: ReadToken;
  readonly #audiences: readonly string[];
  /** Many rules may share a key set: its signature is verified once by each. */
  readonly #signed = new Map<readonly JWK[], boolean>();

  constructor(token: ReadToken) {
    this.#token = token;
    this.#audiences = audiencesOf(token);
  }

  /** Whether some key of a set may have signed the token. */
  readonly isUseful = (keys: readonly JWK[]): boolean => candidates(this.#token, keys).length > 0;

  /** @returns whether the rule accepts the token */
  async by(rule: JwtRule, index: number, keys: readonly JWK[]): Promise<boolean> {
    if (!(await this.#isSigned(keys))) {
      this.#refuse("jwt_invalid", this.isUseful(keys) ? "token_signature" : "token_key");
      return false;
    }
    const wanted = rule.audiences.length === 0 || rule.audiences.some((one) => this.#audiences.includes(one));
    if (wanted) this.#accept(rule, index);
    else this.#refuse("jwt_audience", rule.name);
    return wanted;
  }

  /** The rule's keys cannot be had. */
  without(rule: JwtRule): void {
    this.#refuse("jwks_unavailable", rule.name);
  }

  async #isSigned(keys: readonly JWK[]): Promise<boolean> {
    const known = this.#signed.get(keys);
    if (known !== undefined) return known;
    const possible = candidates(this.#token, keys);
    const signed = possible.length > 0 && (await isSigned(this.#token, possible));
    this.#signed.set(keys, signed);
    return signed;
  }

  #accept(rule: JwtRule, index: number): void {
    const { fact } = this;
    this.fact = fact.ok
      ? { ...fact, alsoBy: [...(fact.alsoBy ?? []), index] }
      : factOf(this.#token, rule, index, this.#audiences);
  }

  /** The reason that says most stands: a bad signature says nothing where a rule's keys were away, or its audience was another. */
  #refuse(code: "jwt_invalid" | "jwt_audience" | "jwks_unavailable", detail: string): void {
    const { fact } = this;
    if (fact.ok || (code === "jwt_invalid" && fact.detail !== "token_issuer")) return;
    this.fact = { ok: false, code, detail };
  }
}

function factOf({ claims }: ReadToken, rule: JwtRule, index: number, audiences: readonly string[]): VerifiedToken {
  const subject = typeof claims["sub"] === "string" ? claims["sub"] : "";
  return {
    ok: true,
    principal: `${rule.issuer}/${subject}`,
    issuer: rule.issuer,
    subject,
    audiences,
    presenter: typeof claims["azp"] === "string" ? claims["azp"] : null,
    claims,
    spaceDelimited: [...SPACE_DELIMITED, ...rule.spaceDelimitedClaims],
    rule: index,
  };
}
