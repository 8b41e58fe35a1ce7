import type { Issuer } from "./requests.ts";

const ROUTES = 10_000;
const POLICIES = 10_000;
const HOSTS = 10_000;
/** A document may be 1 MiB; Gateways join the rules of several VirtualServices for one host. */
const ROUTES_PER_DOCUMENT = 1_000;

function object(kind: string, apiVersion: string, name: string, spec: unknown): string {
  return JSON.stringify({ apiVersion, kind, metadata: { name, namespace: "default" }, spec });
}

const istio = "networking.istio.io/v1";
const security = "security.istio.io/v1";

/** What each service has. */
const TUNING = {
  trafficPolicy: {
    connectionPool: { tcp: { maxConnections: 1_024 }, http: { http1MaxPendingRequests: 1_024 } },
    outlierDetection: { consecutive5xxErrors: 5, interval: "30s", baseEjectionTime: "30s" },
  },
  subsets: [
    { name: "v1", labels: { version: "v1" } },
    { name: "v2", labels: { version: "v2" } },
  ],
};

const ONE_RETRY = { attempts: 1, retryOn: "5xx" };

function route(host: string, prefix: string, more: object = {}): unknown[] {
  const to = (subset: string, weight?: number) => ({ destination: { host, subset }, ...(weight && { weight }) });
  const rule = { timeout: "30s", ...more };
  return [
    { match: [{ uri: { prefix }, headers: { "x-tier": { exact: "premium" } } }], route: [to("v2")], ...rule },
    { match: [{ uri: { prefix } }], route: [to("v1", 90), to("v2", 10)], ...rule },
  ];
}

/**
 * Services `items` (over TCP), `bound` (a service binding) and `policed` (as items, with 10,000 policies, at addresses of its
 * own: workloads at one address share their policies), each with the whole job in front of it, on hosts of the same names in `.bench`; `unlimited` lacks
 * the rate limit of it, of `told` clients are told how it stands; `called`, which is called by Workers RPC; `retried.bench` has a retry of its own, `many.bench` has 10,000 routes to items, and `*.hosted` is
 * 10,000 hosts.
 *
 * @param hosts those that are asked for: the large ones take their time to load
 */
export function world({ jwks }: Issuer, hosts: ReadonlySet<string>): readonly string[] {
  const documents: string[] = [];
  documents.push(
    object("MeshConfig", "tulle.dev/v1alpha1", "default", {
      privateRanges: [{ range: "10.77.0.0/16", namespaces: ["default"] }],
    }).replace('"namespace":"default"', '"namespace":"istio-system"'),
    object("Gateway", istio, "bench", {
      selector: { istio: "ingressgateway" },
      servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*.bench"] }],
    }),
  );
  for (const [app, addresses] of [
    ["items", ["10.77.0.1", "10.77.0.2"]],
    ["bound", ["binding:EP_BOUND_V1", "binding:EP_BOUND_V2"]],
    ["policed", ["10.77.0.3", "10.77.0.4"]],
    ["unlimited", ["10.77.0.5", "10.77.0.6"]],
    ["told", ["10.77.0.7", "10.77.0.8"]],
  ] as const) {
    documents.push(
      object("Service", "v1", app, { selector: { app }, ports: [{ name: "http", port: 8080 }] }),
      ...addresses.map((address, index) =>
        object("WorkloadEntry", istio, `${app}-v${index + 1}`, {
          address,
          labels: { app, version: `v${index + 1}` },
          serviceAccount: app,
        }),
      ),
      object("DestinationRule", istio, app, {
        host: app,
        ...TUNING,
      }),
      object("RequestAuthentication", security, app, {
        selector: { matchLabels: { app } },
        jwtRules: [{ issuer: "https://issuer.bench", audiences: ["items"], jwks, forwardOriginalToken: true }],
      }),
      object("AuthorizationPolicy", security, `${app}-readers`, {
        selector: { matchLabels: { app } },
        rules: [
          {
            from: [{ source: { requestPrincipals: ["https://issuer.bench/*"] } }],
            to: [{ operation: { methods: ["GET", "POST"] } }],
            when: [{ key: "request.auth.claims[scope]", values: ["items.read"] }],
          },
        ],
      }),
      object("AuthorizationPolicy", security, `${app}-private`, {
        action: "DENY",
        selector: { matchLabels: { app } },
        rules: [{ to: [{ operation: { paths: ["/api/v1/private/*"] } }] }],
      }),
    );
  }
  for (const [host, service] of [
    ["one", "items"],
    ["bound", "bound"],
    ["policed", "policed"],
    ["unlimited", "unlimited"],
    ["told", "told"],
    ["retried", "items"],
  ] as const) {
    documents.push(
      object("VirtualService", istio, host, {
        hosts: [`${host}.bench`],
        gateways: ["bench"],
        http: route(service, "/api/", host === "retried" ? { retries: ONE_RETRY } : {}),
      }),
    );
  }
  for (const service of ["items", "bound", "policed"]) documents.push(limit(service, ISSUER));
  documents.push(limit("told", ISSUER, "Standard"), ...called(), limit("called", CALLER));
  if (hosts.has("many.bench")) documents.push(...manyRoutes());
  if (hosts.has("policed.bench")) documents.push(...manyPolicies());
  if (hosts.has("*.hosted")) documents.push(...manyHosts());
  return documents;
}

const ISSUER = 'request.auth.claims["iss"]';
const CALLER = "source.principal";

/**
 * So many requests a second, far more than come, and counted all the same.
 *
 * @param key whose are counted together
 * @param headers whether clients are told how it stands, which takes a copy of each answer
 */
function limit(service: string, key: string, headers: "None" | "Standard" = "None"): string {
  return object("RateLimitPolicy", "tulle.dev/v1alpha1", service, {
    targetRefs: [{ group: "", kind: "Service", name: service }],
    limits: [{ name: "many", key: [key], rates: [{ limit: 1_000_000, window: "1s" }], headers }],
  });
}

/** A service that is called by Workers RPC: the same job, as far as a call without headers has it. */
function called(): readonly string[] {
  const to = (subset: string, weight: number) => ({ destination: { host: "called", subset }, weight });
  return [
    object("Service", "v1", "called", { selector: { app: "called" }, ports: [{ name: "http", port: 8080 }] }),
    ...["v1", "v2"].map((version) =>
      object("WorkloadEntry", istio, `called-${version}`, {
        address: `binding:EP_CALLED_${version.toUpperCase()}`,
        labels: { app: "called", version },
        serviceAccount: "called",
      }),
    ),
    object("DestinationRule", istio, "called", { host: "called", ...TUNING }),
    object("VirtualService", istio, "called", {
      hosts: ["called"],
      http: [{ match: [{ uri: { prefix: "/default/" } }], route: [to("v1", 90), to("v2", 10)], timeout: "30s" }],
    }),
    object("AuthorizationPolicy", security, "called-readers", {
      selector: { matchLabels: { app: "called" } },
      rules: [
        {
          from: [{ source: { principals: ["cluster.local/ns/default/sa/rpc"] } }],
          to: [{ operation: { methods: ["POST"] } }],
        },
      ],
    }),
    object("AuthorizationPolicy", security, "called-private", {
      action: "DENY",
      selector: { matchLabels: { app: "called" } },
      rules: [{ to: [{ operation: { paths: ["/default/remove"] } }] }],
    }),
  ];
}

/** On a Gateway of their own. */
function manyHosts(): readonly string[] {
  const gateway = object("Gateway", istio, "hosted", {
    selector: { istio: "ingressgateway" },
    servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*.hosted"] }],
  });
  const routes = Array.from({ length: HOSTS }, (_, index) =>
    object("VirtualService", istio, `hosted-${index}`, {
      hosts: [`h${index}.hosted`],
      gateways: ["hosted"],
      http: route("items", "/api/"),
    }),
  );
  return [gateway, ...routes];
}

function manyRoutes(): readonly string[] {
  const documents: string[] = [];
  for (let first = 0; first < ROUTES; first += ROUTES_PER_DOCUMENT) {
    const http = Array.from({ length: ROUTES_PER_DOCUMENT / 2 }, (_, index) =>
      route("items", `/api/v1/items/${(first + index * 2) / 2}/`),
    ).flat();
    documents.push(
      object("VirtualService", istio, `many-${first}`, { hosts: ["many.bench"], gateways: ["bench"], http }),
    );
  }
  // What is denied, and whatever else comes.
  documents.push(
    object("VirtualService", istio, "many-rest", {
      hosts: ["many.bench"],
      gateways: ["bench"],
      http: route("items", "/api/"),
    }),
  );
  return documents;
}

/** Each shuts a path of its own, none of them one that the load asks for. */
function manyPolicies(): readonly string[] {
  return Array.from({ length: POLICIES }, (_, index) =>
    object("AuthorizationPolicy", security, `policed-${index}`, {
      selector: { matchLabels: { app: "policed" } },
      action: "DENY",
      rules: [{ to: [{ operation: { paths: [`/api/v1/locked/${index}/*`] } }] }],
    }),
  );
}
