import { describe, expect, it } from "vitest";
import { service, TestWorld } from "./world.ts";

/** What is said of each object among all the others, as `Kind/name code field`. */
function told(...objects: readonly string[]): readonly string[] {
  const world = new TestWorld();
  for (const object of objects) world.apply(object);
  return [...world.verdicts]
    .flatMap(([key, findings]) => {
      const [, kind, , name] = key.split("/");
      return findings.map(({ code, field }) => `${kind}/${name} ${code} ${field}`);
    })
    .toSorted();
}

function object(kind: string, name: string, spec: string, namespace = "default"): string {
  const group = /Policy$|Authentication$/.test(kind) ? "security" : kind === "Telemetry" ? "telemetry" : "networking";
  const apiVersion = `${group}.istio.io/v1`;
  return `
apiVersion: ${apiVersion}
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace} }
spec: ${spec}`;
}

const gateway = (hosts: string, name = "front", more = "") =>
  object(
    "Gateway",
    name,
    `{ selector: { istio: x }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: [${hosts}]${more} }] }`,
  );
const to = (destination: string) => `{ route: [{ destination: { ${destination} } }] }`;
const route = (name: string, head: string, ...rules: readonly string[]) =>
  object("VirtualService", name, `{ ${head}, http: [${rules.join(", ")}] }`);
const rule = (subsets: string, name = "r") =>
  object("DestinationRule", name, `{ host: reviews, subsets: [${subsets}] }`);

const REVIEWS = service("reviews", { versions: ["v1", "v2"] });
const V1 = "{ name: v1, labels: { version: v1 } }";
const USES_V1 = route("uses", "hosts: [reviews]", to("host: reviews, subset: v1"));

/** A service with two ports. */
const TWO_PORTS = service("carts", { port: 9080 }).replace(
  "ports: [{ name: http, port: 9080 }]",
  "ports: [{ name: http, port: 9080 }, { name: more, port: 9090 }]",
);

const AT_FRONT = route("a", "hosts: [a.test], gateways: [front]", to("host: reviews"));
const BY_CLAIM = route(
  "a",
  "hosts: [a.test], gateways: [front]",
  `{ match: [{ headers: { '@request.auth.claims.group': { exact: a } } }], route: [{ destination: { host: reviews } }] }`,
);
const entry = (name: string, host: string, protocol: string) =>
  object(
    "ServiceEntry",
    name,
    `{ hosts: [${host}], ports: [{ number: 80, name: http, protocol: ${protocol} }], resolution: STATIC, endpoints: [{ address: "binding:EP_${name.toUpperCase()}" }] }`,
  );

const settings = (name: string, namespace: string) => `
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: ${name}, namespace: ${namespace} }
spec: { privateRanges: [{ range: 10.0.0.0/8, namespaces: ["*"] }], egress: { allowedHosts: [api.test] } }`;
const OUTSIDE = object(
  "ServiceEntry",
  "api",
  "{ hosts: [api.test], ports: [{ number: 443, name: https, protocol: HTTPS }], resolution: DNS }",
);

const DISTRIBUTED = object(
  "DestinationRule",
  "r",
  "{ host: reviews, trafficPolicy: { loadBalancer: { localityLbSetting: { distribute: [{ from: eu/*, to: { 'eu/*': 100 } }] } } } }",
);

/** A route of reviews, which is of the namespace `default`, by another one. */
const foreign = (more: string, namespace = "shop") =>
  object(
    "VirtualService",
    "a",
    `{ ${more}hosts: [reviews.default.svc.cluster.local], http: [${to("host: reviews.default.svc.cluster.local")}] }`,
    namespace,
  );

const ALL_OF_EXAMPLE = object(
  "ServiceEntry",
  "all",
  `{ hosts: ["*.example.com"], location: MESH_INTERNAL, resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: "binding:EP_ALL" }] }`,
);
const routed = (host: string, namespace: string) =>
  object("VirtualService", "a", `{ hosts: [${host}], http: [{ directResponse: { status: 410 } }] }`, namespace);

/** A rule for some requests of `a.test` at the Gateway, or of other hosts. */
const bounded = (match: string, head = "hosts: [a.test], gateways: [front]") =>
  route("a", head, `{ match: [{ ${match} }], route: [{ destination: { host: reviews } }] }`);
const portOfMesh = (gateways: string) => bounded(`${gateways}port: 9090`, "hosts: [carts], gateways: [front, mesh]");
const atPort = (number: number) =>
  `portLevelSettings: [{ port: { number: ${number} }, loadBalancer: { simple: RANDOM } }]`;
const rulePort = (number: number) =>
  object("DestinationRule", "r", `{ host: reviews, trafficPolicy: { ${atPort(number)} } }`);

interface Case {
  readonly of: string;
  readonly shows: readonly string[];
  readonly says: readonly string[];
  /** The same without the mistake. */
  readonly beside: readonly string[];
}

const COLLECTOR_SETTINGS = settings("default", "istio-system").replace(
  /spec:[^]*/,
  "spec: { extensionProviders: [{ name: otel, opentelemetry: { service: otel.default.svc.cluster.local, port: 4318, http: { path: /v1/traces } } }] }",
);

describe("among all others", () => {
  it.each<Case>([
    {
      of: "a Gateway that is not there",
      shows: [REVIEWS, route("a", "hosts: [a.test], gateways: [front]", to("host: reviews"))],
      says: ["VirtualService/a TULLE0101 spec.gateways[0]"],
      beside: [REVIEWS, gateway("a.test"), route("a", "hosts: [a.test], gateways: [front]", to("host: reviews"))],
    },
    {
      of: "a destination that is no service",
      shows: [route("a", "hosts: [a.test]", to("host: reviews"))],
      says: ["VirtualService/a TULLE0102 spec.http[0].route[0].destination"],
      beside: [REVIEWS, route("a", "hosts: [a.test]", to("host: reviews"))],
    },
    {
      of: "a destination's port that is none",
      shows: [REVIEWS, route("a", "hosts: [a.test]", to("host: reviews, port: { number: 81 }"))],
      says: ["VirtualService/a TULLE0103 spec.http[0].route[0].destination"],
      beside: [REVIEWS, route("a", "hosts: [a.test]", to("host: reviews, port: { number: 80 }"))],
    },
    {
      of: "a subset that no rule has",
      shows: [REVIEWS, USES_V1],
      says: ["VirtualService/uses TULLE0104 spec.http[0].route[0].destination"],
      beside: [REVIEWS, USES_V1, rule(V1)],
    },
    {
      of: "a rule for no service",
      shows: [object("DestinationRule", "r", "{ host: reviews }")],
      says: ["DestinationRule/r TULLE0105 spec.host"],
      beside: [REVIEWS, object("DestinationRule", "r", "{ host: reviews }")],
    },
    {
      of: "a service that nobody serves",
      shows: [service("reviews", { versions: [] })],
      says: ["Service/reviews TULLE0504 spec.selector"],
      beside: [REVIEWS],
    },
    {
      of: "a route to a service that nobody serves",
      shows: [service("reviews", { versions: [] }), route("a", "hosts: [a.test]", to("host: reviews"))],
      says: ["Service/reviews TULLE0504 spec.selector", "VirtualService/a TULLE0114 spec.http[0].route[0].destination"],
      beside: [REVIEWS, route("a", "hosts: [a.test]", to("host: reviews"))],
    },
    {
      of: "a route to a port that nobody serves",
      shows: [
        TWO_PORTS.replace("name: more, port: 9090", "name: more, port: 9090, targetPort: more"),
        route("a", "hosts: [carts]", to("host: carts, port: { number: 9090 }")),
      ],
      says: ["Service/carts TULLE0504 spec.selector", "VirtualService/a TULLE0114 spec.http[0].route[0].destination"],
      beside: [TWO_PORTS, route("a", "hosts: [carts]", to("host: carts, port: { number: 9090 }"))],
    },
    {
      of: "a subset without endpoints",
      shows: [REVIEWS, USES_V1, rule("{ name: v1, labels: { version: v3 } }")],
      says: ["DestinationRule/r TULLE0115 spec.subsets[0].labels"],
      beside: [REVIEWS, USES_V1, rule(V1)],
    },
    {
      of: "a destination of several ports, asked on none of them at a Gateway",
      shows: [TWO_PORTS, gateway("a.test"), route("a", "hosts: [a.test], gateways: [front]", to("host: carts"))],
      says: ["VirtualService/a TULLE0116 spec.http[0].route[0].destination"],
      beside: [
        TWO_PORTS,
        gateway("a.test"),
        route("a", "hosts: [a.test], gateways: [front]", to("host: carts, port: { number: 9080 }")),
      ],
    },
    {
      of: "a destination of several ports, asked on none of them in the mesh",
      shows: [TWO_PORTS, REVIEWS, route("a", "hosts: [reviews]", to("host: carts"))],
      says: ["VirtualService/a TULLE0116 spec.http[0].route[0].destination"],
      beside: [TWO_PORTS, route("a", "hosts: [carts]", to("host: carts"))],
    },
    {
      of: "a host of the mesh that an older one routes",
      shows: [
        REVIEWS,
        route("a", "hosts: [reviews]", to("host: reviews")),
        route("b", "hosts: [reviews]", to("host: reviews")),
      ],
      says: ["VirtualService/b TULLE0301 spec.hosts[0]"],
      beside: [
        REVIEWS,
        route("a", "hosts: [reviews]", to("host: reviews")),
        route("b", "hosts: [b.test]", to("host: reviews")),
      ],
    },
    {
      of: "hosts that the Gateway does not expose",
      shows: [REVIEWS, gateway("'*.test'"), route("a", "hosts: [a.example], gateways: [front]", to("host: reviews"))],
      says: ["VirtualService/a TULLE0309 spec.gateways[0]"],
      beside: [REVIEWS, gateway("'*.test'"), route("a", "hosts: [a.test], gateways: [front]", to("host: reviews"))],
    },
    {
      of: "one host of two that the Gateway does not expose",
      shows: [
        REVIEWS,
        gateway("a.test"),
        route("a", "hosts: [a.test, b.test], gateways: [front]", to("host: reviews")),
      ],
      says: ["VirtualService/a TULLE0309 spec.hosts[1]"],
      beside: [
        REVIEWS,
        gateway("a.test"),
        route("a", "hosts: [a.test, b.test], gateways: [front, mesh]", to("host: reviews")),
      ],
    },
    {
      of: "hosts that the Gateway exposes to another namespace",
      shows: [REVIEWS, gateway("shop/a.test"), route("a", "hosts: [a.test], gateways: [front]", to("host: reviews"))],
      says: ["VirtualService/a TULLE0309 spec.gateways[0]"],
      beside: [REVIEWS, gateway("./a.test"), route("a", "hosts: ['*.test'], gateways: [front]", to("host: reviews"))],
    },
    {
      of: "a second rule for every request of a Gateway's host",
      shows: [
        REVIEWS,
        gateway("a.test"),
        route("a", "hosts: [a.test], gateways: [front]", to("host: reviews")),
        route("b", "hosts: [a.test], gateways: [front]", to("host: reviews")),
      ],
      says: ["VirtualService/b TULLE0312 spec.hosts[0]"],
      beside: [
        REVIEWS,
        gateway("a.test"),
        route("a", "hosts: [a.test], gateways: [front]", to("host: reviews")),
        route(
          "b",
          "hosts: [a.test], gateways: [front]",
          `{ match: [{ uri: { prefix: /b } }], route: [{ destination: { host: reviews } }] }`,
        ),
      ],
    },
    {
      of: "subsets that the mesh chooses and a Gateway does not",
      shows: [
        REVIEWS,
        rule(V1),
        gateway("a.test"),
        USES_V1,
        route("a", "hosts: [a.test], gateways: [front]", to("host: reviews")),
      ],
      says: ["VirtualService/a TULLE0313 spec.http[0].route[0].destination"],
      beside: [
        REVIEWS,
        rule(V1),
        gateway("a.test"),
        USES_V1,
        route("a", "hosts: [a.test], gateways: [front]", to("host: reviews, subset: v1")),
      ],
    },
    {
      of: "a policy for labels that no workload has",
      shows: [
        REVIEWS,
        object("AuthorizationPolicy", "p", "{ selector: { matchLabels: { app: reviews, version: v3 } }, rules: [{}] }"),
      ],
      says: ["AuthorizationPolicy/p TULLE0113 spec.selector.matchLabels"],
      beside: [
        REVIEWS,
        object("AuthorizationPolicy", "p", "{ selector: { matchLabels: { app: reviews, version: v2 } }, rules: [{}] }"),
      ],
    },
    {
      of: "a policy for labels of another namespace's workloads",
      shows: [
        REVIEWS,
        object(
          "PeerAuthentication",
          "p",
          "{ selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }",
          "shop",
        ),
      ],
      says: ["PeerAuthentication/p TULLE0113 spec.selector.matchLabels"],
      beside: [
        service("reviews", { namespace: "shop" }),
        object(
          "PeerAuthentication",
          "p",
          "{ selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }",
          "shop",
        ),
      ],
    },
    {
      of: "tokens verified for labels that no Gateway has",
      shows: [
        gateway("a.test"),
        AT_FRONT,
        REVIEWS,
        object(
          "RequestAuthentication",
          "t",
          '{ selector: { matchLabels: { istio: y } }, jwtRules: [{ issuer: i, jwks: \'{"keys":[{"kty":"RSA"}]}\' }] }',
          "edge",
        ),
      ],
      says: ["RequestAuthentication/t TULLE0113 spec.selector.matchLabels"],
      beside: [
        gateway("a.test"),
        AT_FRONT,
        REVIEWS,
        object(
          "RequestAuthentication",
          "t",
          '{ selector: { matchLabels: { istio: x } }, jwtRules: [{ issuer: i, jwks: \'{"keys":[{"kty":"RSA"}]}\' }] }',
          "istio-system",
        ),
      ],
    },
    {
      of: "claims that nobody verifies",
      shows: [REVIEWS, gateway("a.test"), BY_CLAIM],
      says: ["VirtualService/a TULLE0117 spec.http[0].match[0].headers[@request.auth.claims.group]"],
      beside: [
        REVIEWS,
        gateway("a.test"),
        BY_CLAIM,
        object(
          "RequestAuthentication",
          "t",
          '{ selector: { matchLabels: { istio: x } }, jwtRules: [{ issuer: i, jwks: \'{"keys":[{"kty":"RSA"}]}\' }] }',
          "istio-system",
        ),
      ],
    },
    {
      of: "an entry whose host is a Service's",
      shows: [REVIEWS, entry("e", "reviews.default.svc.cluster.local", "HTTP")],
      says: ["ServiceEntry/e TULLE0302 spec.hosts[0]"],
      beside: [REVIEWS, entry("e", "other.test", "HTTP")],
    },
    {
      of: "a second entry for a host, with another protocol",
      shows: [entry("e", "a.test", "HTTP"), entry("f", "a.test", "HTTPS")],
      says: ["ServiceEntry/f TULLE0302 spec.hosts[0]", "ServiceEntry/f TULLE0314 spec.ports[0].protocol"],
      beside: [entry("e", "a.test", "HTTP"), entry("f", "b.test", "HTTPS")],
    },
    {
      of: "an entry whose labels no workload has",
      shows: [
        object(
          "ServiceEntry",
          "e",
          "{ hosts: [a.test], ports: [{ number: 80, name: http }], resolution: STATIC, workloadSelector: { labels: { app: reviews } } }",
        ),
      ],
      says: ["ServiceEntry/e TULLE0114 spec.workloadSelector"],
      beside: [
        REVIEWS,
        object(
          "ServiceEntry",
          "e",
          "{ hosts: [a.test], ports: [{ number: 80, name: http }], resolution: STATIC, workloadSelector: { labels: { app: reviews } } }",
        ),
      ],
    },
    {
      of: "a Gateway that exposes what an older one does",
      shows: [
        REVIEWS,
        gateway("a.test"),
        gateway("A.test", "second"),
        AT_FRONT,
        route("b", "hosts: [b.test], gateways: [second, mesh]", to("host: reviews")),
      ],
      says: ["Gateway/second TULLE0311 spec.servers[0].hosts[0]", "VirtualService/b TULLE0309 spec.gateways[0]"],
      beside: [
        REVIEWS,
        gateway("a.test"),
        gateway("b.test", "second"),
        AT_FRONT,
        route("b", "hosts: [b.test], gateways: [second, mesh]", to("host: reviews")),
      ],
    },
    {
      of: "a Gateway that nobody routes at",
      shows: [gateway("a.test")],
      says: ["Gateway/front TULLE0502 metadata.name"],
      beside: [REVIEWS, gateway("a.test"), AT_FRONT],
    },
    {
      of: "settings of the mesh in another place",
      shows: [settings("default", "shop")],
      says: ["MeshConfig/default TULLE0006 metadata.namespace"],
      beside: [settings("default", "istio-system")],
    },
    {
      of: "a host of another namespace's services",
      shows: [entry("e", "reviews.shop.svc.cluster.local", "HTTP")],
      says: ["ServiceEntry/e TULLE0110 spec.hosts[0]"],
      beside: [entry("e", "reviews.default.svc.cluster.local", "HTTP")],
    },
    ...[
      "pod-0.reviews.shop.svc.cluster.local",
      '"*.shop.svc.cluster.local"',
      '"*.reviews.shop.svc.cluster.local"',
      '"*hop.svc.cluster.local"',
      '"*.svc.cluster.local"',
      '"*.local"',
    ].map((host) => ({
      of: `${host}, in which other namespaces' services are`,
      shows: [entry("e", host, "HTTP")],
      // Some are also told of their `*`.
      says: expect.arrayContaining(["ServiceEntry/e TULLE0110 spec.hosts[0]"]) as string[],
      beside: [entry("e", '"*.reviews.default.svc.cluster.local"', "HTTP")],
    })),
    {
      of: "an address in no range of the mesh",
      shows: [object("WorkloadEntry", "w", "{ address: 10.0.0.1 }")],
      says: ["WorkloadEntry/w TULLE0111 spec.address"],
      beside: [settings("default", "istio-system"), object("WorkloadEntry", "w", "{ address: 10.0.0.1 }")],
    },
    {
      of: "an address that another namespace registered",
      shows: [
        object("WorkloadEntry", "v", '{ address: "binding:EP_A" }', "shop"),
        object("WorkloadEntry", "w", '{ address: "binding:EP_A" }'),
      ],
      says: ["WorkloadEntry/w TULLE0112 spec.address"],
      beside: [
        object("WorkloadEntry", "v", '{ address: "binding:EP_A" }'),
        object("WorkloadEntry", "w", '{ address: "binding:EP_A" }'),
      ],
    },
    {
      of: "a way to an endpoint that is not as safe as it should be",
      shows: [
        settings("default", "istio-system"),
        OUTSIDE,
        object("DestinationRule", "r", "{ host: api.test, trafficPolicy: { tls: { mode: DISABLE } } }"),
      ],
      says: ["DestinationRule/r TULLE0109 spec.trafficPolicy.tls"],
      beside: [
        settings("default", "istio-system"),
        OUTSIDE,
        object("DestinationRule", "r", "{ host: api.test, trafficPolicy: { tls: { mode: SIMPLE } } }"),
      ],
    },
    {
      of: "callers by labels that none has",
      shows: [
        REVIEWS,
        route(
          "a",
          "hosts: [reviews]",
          `{ match: [{ sourceLabels: { app: cart } }], route: [{ destination: { host: reviews } }] }`,
        ),
      ],
      says: ["VirtualService/a TULLE0120 spec.http[0].match[0].sourceLabels"],
      beside: [
        REVIEWS,
        route(
          "a",
          "hosts: [reviews]",
          `{ match: [{ sourceLabels: { app: reviews } }], route: [{ destination: { host: reviews } }] }`,
        ),
      ],
    },
    {
      of: "callers by labels that not all of an account have",
      shows: [
        REVIEWS,
        route(
          "a",
          "hosts: [reviews]",
          `{ match: [{ sourceLabels: { version: v1 } }], route: [{ destination: { host: reviews } }] }`,
        ),
      ],
      says: ["VirtualService/a TULLE0321 spec.http[0].match[0].sourceLabels"],
      beside: [
        service("reviews"),
        route(
          "a",
          "hosts: [reviews]",
          `{ match: [{ sourceLabels: { version: v1 } }], route: [{ destination: { host: reviews } }] }`,
        ),
      ],
    },
    {
      of: "a provider of a Telemetry that nobody is",
      shows: [object("Telemetry", "t", "{ accessLogging: [{ providers: [{ name: envoy }, { name: otel }] }] }")],
      says: ["Telemetry/t TULLE0123 spec.accessLogging[0].providers[1].name"],
      beside: [object("Telemetry", "t", "{ metrics: [{ providers: [{ name: prometheus }] }] }")],
    },
    {
      of: "a second Telemetry for a namespace",
      shows: [object("Telemetry", "t", "{}"), object("Telemetry", "u", "{}")],
      says: ["Telemetry/u TULLE0304 metadata.name"],
      beside: [object("Telemetry", "t", "{}"), object("Telemetry", "u", "{}", "other")],
    },
    {
      of: "a second PeerAuthentication for a namespace",
      shows: [
        object("PeerAuthentication", "p", "{ mtls: { mode: STRICT } }"),
        object("PeerAuthentication", "q", "{ mtls: { mode: DISABLE } }"),
      ],
      says: ["PeerAuthentication/q TULLE0304 metadata.name"],
      beside: [
        object("PeerAuthentication", "p", "{ mtls: { mode: STRICT } }"),
        object("PeerAuthentication", "q", "{ mtls: { mode: DISABLE } }", "shop"),
      ],
    },
    {
      of: "one that selects the workloads of an older one",
      shows: [
        REVIEWS,
        object("PeerAuthentication", "p", "{ selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }"),
        object(
          "PeerAuthentication",
          "q",
          "{ selector: { matchLabels: { app: reviews, version: v1 } }, mtls: { mode: DISABLE } }",
        ),
      ],
      says: ["PeerAuthentication/q TULLE0304 spec.selector.matchLabels"],
      beside: [
        REVIEWS,
        object(
          "PeerAuthentication",
          "p",
          "{ selector: { matchLabels: { app: reviews, version: v2 } }, mtls: { mode: STRICT } }",
        ),
        object(
          "PeerAuthentication",
          "q",
          "{ selector: { matchLabels: { app: reviews, version: v1 } }, mtls: { mode: DISABLE } }",
        ),
      ],
    },
    {
      of: "one of whose workloads an older one selects by other labels",
      shows: [
        REVIEWS,
        object("PeerAuthentication", "p", "{ selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }"),
        object("PeerAuthentication", "q", "{ selector: { matchLabels: { version: v1 } }, mtls: { mode: DISABLE } }"),
      ],
      says: ["PeerAuthentication/q TULLE0304 spec.selector.matchLabels"],
      beside: [
        service("reviews", { versions: ["v2"] }),
        service("carts"),
        object("PeerAuthentication", "p", "{ selector: { matchLabels: { app: reviews } }, mtls: { mode: STRICT } }"),
        object("PeerAuthentication", "q", "{ selector: { matchLabels: { version: v1 } }, mtls: { mode: DISABLE } }"),
      ],
    },
    {
      of: "a policy with labels in the root namespace that only one without may have",
      shows: [
        object(
          "PeerAuthentication",
          "p",
          "{ selector: { matchLabels: { app: a } }, mtls: { mode: STRICT } }",
          "istio-system",
        ),
      ],
      says: ["PeerAuthentication/p TULLE0305 spec.selector"],
      beside: [object("PeerAuthentication", "p", "{ mtls: { mode: STRICT } }", "istio-system")],
    },
    {
      of: "a traffic policy beside an older rule's",
      shows: [
        REVIEWS,
        object("DestinationRule", "r", "{ host: reviews, trafficPolicy: { loadBalancer: { simple: RANDOM } } }"),
        object("DestinationRule", "s", "{ host: reviews, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }"),
      ],
      says: ["DestinationRule/s TULLE0310 spec.trafficPolicy"],
      beside: [
        REVIEWS,
        object("DestinationRule", "r", "{ host: reviews }"),
        object("DestinationRule", "s", "{ host: reviews, trafficPolicy: { loadBalancer: { simple: ROUND_ROBIN } } }"),
      ],
    },
    {
      of: "endpoints by locality in a mesh that knows nobody's",
      shows: [REVIEWS, DISTRIBUTED],
      says: ["DestinationRule/r TULLE0404 spec.trafficPolicy.loadBalancer.localityLbSetting"],
      beside: [
        settings("default", "istio-system").replace(
          "spec: {",
          "spec: { localities: [{ country: DE, locality: eu/de }],",
        ),
        REVIEWS,
        DISTRIBUTED,
      ],
    },
    {
      of: "a collector whose service nobody has",
      shows: [COLLECTOR_SETTINGS],
      says: ["MeshConfig/default TULLE0122 spec.extensionProviders[0].opentelemetry.service"],
      beside: [COLLECTOR_SETTINGS, service("otel", { port: 4318 })],
    },
    {
      of: "a second Sidecar for a namespace",
      shows: [
        object("Sidecar", "s", "{ egress: [{ hosts: ['*/*'] }] }"),
        object("Sidecar", "t", "{ egress: [{ hosts: [./*] }] }"),
      ],
      says: ["Sidecar/t TULLE0320 metadata.name"],
      beside: [
        object("Sidecar", "s", "{ egress: [{ hosts: ['*/*'] }] }"),
        object("Sidecar", "t", "{ egress: [{ hosts: [./*] }] }", "shop"),
      ],
    },
    {
      of: "a subset that no route names",
      shows: [REVIEWS, rule(V1)],
      says: ["DestinationRule/r TULLE0503 spec.subsets[0].name"],
      beside: [REVIEWS, rule(V1), USES_V1],
    },
    {
      of: "a subset that no mirror names either",
      shows: [
        REVIEWS,
        rule(V1),
        route("uses", "hosts: [reviews]", "{ route: [{ destination: { host: reviews } }], mirror: { host: reviews } }"),
      ],
      says: ["DestinationRule/r TULLE0503 spec.subsets[0].name"],
      beside: [
        REVIEWS,
        rule(V1),
        route(
          "uses",
          "hosts: [reviews]",
          "{ route: [{ destination: { host: reviews } }], mirror: { host: reviews, subset: v1 } }",
        ),
      ],
    },
    {
      of: "a match at a Gateway that the VirtualService is not bound to",
      shows: [REVIEWS, gateway("a.test"), bounded("gateways: [other]")],
      says: ["VirtualService/a TULLE0203 spec.http[0].match[0].gateways"],
      beside: [REVIEWS, gateway("a.test"), bounded("gateways: [other, default/front]")],
    },
    {
      of: "a match at a port that the Gateway does not listen on",
      shows: [REVIEWS, gateway("a.test"), bounded("port: 8080")],
      says: ["VirtualService/a TULLE0203 spec.http[0].match[0].port"],
      beside: [REVIEWS, gateway("a.test"), bounded("port: 80")],
    },
    {
      of: "a match at a port that none of the services has",
      shows: [REVIEWS, bounded("port: 8080", "hosts: [reviews]")],
      says: ["VirtualService/a TULLE0203 spec.http[0].match[0].port"],
      beside: [REVIEWS, bounded("port: 8080", "hosts: [outside.test]")],
    },
    {
      of: "a match at a port of the mesh that is for the Gateway alone",
      shows: [TWO_PORTS, REVIEWS, gateway("carts.default.svc.cluster.local"), portOfMesh("gateways: [front], ")],
      says: ["VirtualService/a TULLE0203 spec.http[0].match[0].port"],
      beside: [TWO_PORTS, REVIEWS, gateway("carts.default.svc.cluster.local"), portOfMesh("")],
    },
    {
      of: "settings for a port that the service has not",
      shows: [REVIEWS, rulePort(81)],
      says: ["DestinationRule/r TULLE0124 spec.trafficPolicy.portLevelSettings[0].port.number"],
      beside: [REVIEWS, rulePort(80)],
    },
    {
      of: "settings of a subset for a port that the service has not",
      shows: [
        REVIEWS,
        USES_V1,
        rule(V1.replace("{ version: v1 } }", `{ version: v1 }, trafficPolicy: { ${atPort(81)} } }`)),
      ],
      says: ["DestinationRule/r TULLE0124 spec.subsets[0].trafficPolicy.portLevelSettings[0].port.number"],
      beside: [
        REVIEWS,
        USES_V1,
        rule(V1.replace("{ version: v1 } }", `{ version: v1 }, trafficPolicy: { ${atPort(80)} } }`)),
      ],
    },
    {
      of: "a route for other namespaces' calls of a host that none of its own owns",
      shows: [REVIEWS, foreign("")],
      says: ["VirtualService/a TULLE0125 spec.hosts[0]"],
      beside: [REVIEWS, foreign('exportTo: ["."], ')],
    },
    {
      of: "a route of a name that another namespace's pattern has",
      shows: [ALL_OF_EXAMPLE, routed("a.example.com", "shop")],
      says: ["VirtualService/a TULLE0125 spec.hosts[0]"],
      beside: [ALL_OF_EXAMPLE, routed("a.example.com", "default")],
    },
    ...['"*.default.svc.cluster.local"', '"*.svc.cluster.local"', '"*.local"'].map((host) => ({
      of: `a route of all names of ${host}`,
      shows: [routed(host, "shop")],
      says: ["VirtualService/a TULLE0125 spec.hosts[0]"],
      beside: [routed('"*.shop.svc.cluster.local"', "shop")],
    })),
    {
      of: "a route for the calls of a third namespace",
      shows: [REVIEWS, foreign("exportTo: [third], ")],
      says: ["VirtualService/a TULLE0125 spec.hosts[0]"],
      beside: [REVIEWS, foreign("", "istio-system")],
    },
  ])("$of is told", ({ shows, says, beside }) => {
    expect(told(...shows)).toEqual(says);
    expect(told(...beside)).toEqual([]);
  });
});

it("what is told follows the other objects, whichever comes first", () => {
  const world = new TestWorld();
  const codes = () => [...world.verdicts.values()].flat().map(({ code }) => code);
  world.apply(USES_V1);
  expect(codes()).toEqual(["TULLE0102"]);
  world.apply(service("reviews", { versions: [] }));
  expect(codes().toSorted()).toEqual(["TULLE0104", "TULLE0504"]);
  world.apply(rule(V1));
  expect(codes().toSorted()).toEqual(["TULLE0114", "TULLE0504"]);
  world.apply(service("reviews", { versions: ["v2"] }));
  expect(codes()).toEqual(["TULLE0115"]);
  world.apply(REVIEWS);
  expect(codes()).toEqual([]);
  world.delete("VirtualService", "uses");
  expect(codes()).toEqual(["TULLE0503"]);
});

it("a change is judged with what it touches, however much there is", () => {
  const judged = (services: number): readonly string[] => {
    const world = new TestWorld();
    world.apply(gateway("'*.test'"));
    for (let at = 0; at < services; at += 1) {
      const name = `s${at}`;
      world.apply(service(name));
      world.apply(object("DestinationRule", name, `{ host: ${name}, subsets: [${V1}] }`));
      world.apply(object("AuthorizationPolicy", name, `{ selector: { matchLabels: { app: ${name} } }, rules: [{}] }`));
      world.apply(route(name, `hosts: [${name}.test], gateways: [front]`, to(`host: ${name}, subset: v1`)));
    }
    const key = "networking.istio.io/VirtualService/default/s1";
    const before = world.objects.get(key) ?? null;
    const { findings, reject } = world.compiler.attempt([{ before, after: null }]);
    reject();
    return [...findings.keys()].toSorted();
  };
  expect(judged(30)).toEqual(judged(3));
});

it("an entry of thousands of endpoints is judged in time that grows with them", () => {
  // To look through all of them for each would take minutes, and run into the timeout.
  const endpoints = Array.from({ length: 5_000 }, (_, at) => `{ address: 10.20.${at >> 8}.${at & 255} }`).join(", ");
  const ports = "ports: [{ number: 80, name: http, protocol: HTTP }]";
  const spec = `{ hosts: [a.test], ${ports}, resolution: STATIC, endpoints: [${endpoints}] }`;
  expect(told(settings("default", "istio-system"), object("ServiceEntry", "e", spec))).toEqual([]);
});
