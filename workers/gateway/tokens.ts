import type { JWK } from "jose";
import { checkTimes, endOf, type ReadToken, readToken } from "../../src/identity/jwt.ts";
import { readKeySet } from "../../src/identity/jwk.ts";
import type { LinkedPlace } from "../../src/policy/request-authentication.ts";
import type { RefusedToken, TokenFact } from "../../src/request/token-fact.ts";
import type { JwtRule } from "../../src/snapshot/model.ts";
import type { Fetch } from "./jwks-fetch.ts";
import { type KeySet, KeySets } from "./jwks.ts";
import { Verification, type Verified } from "./verification.ts";

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
  /** The issuers' keys that it was verified by, as they were then; none where they stand in the rules. */
  readonly by: readonly { readonly set: KeySet; readonly version: number }[];
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
    const { fact, sets } = await this.#byRules(read.value, rules, ctx);
    if (fact.ok) this.#verified.set(rulesId, token, { fact, until: endOf(read.value), by: sets });
    // Key sets that are away may be back at once.
    else if (fact.code !== "jwks_unavailable") this.#remember(rulesId, token, fact);
    return fact;
  }

  #refuse(rulesId: string, token: string, detail: string): RefusedToken {
    const fact = refused(detail);
    this.#remember(rulesId, token, fact);
    return fact;
  }

  #remember(rulesId: string, token: string, fact: RefusedToken): void {
    this.#refused.set(rulesId, token, { fact, until: this.#now() + REFUSED_FOR_MS, by: NOTHING });
  }

  /**
   * Issuer and key set belong together: only rules of the token's issuer are asked, any of which may accept it. Those that ask
   * for a token are asked all.
   */
  async #byRules(token: ReadToken, rules: readonly JwtRule[], ctx: Context): Promise<Verified> {
    const verifying = new Verification(token);
    for (const [index, rule] of rules.entries()) {
      if (token.claims["iss"] !== rule.issuer || (verifying.fact.ok && rule.required === undefined)) continue;
      const { keys } = rule;
      if (keys.kind === "inline") await verifying.by(rule, index, this.#inlineKeys(keys.jwks));
      else await this.#byIssuer(verifying, rule, index, await this.#keySets.get(keys, verifying.isUseful, ctx));
    }
    return verifying;
  }

  async #byIssuer(verifying: Verification, rule: JwtRule, index: number, set: KeySet): Promise<void> {
    const { keys, version } = set;
    if (keys === null) verifying.without(rule);
    else if (await verifying.by(rule, index, keys)) verifying.sets.push({ set, version });
  }

  #inlineKeys(jwks: string): readonly JWK[] {
    let set = this.#inline.get(jwks);
    if (!set) {
      if (this.#inline.size >= MAX_INLINE) this.#inline.clear();
      this.#inline.set(jwks, (set = readKeySet(jwks) ?? []));
    }
    return set;
  }
}

const MAX_INLINE = 100;

const NOTHING: readonly never[] = [];

function refused(detail: string): RefusedToken {
  return { ok: false, code: "jwt_invalid", detail };
}

function isCurrent({ by }: Remembered, now: number): boolean {
  for (const { set, version } of by)
    if (set.version !== version || now >= set.askAt || now >= set.usableUntil) return false;
  return true;
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
    // A key may be gone, or it is time to ask for the keys: the token is verified anew, and nothing waits for that.
    if (!isCurrent(found, now)) return undefined;
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
