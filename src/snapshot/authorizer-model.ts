import type { StringMatch } from "./route-model.ts";

/** Names of headers, in small letters: exact, prefixes and suffixes. */
export type HeaderNames = readonly StringMatch[];

/** A service that is asked over HTTP whether a request may pass: 200 lets it, any other answer is the client's (Envoy's ext_authz). */
export interface ExternalAuthorizer {
  /** Id of the slice's cluster that it is called at. */
  readonly cluster: string;
  readonly timeoutMs: number;
  /** Stands before the path of each request that it is asked about. */
  readonly pathPrefix?: string;
  /** Where it cannot be asked, the request passes. */
  readonly failOpen?: true;
  /** Where it cannot be asked; absent: 403. */
  readonly statusOnError?: number;
  /** Of the request: what it is told beside method, host, path and Authorization. */
  readonly told?: HeaderNames;
  /** What it is told in any case, lower-case names with values as Envoy's formats. */
  readonly added?: readonly (readonly [name: string, format: string])[];
  /** It is told the body, whole: one that is longer is 413. */
  readonly maxBodyBytes?: number;
  /** Of its answer: what a request that passes is sent on with, in place of what the client sent. */
  readonly toService?: HeaderNames;
  /** What the client gets of a refusal, beside `www-authenticate` and `location`; absent: all. */
  readonly toClientOnDeny?: HeaderNames;
  /** What the client gets with the service's answer. */
  readonly toClientOnAllow?: HeaderNames;
}
