/** What is known of a token: it verified, or why not. Without the token itself, so that it may be recorded. */
export type TokenFact = VerifiedToken | RefusedToken;

/** A token that one of its place's rules accepted. */
export interface VerifiedToken {
  readonly ok: true;
  /** `iss/sub`. */
  readonly principal: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  /** The claim `azp`. */
  readonly presenter: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Claims of it that are lists separated by blanks: `scope`, `permission` and those of its rule. */
  readonly spaceDelimited: readonly string[];
  /** The rule that accepted it: index into the rules of its place. */
  readonly rule: number;
  /** Further rules that accepted it, where some of the place's rules ask for a token; absent: none. */
  readonly alsoBy?: readonly number[];
}

export interface RefusedToken {
  readonly ok: false;
  readonly code: TokenRefusal;
  /** For the operator. */
  readonly detail: string;
}

type TokenRefusal = "jwt_invalid" | "jwt_audience" | "jwks_unavailable";
