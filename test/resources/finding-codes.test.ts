import { describe, expect, it } from "vitest";
import { parsed } from "./parsed.ts";

const ROUTE = "route: [{ destination: { host: a } }]";
const rule = (fields: string) => `{ hosts: [a.test], gateways: [front], http: [{ ${fields}, ${ROUTE} }] }`;
const policy = (fields: string) => `{ host: a, trafficPolicy: { ${fields} } }`;
const server = (fields: string) =>
  `{ selector: { istio: x }, servers: [{ port: { number: 443, name: https, protocol: HTTPS }, hosts: [a.test], tls: { ${fields} } }] }`;
const http = (port: string, name = "b") => `{ port: { ${port}, name: ${name} }, hosts: [b.test] }`;

const APIS: Readonly<Record<string, string>> = {
  Service: "v1",
  AuthorizationPolicy: "security.istio.io/v1",
  RequestAuthentication: "security.istio.io/v1",
};

interface Case {
  readonly code: string;
  readonly kind: string;
  /** The spec that shows it, and one beside it that does not. */
  readonly shows: string;
  readonly beside: string;
}

function codes(kind: string, spec: string, metadata = ""): readonly string[] {
  const { findings } = parsed(`
apiVersion: ${APIS[kind] ?? "networking.istio.io/v1"}
kind: ${kind}
metadata: { name: a${metadata} }
spec: ${spec}`);
  return [...new Set(findings.map(({ code }) => code))];
}

/** What an object's form alone shows; `test/compile/findings.test.ts` has what it is among others. */
describe("an object by itself", () => {
  it.each<Case>([
    { code: "TULLE0001", kind: "DestinationRule", shows: "{ hots: a }", beside: "{ host: a }" },
    {
      code: "TULLE0002",
      kind: "AuthorizationPolicy",
      shows: "{ rules: [{ to: [{ operation: { paths: ['/a*b'] } }] }] }",
      beside: "{ rules: [{ to: [{ operation: { paths: ['/ab*'] } }] }] }",
    },
    {
      code: "TULLE0003",
      kind: "DestinationRule",
      shows: policy("connectionPool: { tcp: { connectTimeout: 1s } }"),
      beside: policy("connectionPool: { tcp: { maxConnections: 1 } }"),
    },
    {
      code: "TULLE0004",
      kind: "DestinationRule",
      shows: policy("outlierDetection: { consecutiveErrors: 3 }"),
      beside: policy("outlierDetection: { consecutive5xxErrors: 3 }"),
    },
    {
      code: "TULLE0005",
      kind: "DestinationRule",
      shows: "{ host: a, subsets: [{ name: all }] }",
      beside: "{ host: a, subsets: [{ name: v1, labels: { version: v1 } }] }",
    },
    {
      code: "TULLE0013",
      kind: "Sidecar",
      shows: "{ outboundTrafficPolicy: {} }",
      beside: "{ outboundTrafficPolicy: { mode: REGISTRY_ONLY } }",
    },
    {
      code: "TULLE0101",
      kind: "VirtualService",
      shows: `{ hosts: [a.test], gateways: [front.example.com], http: [{ ${ROUTE} }] }`,
      beside: `{ hosts: [a.test], gateways: [edge/front], http: [{ ${ROUTE} }] }`,
    },
    {
      code: "TULLE0107",
      kind: "Gateway",
      shows: server("mode: SIMPLE, credentialName: a"),
      beside: server("mode: ISTIO_MUTUAL"),
    },
    {
      code: "TULLE0118",
      kind: "Service",
      shows: "{ ports: [{ name: dns, port: 53, protocol: UDP }] }",
      beside: "{ ports: [{ name: http, port: 80 }] }",
    },
    {
      code: "TULLE0119",
      kind: "Sidecar",
      shows: "{ egress: [{ hosts: [./reviews] }] }",
      beside: "{ egress: [{ hosts: [./reviews.default.svc.cluster.local] }] }",
    },
    {
      code: "TULLE0203",
      kind: "VirtualService",
      shows: rule("match: [{ method: { exact: get } }]"),
      beside: rule("match: [{ method: { exact: GET } }]"),
    },
    {
      code: "TULLE0303",
      kind: "Gateway",
      shows: `{ selector: { istio: x }, servers: [${http("number: 80, protocol: HTTP")}, ${http("number: 80, protocol: HTTP2", "c")}] }`,
      beside: `{ selector: { istio: x }, servers: [${http("number: 80, protocol: HTTP")}, ${http("number: 8080, protocol: HTTP2", "c")}] }`,
    },
    {
      code: "TULLE0305",
      kind: "AuthorizationPolicy",
      shows: "{ action: DENY }",
      beside: "{ action: DENY, rules: [{}] }",
    },
    {
      code: "TULLE0401",
      kind: "DestinationRule",
      shows: policy("outlierDetection: { consecutive5xxErrors: 3, consecutiveGatewayErrors: 3 }"),
      beside: policy("outlierDetection: { consecutive5xxErrors: 3, consecutiveGatewayErrors: 2 }"),
    },
    {
      code: "TULLE0402",
      kind: "DestinationRule",
      shows: policy("outlierDetection: { consecutive5xxErrors: 0 }"),
      beside: policy("outlierDetection: { consecutive5xxErrors: 1 }"),
    },
    {
      code: "TULLE0403",
      kind: "DestinationRule",
      shows: policy("loadBalancer: { localityLbSetting: { failoverPriority: [version] } }"),
      beside: policy("loadBalancer: { localityLbSetting: { failoverPriority: [version] } }, outlierDetection: {}"),
    },
    {
      code: "TULLE0410",
      kind: "VirtualService",
      shows: rule("retries: { attempts: 1, retryOn: 'refused-stream,5xx' }"),
      beside: rule("retries: { attempts: 1, retryOn: 5xx }"),
    },
    {
      code: "TULLE0601",
      kind: "VirtualService",
      shows: rule("corsPolicy: { allowOrigins: [{ regex: '.*' }], allowCredentials: true }"),
      beside: rule("corsPolicy: { allowOrigins: [{ exact: https://a.test }], allowCredentials: true }"),
    },
    {
      code: "TULLE0602",
      kind: "AuthorizationPolicy",
      shows: "{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin] } }] }] }",
      beside: "{ action: DENY, rules: [{ to: [{ operation: { paths: [/admin, '/admin/*'] } }] }] }",
    },
  ])("$code, of a $kind", ({ code, kind, shows, beside }) => {
    expect(codes(kind, shows)).toEqual([code]);
    expect(codes(kind, beside)).toEqual([]);
  });

  it.each([
    { failOpen: true, says: ["TULLE0603"] },
    { failOpen: false, says: [] },
  ])("TULLE0603, of a MeshConfig: $failOpen", ({ failOpen, says }) => {
    const { findings } = parsed(`
apiVersion: tulle.dev/v1alpha1
kind: MeshConfig
metadata: { name: default }
spec:
  extensionProviders:
    - { name: a, envoyExtAuthzHttp: { service: a.b, port: 80, timeout: 1s, failOpen: ${failOpen} } }`);
    expect(findings.map(({ code }) => code)).toEqual(says);
  });

  it("TULLE0004, of the apiVersion of articles", () => {
    const { findings } = parsed(
      "apiVersion: networking.example.com/v1\nkind: DestinationRule\nmetadata: { name: a }\nspec: { host: a }\n",
    );
    expect(findings.map(({ code }) => code)).toEqual(["TULLE0004"]);
  });

  it("TULLE0003, of metadata that does nothing", () => {
    expect(codes("DestinationRule", "{ host: a }", ", finalizers: [example.com/x]")).toEqual(["TULLE0003"]);
  });
});
