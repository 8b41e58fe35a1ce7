import type {
  Cluster,
  CorsPolicy,
  DirectResponse,
  Endpoint,
  ExternalAuthorizer,
  Front,
  HeaderOps,
  PathOptions,
  PolicySet,
  Redirect,
  RetryPolicy,
  Route,
  RouteMatch,
  WeightedDestination,
  JwtRule,
  AuthorizationPolicyModel,
  AuthorizationRule,
  CustomPolicyModel,
  FrontTls,
  Operation,
  RequestPrincipalMatch,
  Source,
  TextCondition,
} from "./model.ts";
import type { ApiKeyPolicyModel } from "./api-key-model.ts";
import type { LimitModel } from "./limit-model.ts";
import type { RehearsalModel } from "./rehearsal-model.ts";

/**
 * What this code knows of the parts of a slice that decide. A field or a kind of later may narrow what it stands in, a rule that
 * allows for instance: who does not know it refuses the slice whole. What only tunes or observes is not looked at.
 */
type Check = (value: unknown) => boolean;
type Checks<T> = { readonly [K in keyof Required<T>]: Check };

const any: Check = () => true;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const oneOf =
  (...known: readonly string[]): Check =>
  (value) =>
    value === undefined || (typeof value === "string" && known.includes(value));

const list =
  (of: Check): Check =>
  (value) =>
    value === undefined || (Array.isArray(value) && value.every(of));

/** By names that its author chose. */
const byName =
  (of: Check): Check =>
  (value) =>
    value === undefined || (isObject(value) && Object.values(value).every(of));

/** These fields and no others. */
const only =
  <T>(checks: Checks<T>): Check =>
  (value) => {
    if (value === undefined) return true;
    if (!isObject(value)) return false;
    const known: Readonly<Record<string, Check>> = checks;
    for (const name in value) if (!Object.hasOwn(known, name) || !known[name]?.(value[name])) return false;
    return true;
  };

/** Of one of these kinds, with the fields that it has. */
const ofKind = (kinds: Readonly<Record<string, readonly string[]>>): Check => {
  const byKind = new Map(Object.entries(kinds).map(([kind, fields]) => [kind, new Set(["kind", ...fields])]));
  return (value) => {
    if (value === undefined) return true;
    if (!isObject(value)) return false;
    const known = byKind.get(String(value["kind"]));
    if (known === undefined) return false;
    for (const name in value) if (!known.has(name)) return false;
    return true;
  };
};

const CASED = ["value", "ignoreCase"];
const text = ofKind({
  exact: CASED,
  prefix: CASED,
  suffix: CASED,
  present: [],
  nonempty: [],
  wildcard: ["value"],
  template: ["value"],
  regex: ["value"],
});
const named = only<{ name: string; match: unknown; invert?: true }>({ name: any, match: text, invert: any });
const headerOps = only<HeaderOps>({ remove: any, set: any, add: any });

const principal = only<RequestPrincipalMatch>({ issuer: text, subject: text });
const source = only<Source>({
  principals: list(text),
  notPrincipals: list(text),
  requestPrincipals: list(principal),
  notRequestPrincipals: list(principal),
  namespaces: list(text),
  notNamespaces: list(text),
  serviceAccounts: any,
  notServiceAccounts: any,
  trustDomains: list(text),
  notTrustDomains: list(text),
  ipBlocks: any,
  notIpBlocks: any,
  remoteIpBlocks: any,
  notRemoteIpBlocks: any,
});
const operation = only<Operation>({
  hosts: list(text),
  notHosts: list(text),
  methods: list(text),
  notMethods: list(text),
  paths: list(text),
  notPaths: list(text),
});
/** The values of conditions on addresses are texts. */
const valueOf: Check = (value) => typeof value === "string" || text(value);
const condition = only<TextCondition>({
  key: ofKind({
    header: ["name"],
    "source.principal": [],
    "source.namespace": [],
    "source.serviceAccount": [],
    "source.trustDomain": [],
    "source.ip": [],
    "remote.ip": [],
    "connection.sni": [],
    protocol: [],
    "request.auth.principal": [],
    "request.auth.audiences": [],
    "request.auth.presenter": [],
    "request.auth.claims": ["path"],
    "request.auth.key.id": [],
    "request.auth.key.name": [],
    "request.auth.key.plan": [],
    "request.auth.key.labels": ["name"],
  }),
  values: list(valueOf),
  notValues: list(valueOf),
});
const rule = only<AuthorizationRule>({ at: any, from: list(source), to: list(operation), when: list(condition) });
const policy = only<AuthorizationPolicyModel>({ name: any, rules: list(rule), dryRun: any });
const jwt = only<JwtRule>({
  name: any,
  issuer: any,
  audiences: any,
  keys: ofKind({
    inline: ["jwks"],
    remote: ["uri", "timeoutMs"],
    discovery: ["uri", "issuer", "hosts", "timeoutMs"],
  }),
  from: only<JwtRule["from"]>({ headers: any, params: any, cookies: any }),
  forwardOriginalToken: any,
  outputPayloadToHeader: any,
  outputClaimToHeaders: any,
  spaceDelimitedClaims: any,
  required: any,
});
const policySet = only<PolicySet>({
  observe: any,
  mtls: oneOf("DISABLE", "PERMISSIVE", "STRICT"),
  jwt: list(jwt),
  deny: list(policy),
  allow: list(policy),
  custom: list(only<CustomPolicyModel>({ name: any, rules: list(rule), dryRun: any, provider: any })),
  keys: list(only<ApiKeyPolicyModel>({ name: any, namespace: any, header: any, required: any })),
  keysOf: any,
  audit: list(policy),
});

const match = only<RouteMatch>({
  uri: text,
  scheme: text,
  method: text,
  authority: text,
  headers: list(named),
  query: list(named),
  port: any,
  sourceNamespace: any,
  claims: list(only<{ path: unknown; match: unknown; invert?: true }>({ path: any, match: text, invert: any })),
});
const route = only<Route>({
  name: any,
  statPrefix: any,
  matches: list(match),
  destinations: list(
    only<WeightedDestination>({
      cluster: any,
      weight: any,
      request: headerOps,
      response: headerOps,
      rehearsals: any,
    }),
  ),
  rewrite: any,
  request: headerOps,
  response: headerOps,
  timeoutMs: any,
  idleTimeoutMs: any,
  retries: only<RetryPolicy>({
    attempts: any,
    explicit: any,
    on: any,
    statusCodes: any,
    perTryTimeoutMs: any,
    backoffMs: any,
    avoidPrevious: any,
    remoteLocalities: any,
  }),
  fault: any,
  cors: only<CorsPolicy>({
    origins: list(text),
    methods: any,
    headers: any,
    exposed: any,
    maxAge: any,
    credentials: any,
    unmatched: oneOf("FORWARD", "IGNORE"),
  }),
  mirrors: any,
  limits: any,
  redirect: only<Redirect>({
    status: any,
    scheme: oneOf("http", "https"),
    authority: any,
    port: any,
    path: any,
    prefix: any,
  }),
  direct: only<DirectResponse>({ status: any, body: any, base64: any, blocked: any }),
});

const hashed = only<{ ring?: unknown; maglev?: unknown; key?: unknown }>({
  ring: any,
  maglev: any,
  key: ofKind({ header: ["name"], cookie: ["name", "create"], sourceIp: [], query: ["name"] }),
});
const unhashed = oneOf("ROUND_ROBIN", "RANDOM", "LEAST_REQUEST");
const loadBalancer: Check = (value) => (isObject(value) ? hashed(value) : unhashed(value));
const endpoint = only<Endpoint>({
  id: any,
  address: ofKind({
    binding: ["name"],
    origin: ["origin", "certificate"],
    dynamic: ["hosts", "except", "certificate"],
    private: ["authority", "tls", "peers"],
  }),
  weight: any,
  workload: any,
  policySet: any,
  telemetry: any,
  limit: any,
  locality: any,
  labels: any,
  since: any,
  probe: any,
});
const cluster = only<Cluster>({
  id: any,
  service: any,
  port: any,
  subset: any,
  loadBalancer,
  warmup: any,
  locality: any,
  pool: any,
  outlier: any,
  anonymous: any,
  unknown: any,
  limits: any,
  endpoints: list(endpoint),
});

const limit = only<LimitModel>({
  name: any,
  target: any,
  scope: oneOf("GLOBAL", "LOCATION", "LOCAL"),
  when: any,
  key: any,
  missing: oneOf("SHARE", "SKIP", "REFUSE"),
  rates: any,
  tiers: any,
  overrides: any,
  cost: any,
  answerCost: any,
  keysOf: any,
  audit: any,
  closed: any,
  timeoutMs: any,
  told: any,
  toldOlder: any,
});

const rehearsal = only<RehearsalModel>({
  name: any,
  endsAt: any,
  share: any,
  headers: list(named),
  delayMs: any,
  abort: only<NonNullable<RehearsalModel["abort"]>>({ status: any, grpcStatus: any }),
});

const frontTls = only<FrontTls>({
  minVersion: any,
  maxVersion: any,
  ciphers: any,
  signedBy: oneOf("platform", "anybody"),
  names: any,
  hashes: any,
  keys: any,
});

const authorizer = only<ExternalAuthorizer>({
  cluster: any,
  timeoutMs: any,
  pathPrefix: any,
  failOpen: any,
  statusOnError: any,
  told: list(text),
  added: any,
  maxBodyBytes: any,
  toService: list(text),
  toClientOnDeny: list(text),
  toClientOnAllow: list(text),
});

/** By field of a slice; whether one may be absent is asked elsewhere. */
export const KNOWN_PARTS = {
  path: only<PathOptions>({
    mergeSlashes: any,
    escapedSlashes: oneOf("REFUSE", "KEEP", "DECODE"),
    params: oneOf("CUT", "REFUSE"),
  }),
  front: only<Front>({
    gateway: any,
    workload: any,
    policySet: any,
    clientCertificate: oneOf("none", "optional", "required"),
    tls: frontTls,
    trustedProxies: any,
    httpsRedirect: any,
    limits: any,
  }),
  routes: list(route),
  clusters: byName(cluster),
  limits: list(limit),
  rehearsals: list(rehearsal),
  policySets: list(policySet),
  authorizers: byName(authorizer),
};
