import type { TokenFact, TokenNeed } from "../../src/decide/types.ts";
import type { JWK } from "jose";
import {
  audiencesOf,
  candidates,
  checkTimes,
  endOf,
  isSigned,
  type ReadToken,
  readKeySet,
  readToken,
} from "../../src/identity/jwt.ts";
import { SPACE_DELIMITED } from "../../src/policy/claims.ts";
import type { JwtRule } from "../../src/snapshot/model.ts";
import { type Fetch, KeySets } from "./jwks.ts";

type Context = Pick<ExecutionContext, "waitUntil">;
type Refused = Extract<TokenFact, { ok: false }>;

interface Remembered {
  readonly fact: TokenFact;
  /** Epoch ms. */
  readonly until: number;
}

const MAX_VERIFIED = 5_000;
/** Apart from the verified ones, so that a flood of bad tokens drives out no good one. */
const MAX_REFUSED = 1_000;
const REFUSED_FOR_MS = 10_000;

/** Verifies tokens once: a verified one is a fact until it ends, a refused one for some seconds. */
export class TokenVerifier {
  readonly #verified = new Map<string, Remembered>();
  readonly #refused = new Map<string, Remembered>();
  readonly #inline = new Map<string, readonly JWK[]>();
  readonly #keySets: KeySets;
  readonly #now: () => number;

  /** @param options.local whether key sets may come from loopback by plain http, as only in the local mesh */
  constructor(options: { readonly now: () => number; readonly fetch: Fetch; readonly local: boolean }) {
    this.#keySets = new KeySets(options);
    this.#now = options.now;
  }

  /** @param key of the `TokenNeed`: the rules and the token */
  cached(key: string): TokenFact | undefined {
    const found = this.#verified.get(key) ?? this.#refused.get(key);
    if (!found) return undefined;
    if (this.#now() < found.until) return found.fact;
    this.#verified.delete(key);
    this.#refused.delete(key);
    return undefined;
  }

  async verify({ key, token, rules }: TokenNeed, ctx: Context): Promise<TokenFact> {
    const read = readToken(token);
    if (!read.ok) return this.#refuse(key, read.error.code);
    const times = checkTimes(read.value, this.#now());
    if (times !== null) return this.#refuse(key, times.code);
    const fact = await this.#byRules(read.value, rules, ctx);
    if (fact.ok) remember(this.#verified, key, { fact, until: endOf(read.value) }, MAX_VERIFIED);
    // Key sets that are away may be back at once.
    else if (fact.code !== "jwks_unavailable")
      remember(this.#refused, key, { fact, until: this.#now() + REFUSED_FOR_MS }, MAX_REFUSED);
    return fact;
  }

  #refuse(key: string, detail: string): Refused {
    const fact: Refused = { ok: false, code: "jwt_invalid", detail };
    remember(this.#refused, key, { fact, until: this.#now() + REFUSED_FOR_MS }, MAX_REFUSED);
    return fact;
  }

  /** Issuer and key set belong together: only rules of the token's issuer are asked, any of which may accept it. */
  async #byRules(token: ReadToken, rules: readonly JwtRule[], ctx: Context): Promise<TokenFact> {
    let refused: Refused = { ok: false, code: "jwt_invalid", detail: "token_issuer" };
    for (const [index, rule] of rules.entries()) {
      if (token.claims["iss"] !== rule.issuer) continue;
      const keys = await this.#keys(rule, token, ctx);
      if (keys === null) {
        refused = { ok: false, code: "jwks_unavailable", detail: rule.name };
        continue;
      }
      const possible = candidates(token, keys);
      if (possible.length === 0 || !(await isSigned(token, possible))) {
        if (refused.detail === "token_issuer")
          refused = {
            ok: false,
            code: "jwt_invalid",
            detail: possible.length === 0 ? "token_key" : "token_signature",
          };
        continue;
      }
      const audiences = audiencesOf(token);
      const wanted = rule.audiences.length === 0 || rule.audiences.some((audience) => audiences.includes(audience));
      if (wanted) return factOf(token, rule, index, audiences);
      refused = { ok: false, code: "jwt_audience", detail: rule.name };
    }
    return refused;
  }

  async #keys({ keys }: JwtRule, token: ReadToken, ctx: Context): Promise<readonly JWK[] | null> {
    if (keys.kind === "remote") {
      const isUseful = (set: readonly JWK[]): boolean => candidates(token, set).length > 0;
      return this.#keySets.get(keys.uri, keys.timeoutMs, isUseful, ctx);
    }
    let set = this.#inline.get(keys.jwks);
    if (!set) {
      if (this.#inline.size >= MAX_INLINE) this.#inline.clear();
      this.#inline.set(keys.jwks, (set = readKeySet(keys.jwks) ?? []));
    }
    return set;
  }
}

const MAX_INLINE = 100;

function remember(map: Map<string, Remembered>, key: string, value: Remembered, limit: number): void {
  const [oldest] = map.keys();
  if (map.size >= limit && oldest !== undefined) map.delete(oldest);
  map.set(key, value);
}

function factOf({ claims, payload }: ReadToken, rule: JwtRule, index: number, audiences: readonly string[]): TokenFact {
  const subject = typeof claims["sub"] === "string" ? claims["sub"] : "";
  return {
    ok: true,
    principal: `${rule.issuer}/${subject}`,
    issuer: rule.issuer,
    subject,
    audiences,
    presenter: typeof claims["azp"] === "string" ? claims["azp"] : null,
    claims,
    payload,
    spaceDelimited: [...SPACE_DELIMITED, ...rule.spaceDelimitedClaims],
    rule: index,
  };
}
