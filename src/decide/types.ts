import type { Peer } from "../identity/peer.ts";
import type { JwtRule } from "../snapshot/model.ts";
import type { LinkedCluster, LinkedRoute } from "../snapshot/link.ts";

/** What `decide` reads of headers: the platform's `Headers` fits, and so does a recorded list. Names are lower case. */
export interface HeaderView {
  get(name: string): string | null;
}

/**
 * The recorded inputs of one decision. Everything is canonical (R1 to R9) and free of I/O: the same facts and draws give
 * the same decision, in the gateway, in control, in the CLI.
 */
export interface Facts {
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Lower case, no port, no trailing dot. */
  readonly host: string;
  /** Host as received, lower case, with its port if it had one. */
  readonly authority: string;
  /** Logical port of the listener or service. */
  readonly port: number;
  /** Canonical path, used for matching: `;params` cut. */
  readonly path: string;
  /** Canonical path as it will be forwarded: `;params` kept. Equal to `path` where there are none. */
  readonly forwardPath: string;
  /** Raw query without `?`; empty when there is none. */
  readonly query: string;
  readonly headers: HeaderView;
  readonly peer: Peer;
  /** Verified (or refused) tokens; undefined when not known yet. Keyed by `tokenKey(rules, token)`. */
  token(key: string): TokenFact | undefined;
}

/** The outcome of verifying one token against the rules of its issuer. */
export type TokenFact =
  | {
      readonly ok: true;
      /** `iss/sub`. */
      readonly principal: string;
      readonly issuer: string;
      readonly subject: string;
      readonly audiences: readonly string[];
      readonly presenter: string | null;
      readonly claims: Readonly<Record<string, unknown>>;
      /** base64url of the payload, as received. */
      readonly payload: string;
      /** Claims of it that are lists separated by blanks: `scope`, `permission` and those of its rule. */
      readonly spaceDelimited: readonly string[];
      /** The rule that accepted it: index into the rules it was verified against. */
      readonly rule: number;
    }
  | { readonly ok: false; readonly code: TokenRefusal; /** For the operator. */ readonly detail: string };

type TokenRefusal = "jwt_invalid" | "jwt_audience" | "jwks_unavailable";

/** A fact that is missing and costs I/O. */
export interface Need {
  readonly effect: "need";
  readonly tokens: readonly TokenNeed[];
}

export interface TokenNeed {
  /** Under which the answer is looked up in `Facts.token`. */
  readonly key: string;
  readonly token: string;
  /** The rules that may accept it. */
  readonly rules: readonly JwtRule[];
}

/** Random numbers in [0, 1), drawn before: one a purpose, so that a record replays. */
export interface Draws {
  /** Choice among weighted destinations. */
  readonly destination: number;
}

/** Why a request was refused. A code is public (alerts switch on it): add, never rename. */
export type RefusalCode =
  | "no_route"
  | "https_redirect"
  | "client_certificate_required"
  | "mtls_required"
  | "jwt_invalid"
  | "jwt_audience"
  | "jwks_unavailable"
  | "rbac_denied_matched_policy"
  | "rbac_denied_no_allow"
  | "decision_failed"
  | "path_refused"
  | "authority_refused"
  | "no_endpoint";

export interface Refusal {
  readonly effect: "refuse";
  readonly code: RefusalCode;
  readonly status: number;
  readonly body: string;
  /** Envoy's response flag: `NR`, `UAEX`, `UH`, or empty. */
  readonly flag: string;
  /** `ns/name` of the policy or rule that decided; for the operator only. */
  readonly policy: string | null;
  readonly route: LinkedRoute | null;
  readonly cluster: LinkedCluster | null;
  /** Answer headers beside the usual: `location`, `www-authenticate`. */
  readonly headers?: readonly (readonly [string, string])[];
}

export interface Forward {
  readonly effect: "forward";
  readonly route: LinkedRoute;
  readonly cluster: LinkedCluster;
  /** Path to send, canonical, after the rewrite; without the query. */
  readonly path: string;
  /** Query to send, without `?`; a token that was found in a parameter is taken out. */
  readonly query: string;
  /** Authority to send; null: the caller's. */
  readonly authority: string | null;
  /** Header changes on the way to the service, in order; empty when there are none. */
  readonly request: readonly HeaderChange[];
  readonly response: readonly HeaderChange[];
  /** The verdict by policy set: an endpoint whose set is refused here is not called. Null: every set allows. */
  readonly refusals: ReadonlyMap<number, Refusal> | null;
  /** Header changes that depend on the policy set of the picked endpoint (tokens taken out, claims put in). */
  readonly bySet: ReadonlyMap<number, readonly HeaderChange[]> | null;
  /** Principal of the verified token that the Gateway or the destination accepted; for the log. */
  readonly requestPrincipal: string | null;
}

export type HeaderChange =
  | { readonly op: "remove"; readonly name: string }
  /** Takes one cookie out of the Cookie header. */
  | { readonly op: "remove-cookie"; readonly name: string }
  | { readonly op: "set"; readonly name: string; readonly value: string }
  | { readonly op: "add"; readonly name: string; readonly value: string };

export type Decision = Forward | Refusal;
