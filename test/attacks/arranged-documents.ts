import { hostOf, namespaceOf, routes, TO_API } from "./worlds.ts";

function policy(kind: string, index: number, name: string, spec: object, group = "security.istio.io/v1"): object {
  return { apiVersion: group, kind, metadata: { name, namespace: namespaceOf(index) }, spec };
}

export function requestAuthentication(index: number, name: string, issuer: string, jwksUri: string): object {
  const jwtRules = [{ issuer, jwksUri, audiences: ["api"] }];
  return policy("RequestAuthentication", index, name, { selector: { matchLabels: { app: "api" } }, jwtRules });
}

const WINDOWS: Readonly<Record<string, readonly string[]>> = {
  second: ["1s"],
  // "10 a minute" is exact only with a window that no GCRA counts (docs/limits.md, "How it counts"): that lets one more in each 6 s of a
  // window of 1m, so on a slow machine the 11th request might pass. Of both windows, which both hold, no minute has more than 10.
  minute: ["1m", "61s"],
  hour: ["1h"],
  day: ["24h"],
};

/** So many requests of each key, counted for the whole mesh: no pause of a busy machine is taken for a limiter that is away. */
export function rateLimit(index: number, limit: number, per: string, key: readonly string[]): object {
  const rates = (WINDOWS[per] ?? []).map((window) => ({ limit, window }));
  const targetRefs = [{ group: "", kind: "Service", name: "api" }];
  const limits = [{ name: "limit", key, rates, timeout: "60s" }];
  return policy("RateLimitPolicy", index, "limit", { targetRefs, limits }, "tulle.dev/v1alpha1");
}

function destinationRule(index: number, trafficPolicy: object): object {
  return policy("DestinationRule", index, "api", { host: "api", trafficPolicy }, "networking.istio.io/v1");
}

export const outliers = (index: number): object =>
  destinationRule(index, { outlierDetection: { consecutive5xxErrors: 5, baseEjectionTime: "10m" } });

/** Copies go to a host of the outside world. */
export function mirrorTo(index: number, outside: string): readonly object[] {
  const host = `mirror-${namespaceOf(index)}.test`;
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "mirror", namespace: namespaceOf(index) },
      spec: {
        hosts: [host],
        ports: [{ number: 443, name: "https", protocol: "HTTPS" }],
        resolution: "DNS",
        endpoints: [{ address: `https://${outside}` }],
      },
    },
    routes(index, [{ route: TO_API, mirror: { host } }]),
  ];
}

/** The mesh follows no redirects and has no fallbacks: what changes a path here are the kinds of rewrites. */
export function rewrites(index: number): readonly object[] {
  const inner = { ...routes(index, [{ route: TO_API, rewrite: { uri: "/admin/z" } }]) } as Record<string, unknown>;
  const { namespace } = (inner as { metadata: { namespace: string } }).metadata;
  return [
    routes(index, [
      { match: [{ uri: { exact: "/old" } }], route: TO_API, rewrite: { uri: "/admin/x" } },
      {
        match: [{ uri: { prefix: "/redir" } }],
        route: TO_API,
        rewrite: { uriRegexRewrite: { match: "^/redir$", rewrite: "/admin/y" } },
      },
      { match: [{ uri: { exact: "/fallback" } }], delegate: { name: "fallback", namespace } },
    ]),
    {
      ...inner,
      metadata: { name: "fallback", namespace },
      spec: { http: [{ route: TO_API, rewrite: { uri: "/admin/z" } }] },
    },
  ];
}

/** Segment-wise prefixes in Istio's spelling; on `secret.test` a prefix without its slash, from which a rewrite might climb. */
export function prefixRoutes(index: number): readonly object[] {
  const exposed = (name: string, host: string, http: readonly object[]): object => ({
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name, namespace: namespaceOf(index) },
    spec: { hosts: [host], gateways: ["attacks/front"], http },
  });
  const operations = ["/admin", "/admin/*"];
  return [
    exposed("api", hostOf(index), [
      {
        match: [{ uri: { exact: "/api" } }, { uri: { prefix: "/api/" } }],
        route: TO_API,
        rewrite: { uri: "/" },
      },
      { match: [{ uri: { exact: "/admin" } }, { uri: { prefix: "/admin/" } }], route: TO_API },
    ]),
    exposed("naive", `secret-c${index}.test`, [
      { match: [{ uri: { prefix: "/api" } }], route: TO_API, rewrite: { uri: "/" } },
    ]),
    policy("AuthorizationPolicy", index, "only-ops", {
      selector: { matchLabels: { app: "api" } },
      action: "DENY",
      rules: [
        {
          from: [{ source: { notPrincipals: ["mesh.example/ns/prod/sa/ops"] } }],
          to: [{ operation: { paths: operations } }],
        },
      ],
    }),
  ];
}

/** An own way in by plain HTTP, which sends everybody to HTTPS. */
export function redirectsToHttps(index: number): readonly object[] {
  const namespace = namespaceOf(index);
  return [
    {
      apiVersion: "networking.istio.io/v1",
      kind: "Gateway",
      metadata: { name: "plain", namespace },
      spec: {
        selector: { istio: "plain" },
        servers: [
          {
            port: { number: 80, name: "http", protocol: "HTTP" },
            hosts: [hostOf(index)],
            tls: { httpsRedirect: true },
          },
        ],
      },
    },
    routes(index, [{ route: TO_API }], [`${namespace}/plain`]),
  ];
}
