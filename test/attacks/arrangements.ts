/** What the settings of a case, in words, ask for beside its world: the echo service and the issuer are everybody's. */
export interface Arrangement {
  /** In place of the issuer: a host of the outside world (`outside.ts`) that serves the key set of the case's rules. */
  readonly jwksHost?: string;
  /** Documents beside the case's policies, in its namespace. */
  readonly documents?: (namespace: string) => readonly object[];
}

const NOTHING: Arrangement = {};
const SELECTOR = { matchLabels: { app: "api" } };

function requestAuthentication(namespace: string, name: string, issuer: string, jwksUri: string): object {
  return {
    apiVersion: "security.istio.io/v1",
    kind: "RequestAuthentication",
    metadata: { name, namespace },
    spec: { selector: SELECTOR, jwtRules: [{ issuer, jwksUri, audiences: ["api"] }] },
  };
}

export const ARRANGED: ReadonlyMap<string, Arrangement> = new Map<string, Arrangement>([
  ["base", NOTHING],
  ["route only for api.test", NOTHING],
  ["routes: secret.test and api.test both go to the echo service", NOTHING],
  ["no AuthorizationPolicy anywhere; mesh default allow", NOTHING],
  ["client address given by the platform: 203.0.113.7", NOTHING],
  ["rule has fromParams [access_token]", NOTHING],
  ["service answers with Connection, Keep-Alive, x-mesh-identity, x-envoy-upstream-service-time", NOTHING],
  ["upstream answers 302 to https://evil.test/", NOTHING],
  ["upstream sends Cache-Control: public", NOTHING],
  ["malformed, all-zero, version ff, 10 KB tracestate, sampled flag flood", NOTHING],
  ["another Worker of the account calls the gateway through a service binding with its own cf object", NOTHING],
  ["gateway called through a service binding from another Worker in the account", NOTHING],
  ["generated: 5,000 random paths from the alphabet / . % 2 e f 5 c ; \\ a d m i n", NOTHING],
  ["1,000 requests, each with a fresh random kid", { jwksHost: "counted.issuer.test" }],
  ["issuer.test refuses connections; nothing cached", { jwksHost: "refusing.issuer.test" }],
  ["issuer.test returns 500; token signed by a well-known sample key", { jwksHost: "failing.issuer.test" }],
  [
    "second rule: issuer https://b.test, its JWKS has kid b-1 and a key whose kid is also rsa-1",
    {
      documents: (namespace) => [
        requestAuthentication(namespace, "second", "https://b.test", "https://second.issuer.test/jwks.json"),
      ],
    },
  ],
  [
    "jwksUri host is allowed and answers 302 to http://127.0.0.1/",
    {
      documents: (namespace) => [
        requestAuthentication(namespace, "jwt", "https://issuer.test", "https://redirecting.issuer.test/jwks.json"),
      ],
    },
  ],
  [
    "breaker: 5 consecutive 5xx",
    {
      documents: (namespace) => [
        {
          apiVersion: "networking.istio.io/v1",
          kind: "DestinationRule",
          metadata: { name: "breaker", namespace },
          spec: {
            host: "api",
            trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5, baseEjectionTime: "10m" } },
          },
        },
      ],
    },
  ],
  ["CORS policy: origins [https://app.test], methods [GET]", { documents: cors }],
  ["CORS policy as above", { documents: cors }],
  ["CORS on", { documents: cors }],
  ["CORS on, allowHeaders unset", { documents: cors }],
  ["mirror 100 % to a dead service", { documents: deadMirror }],
  [
    "header regex (?:x+x+)+y on a 60 KiB header",
    {
      documents: (namespace) => [virtualService(namespace, { headers: { "x-a": { regex: "(?:x+x+)+y" } } })],
    },
  ],
]);

/** The case's route with these fields. */
function routed(namespace: string, fields: object): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "api", namespace },
    spec: {
      hosts: [`api-c${namespace.slice(1)}.test`],
      gateways: ["mesh", "attacks/front"],
      http: [{ route: [{ destination: { host: "api" } }], ...fields }],
    },
  };
}

function cors(namespace: string): readonly object[] {
  const corsPolicy = { allowOrigins: [{ exact: "https://app.test" }], allowMethods: ["GET"] };
  return [routed(namespace, { corsPolicy })];
}

/** A service whose only endpoint nobody answers for. */
function deadMirror(namespace: string): readonly object[] {
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "dead", namespace },
      spec: {
        hosts: [`dead-${namespace}.test`],
        ports: [{ number: 443, name: "https", protocol: "HTTPS" }],
        resolution: "DNS",
        endpoints: [{ address: "https://refusing.issuer.test" }],
      },
    },
    routed(namespace, { mirror: { host: `dead-${namespace}.test` } }),
  ];
}

/** A second route of the case's host, before which nothing stands: what it matches goes to the echo service too. */
function virtualService(namespace: string, match: object): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "api", namespace },
    spec: {
      hosts: [`api-c${namespace.slice(1)}.test`],
      gateways: ["mesh", "attacks/front"],
      http: [
        { match: [match], route: [{ destination: { host: "api" } }] },
        { route: [{ destination: { host: "api" } }] },
      ],
    },
  };
}

const matching = (...regexes: readonly string[]) =>
  regexes.map((regex) => virtualService("attacks", { uri: { regex } }));

/** What is applied where a case says it in words: each document by itself. */
type Applied = (value: string) => readonly object[];

export const APPLIED: ReadonlyMap<string, Applied> = new Map<string, Applied>([
  ["regex (a)\\1", () => matching("(a)\\1")],
  ["regex (?=a)a and (?<!b)c", () => matching("(?=a)a", "(?<!b)c")],
  ["((a{100}){100}){100} and a{1001}", () => matching("((a{100}){100}){100}", "a{1001}")],
  ["((((...a...))))", () => matching(`${"(".repeat(2_000)}a${")".repeat(2_000)}`)],
  ["apply a ServiceEntry whose ServiceEntry endpoint is each of the list", (address) => [serviceEntry(address)]],
  [
    "backendRef binding: __proto__ / DB / CA_KEY / ASSETS",
    () => ["__proto__", "DB", "CA_KEY", "ASSETS"].map((name) => serviceEntry(`binding:${name}`)),
  ],
  [
    "jwksUri https://rebind.test (public at apply time, private later)",
    () => [requestAuthentication("attacks", "rebind", "https://rebind.test", "https://rebind.test/jwks.json")],
  ],
  // The one URL of a policy that the mesh fetches.
  [
    "apply a telemetry whose webhook / log sink url is each of the list",
    (value) => [requestAuthentication("attacks", "url", "https://issuer.test", value)],
  ],
]);

function serviceEntry(address: string): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name: "attacked", namespace: "attacks" },
    spec: {
      hosts: ["attacked.test"],
      ports: [{ number: 443, name: "https", protocol: "HTTPS" }],
      resolution: "DNS",
      endpoints: [{ address }],
    },
  };
}
