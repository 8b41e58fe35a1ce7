import type { Workload, CallerLocality, Cluster } from "./endpoint-model.ts";
import type { StringMatch, Route } from "./route-model.ts";
import type { ExternalAuthorizer } from "./authorizer-model.ts";
import type { Programs } from "./program-model.ts";
import type { MeshTelemetry, TelemetrySettings } from "./telemetry-model.ts";
import type { ApiKeyPolicyModel } from "./api-key-model.ts";
import type { LimitModel } from "./limit-model.ts";
import type { RehearsalModel } from "./rehearsal-model.ts";
import type { MeshTracing } from "./tracing-model.ts";

export type {
  EndpointAddress,
  Workload,
  Endpoint,
  Probe,
  ProbeGet,
  ProbeSettings,
  OutlierSettings,
  PoolSettings,
  LoadBalancer,
  Warmup,
  LocalitySettings,
  CallerLocality,
  HashKey,
  Cluster,
} from "./endpoint-model.ts";
export type {
  StringMatch,
  HeaderOps,
  RouteMatch,
  WeightedDestination,
  Route,
  RetryCondition,
  RetryPolicy,
  Fault,
  CorsPolicy,
  Redirect,
  DirectResponse,
} from "./route-model.ts";
export { REDIRECT_CODES } from "./route-model.ts";
export type { ExternalAuthorizer, HeaderNames } from "./authorizer-model.ts";

/**
 * The one model between front ends (Istio, later Gateway API) and the data plane. Everything here is plain JSON: a
 * slice travels as canonical JSON, is named by its SHA-256, and is linked (`link.ts`) when it arrives at a gateway. Its two
 * larger parts are files of their own; whoever uses the model names this one.
 */

/** The configuration format that this code writes and the newest it reads. Grows with each change that an older gateway would misread. */
export const FORMAT = 4;
/** From here on the programs of all patterns come with them; gateways read what is older where it has no patterns. */
export const FORMAT_WITH_PROGRAMS = 4;

export type MtlsMode = "DISABLE" | "PERMISSIVE" | "STRICT";

export interface JwtRule {
  /** `ns/name/index` of the rule, for the operator. */
  readonly name: string;
  readonly issuer: string;
  /** Empty: any audience. */
  readonly audiences: readonly string[];
  readonly keys:
    | { readonly kind: "inline"; readonly jwks: string }
    | { readonly kind: "remote"; readonly uri: string; readonly timeoutMs: number }
    | KeyDiscovery;
  readonly from: {
    readonly headers: readonly { readonly name: string; readonly prefix: string }[];
    readonly params: readonly string[];
    readonly cookies: readonly string[];
  };
  /** False: the token is removed from where it was found. */
  readonly forwardOriginalToken: boolean;
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly spaceDelimitedClaims: readonly string[];
  /** A request without a token that this rule accepts is refused. */
  readonly required?: true;
}

/** The issuer says where its keys are (OpenID Connect Discovery). */
export interface KeyDiscovery {
  readonly kind: "discovery";
  /** The issuer's document. */
  readonly uri: string;
  /** Which the document must name. */
  readonly issuer: string;
  /** Where its keys may be: the mesh's egress list, lower case. */
  readonly hosts: readonly string[];
  readonly timeoutMs: number;
}

/** Given fields are ANDed, the values of one ORed; `not…` means none of them. */
export interface Source {
  readonly principals?: readonly StringMatch[];
  readonly notPrincipals?: readonly StringMatch[];
  readonly requestPrincipals?: readonly RequestPrincipalMatch[];
  readonly notRequestPrincipals?: readonly RequestPrincipalMatch[];
  readonly namespaces?: readonly StringMatch[];
  readonly notNamespaces?: readonly StringMatch[];
  /** `namespace/account`, of whatever trust domain. */
  readonly serviceAccounts?: readonly string[];
  readonly notServiceAccounts?: readonly string[];
  readonly trustDomains?: readonly StringMatch[];
  readonly notTrustDomains?: readonly StringMatch[];
  /** Addresses and ranges: of who connected. */
  readonly ipBlocks?: readonly string[];
  readonly notIpBlocks?: readonly string[];
  /** The same: of the client behind trusted proxies. */
  readonly remoteIpBlocks?: readonly string[];
  readonly notRemoteIpBlocks?: readonly string[];
}

/** `iss/sub`, split at the last `/` of what the author wrote (Istio). */
export interface RequestPrincipalMatch {
  readonly issuer: StringMatch;
  readonly subject: StringMatch;
}

/** Ports stand in none: an endpoint's are known where its policies are compiled. */
export interface Operation {
  /** Host header, case ignored (values are lower case), port included if sent. */
  readonly hosts?: readonly StringMatch[];
  readonly notHosts?: readonly StringMatch[];
  readonly methods?: readonly StringMatch[];
  readonly notMethods?: readonly StringMatch[];
  readonly paths?: readonly StringMatch[];
  readonly notPaths?: readonly StringMatch[];
}

type ConditionKey =
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "source.principal" }
  | { readonly kind: "source.namespace" }
  | { readonly kind: "source.serviceAccount" }
  | { readonly kind: "source.trustDomain" }
  | { readonly kind: "connection.sni" }
  | { readonly kind: "protocol" }
  | { readonly kind: "request.auth.principal" }
  | { readonly kind: "request.auth.audiences" }
  | { readonly kind: "request.auth.presenter" }
  | { readonly kind: "request.auth.claims"; readonly path: readonly string[] }
  | { readonly kind: "request.auth.key.id" }
  | { readonly kind: "request.auth.key.name" }
  | { readonly kind: "request.auth.key.plan" }
  | { readonly kind: "request.auth.key.labels"; readonly name: string };

export type Condition = TextCondition | AddressCondition;

export interface TextCondition {
  readonly key: ConditionKey;
  readonly values?: readonly StringMatch[];
  readonly notValues?: readonly StringMatch[];
}

/** Of addresses and ranges. */
export interface AddressCondition {
  readonly key: { readonly kind: "source.ip" | "remote.ip" };
  readonly values?: readonly string[];
  readonly notValues?: readonly string[];
}

/** `from` ORed, `to` ORed, `when` ANDed, and the three ANDed; a missing or empty one holds. */
export interface AuthorizationRule {
  /** Its number among those that its author wrote, for who explains. Absent: its place here. */
  readonly at?: number;
  readonly from?: readonly Source[];
  readonly to?: readonly Operation[];
  readonly when?: readonly Condition[];
}

export interface AuthorizationPolicyModel {
  /** `namespace/name`. */
  readonly name: string;
  /** ORed; none matches nothing. */
  readonly rules: readonly AuthorizationRule[];
  /** Only told of, never enforced: what it would have done. */
  readonly dryRun?: true;
}

/** Requests that it matches are allowed by somebody else. */
export interface CustomPolicyModel extends AuthorizationPolicyModel {
  /** Name in `Slice.authorizers`; one that is not there is asked in vain: what the policy matches is refused. */
  readonly provider: string;
}

/** All that guards one workload (or one Gateway): equal sets are one by content within a slice. */
export interface PolicySet {
  /** Its namespace observes: what would be refused is told and passes. */
  readonly observe?: true;
  readonly mtls: MtlsMode;
  readonly jwt: readonly JwtRule[];
  readonly deny: readonly AuthorizationPolicyModel[];
  readonly allow: readonly AuthorizationPolicyModel[];
  /** Asked before all others, each provider whose policies match. Absent: none. */
  readonly custom?: readonly CustomPolicyModel[];
  /** Which API keys it takes, before all others. Absent: it looks for none. */
  readonly keys?: readonly ApiKeyPolicyModel[];
  /** Namespaces whose keys its policies know where a Gateway took one. Absent: none does, or none looks at keys. */
  readonly keysOf?: readonly string[];
  /** What they match is told of, and nothing else comes of it. Absent: none. */
  readonly audit?: readonly AuthorizationPolicyModel[];
}

/** How the path is made canonical for this host (R1). */
export interface PathOptions {
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: "REFUSE" | "KEEP" | "DECODE";
  /** `;params` of a segment: cut for matching and forwarded untouched, or refused (hosts whose policies restrict paths). */
  readonly params: "CUT" | "REFUSE";
}

/** What a Gateway's listener adds in front of the routes. */
export interface Front {
  /** `ns/name` of the Gateway resource. */
  readonly gateway: string;
  /** As which the request reaches the destination's peer checks, and what metrics call the source. */
  readonly workload: Workload;
  /** Index into `policySets`: the Gateway's own policies, which see the request and its peer as they came. */
  readonly policySet: number;
  /** `required`: without a verified client certificate 403. `none`: certificates are not looked at. */
  readonly clientCertificate: "none" | "optional" | "required";
  /** What else is asked of the client's TLS; absent: nothing. */
  readonly tls?: FrontTls;
  /** So many proxies in front of the platform write X-Forwarded-For; absent: none, the platform's word on the client counts. */
  readonly trustedProxies?: number;
  /** 301 to https for plain http. */
  readonly httpsRedirect?: true;
  /** Those of the Gateway, as indexes into `Slice.limits`; absent: none. */
  readonly limits?: readonly number[];
}

/** Versions are written `TLSv1.2`. Of `hashes` and `keys` one must fit. */
export interface FrontTls {
  readonly minVersion?: string;
  readonly maxVersion?: string;
  /** Up to TLS 1.2, by OpenSSL's names. */
  readonly ciphers?: readonly string[];
  /** Whose word a client's certificate needs: that of an authority that the platform knows for the hostname, or nobody's. Absent: that of the mesh's. */
  readonly signedBy?: "platform" | "anybody";
  /** One of its subjectAltNames. */
  readonly names?: readonly string[];
  /** SHA-256 of the certificate, hex in small letters. */
  readonly hashes?: readonly string[];
  /** SHA-256 of its public key, base64. */
  readonly keys?: readonly string[];
}

/** All that is needed to serve one host in one scope. */
export interface Slice {
  readonly format: number;
  /** The host it serves, canonical: `reviews.default.svc.cluster.local`, `api.example.com`, `*.example.com` or `*`. */
  readonly host: string;
  /** Set for a Gateway's host, absent in the mesh. */
  readonly front?: Front;
  /** Mesh: the service's ports; a call to another port has no route. */
  readonly ports?: readonly number[];
  /** It is for hosts that the mesh does not know. */
  readonly outside?: true;
  /** Rate limits, which its front, routes and clusters name by number. A gateway that does not know this field refuses the slice whole, and so serves nobody without them. */
  readonly limits?: readonly LimitModel[];
  /** Rehearsals of faults, which its routes' destinations name by number. A gateway that does not know this field refuses the slice whole. */
  readonly rehearsals?: readonly RehearsalModel[];
  /** Where some set looks for API keys, lower case. A gateway that does not know this field refuses the slice whole, and so serves nobody without a key. */
  readonly keyHeaders?: readonly string[];
  readonly path: PathOptions;
  /** In order; the first whose any match holds wins. None: 404 `NR`. */
  readonly routes: readonly Route[];
  readonly clusters: Readonly<Record<string, Cluster>>;
  /** Where callers are; there if a cluster has settings for it. */
  readonly callers?: readonly CallerLocality[];
  readonly policySets: readonly PolicySet[];
  /** Who may be asked, by the name that policies give; absent: nobody. */
  readonly authorizers?: Readonly<Record<string, ExternalAuthorizer>>;
  /** The server's side of workloads that have settings of their own: endpoints name them by number. */
  readonly telemetry?: readonly TelemetrySettings[];
  /** Of all its patterns. Absent: it has none. */
  readonly programs?: Programs;
}

/** `gw/<ns>/<name>/<port>`, `gw/*` (any Gateway's host, where no listener is told), `mesh/*`, `mesh/<ns>`, `mesh/<ns>/<service account>`. */
export type Scope = string;

/**
 * What one gateway deployment may serve. `scopes` maps scope to host to slice id (SHA-256, lower-case hex).
 * Hosts are lower case, without port: names, `*suffix` (longest wins) or `*`. In `mesh/<ns>` only what differs from
 * `mesh/*` is listed, and in `mesh/<ns>/<account>` what differs from `mesh/<ns>`; `null` hides a host of a wider scope, and `~`
 * with `null` all of them.
 */
export interface Root {
  readonly format: number;
  /** The gateway deployment that this root is for. */
  readonly gateway: string;
  readonly generation: number;
  /** Epoch milliseconds of the signature. */
  readonly issuedAt: number;
  /** Older than this since `issuedAt`: fail closed. Absent: never. */
  readonly maxAgeMs?: number;
  readonly trust: Trust;
  /** Absent: each call is a line of JSON and counts, and nothing more is said. */
  readonly telemetry?: MeshTelemetry;
  /** Absent: no spans, and no trace context but W3C's. */
  readonly tracing?: MeshTracing;
  readonly scopes: Readonly<Record<Scope, Readonly<Record<string, string | null>>>>;
}

export interface Trust {
  readonly domain: string;
  readonly aliases: readonly string[];
  /** CA certificates that may speak for the domain, base64 DER: those that sign workloads themselves, no roots above them. */
  readonly authorities: readonly string[];
  /** Those of other trust domains, each for its own alone; absent: none. */
  readonly federated?: Readonly<Record<string, readonly string[]>>;
  /** Who counts no more; absent: nobody was revoked. */
  readonly revoked?: Revoked;
}

interface Revoked {
  /** Of certificates: lower-case hex without leading zeros. */
  readonly serials: readonly string[];
  /** SPIFFE IDs without their scheme, of certificates and of bindings. */
  readonly ids: readonly string[];
  /** Where the root is older than this nobody's identity counts. Absent: however old it is. */
  readonly maxAgeMs?: number;
  /** The same as a time, epoch ms: worked out when the root arrives. */
  readonly staleAt?: number;
}

/** A root as it travels and is stored. Ed25519 over the UTF-8 bytes of `tulle-root-v1\n` + payload. */
export interface SignedRoot {
  /** Canonical JSON of a Root. */
  readonly payload: string;
  /** base64url. */
  readonly signature: string;
  /** First 16 hex digits of the SHA-256 of the raw public key. */
  readonly keyId: string;
}
