import type { JWK } from "jose";
import {
  audiencesOf,
  candidates,
  checkTimes,
  endOf,
  isSigned,
  type ReadToken,
  readToken,
} from "../../src/identity/jwt.ts";
import { readKeySet } from "../../src/identity/jwk.ts";
import { SPACE_DELIMITED } from "../../src/policy/claims.ts";
import type { LinkedPlace } from "../../src/policy/request-authentication.ts";
import type { RefusedToken, TokenFact } from "../../src/request/token-fact.ts";
import type { JwtRule } from "../../src/snapshot/model.ts";
import { type Fetch, KeySets } from "./jwks.ts";

type Context = Pick<ExecutionContext, "waitUntil">;

/** A token, and the rules of its place. */
interface Found {
  readonly place: Pick<LinkedPlace, "rules" | "rulesId">;
  readonly token: string;
}

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
  readonly #verified = new Memory(MAX_VERIFIED);
  readonly #refused = new Memory(MAX_REFUSED);
  readonly #inline = new Map<string, readonly JWK[]>();
  readonly #keySets: KeySets;
  readonly #now: () => number;

  /** @param options.local whether key sets may come from loopback by plain http, as only in the local mesh */
  constructor(options: { readonly now: () => number; readonly fetch: Fetch; readonly local: boolean }) {
    this.#keySets = new KeySets(options);
    this.#now = options.now;
  }

  /**
   * @param rulesId of the place: the rules that the token was verified against
   * @returns undefined where it must be verified
   */
  cached(rulesId: string, token: string): TokenFact | undefined {
    const now = this.#now();
    return this.#verified.get(rulesId, token, now) ?? this.#refused.get(rulesId, token, now);
  }

  async verify({ place, token }: Found, ctx: Context): Promise<TokenFact> {
    const { rules, rulesId } = place;
    const known = this.cached(rulesId, token);
    if (known !== undefined) return known;
    const read = readToken(token);
    // Its length alone tells that it is none: a flood of such would fill the memory.
    if (!read.ok && read.error.code === "token_too_long") return refused(read.error.code);
    if (!read.ok) return this.#refuse(rulesId, token, read.error.code);
    const times = checkTimes(read.value, this.#now());
    if (times !== null) return this.#refuse(rulesId, token, times.code);
    const fact = await this.#byRules(read.value, rules, ctx);
    if (fact.ok) this.#verified.set(rulesId, token, { fact, until: endOf(read.value) });
    // Key sets that are away may be back at once.
    else if (fact.code !== "jwks_unavailable")
      this.#refused.set(rulesId, token, { fact, until: this.#now() + REFUSED_FOR_MS });
    return fact;
  }

  #refuse(rulesId: string, token: string, detail: string): RefusedToken {
    const fact = refused(detail);
    this.#refused.set(rulesId, token, { fact, until: this.#now() + REFUSED_FOR_MS });
    return fact;
  }

  /** Issuer and key set belong together: only rules of the token's issuer are asked, any of which may accept it. */
  async #byRules(token: ReadToken, rules: readonly JwtRule[], ctx: Context): Promise<TokenFact> {
    let refused: RefusedToken = { ok: false, code: "jwt_invalid", detail: "token_issuer" };
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

function refused(detail: string): RefusedToken {
  return { ok: false, code: "jwt_invalid", detail };
}

/** Facts by the rules that were asked and the token's text: no text is put together to look one up. */
class Memory {
  readonly #byRules = new Map<string, Map<string, Remembered>>();
  readonly #limit: number;
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(rulesId: string, token: string, now: number): TokenFact | undefined {
    const facts = this.#byRules.get(rulesId);
    const found = facts?.get(token);
    if (facts === undefined || found === undefined) return undefined;
    if (now < found.until) return found.fact;
    facts.delete(token);
    this.#size -= 1;
    return undefined;
  }

  set(rulesId: string, token: string, value: Remembered): void {
    let facts = this.#byRules.get(rulesId);
    if (facts === undefined) this.#byRules.set(rulesId, (facts = new Map()));
    if (!facts.has(token)) {
      if (this.#size >= this.#limit) this.#dropOldest();
      this.#size += 1;
    }
    facts.set(token, value);
  }

  /** Of the rules that were asked first: those of an old configuration go before those in use. */
  #dropOldest(): void {
    for (const [rulesId, facts] of this.#byRules) {
      const [oldest] = facts.keys();
      if (oldest !== undefined && facts.delete(oldest)) {
        this.#size -= 1;
        return;
      }
      this.#byRules.delete(rulesId);
    }
  }
}

function factOf({ claims }: ReadToken, rule: JwtRule, index: number, audiences: readonly string[]): TokenFact {
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
