import type { RequestFacts } from "../../src/request/facts.ts";
import { headers } from "../decide/requests.ts";

/** The service's own name. */
export const OWN = "vault.default.svc.cluster.local";
/** The workload that a Gateway stands for. */
export const GATEWAY_PEER: RequestFacts["peer"] = {
  principal: "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account",
  namespace: "istio-system",
  trustDomain: "cluster.local",
  by: "gateway",
};

const to = (host: string, more = ""): string => `{ destination: { host: ${host}${more} } }`;
const virtualService = (name: string, host: string, http: string, more = ""): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: [${host}]${more}, http: [${http}] }`;
const hostOnly = (name: string): string => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name} }
spec: { hosts: [${name}.test], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: "binding:EP_OTHER_${name.toUpperCase().replaceAll("-", "_")}" }] }`;

/** A way to the endpoints of the service `vault`. */
export interface Way {
  readonly name: string;
  readonly documents: readonly string[];
  readonly scope?: string;
  readonly host: string;
  /** The request as it is sent, so that the same arrives. */
  readonly sent?: (request: RequestFacts) => RequestFacts;
  /** The request by the own name that must meet the same verdict. */
  readonly same?: (request: RequestFacts) => RequestFacts;
  /** Among the copies, not the request itself. */
  readonly mirrored?: true;
}

const withHeader = (request: RequestFacts, name: string, value: string): RequestFacts => ({
  ...request,
  headers: headers({ ...request.headers, [name]: value }),
});

export const WAYS: readonly Way[] = [
  {
    name: "a ServiceEntry with its addresses",
    host: "alias.test",
    documents: [
      `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: alias }
spec:
  hosts: [alias.test]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: "binding:EP_DEFAULT_VAULT_V1" }, { address: "binding:EP_DEFAULT_VAULT_V2", labels: { app: open } }]`,
    ],
  },
  {
    name: "a second registration with other labels",
    host: "decoy.default.svc.cluster.local",
    documents: [
      `
apiVersion: v1
kind: Service
metadata: { name: decoy }
spec: { selector: { app: decoy }, ports: [{ name: http, port: 80 }] }`,
      `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: decoy }
spec: { address: "binding:EP_DEFAULT_VAULT_V1", labels: { app: decoy } }`,
    ],
  },
  {
    name: "another port of another service",
    host: "ported.default.svc.cluster.local",
    sent: (request) => ({ ...request, port: 8080 }),
    documents: [
      `
apiVersion: v1
kind: Service
metadata: { name: ported }
spec: { selector: { app: vault }, ports: [{ name: other, port: 8080, targetPort: 80 }] }`,
    ],
  },
  {
    name: "another namespace's registration",
    host: "thief.shop.svc.cluster.local",
    documents: [
      `
apiVersion: v1
kind: Service
metadata: { name: thief, namespace: shop }
spec: { selector: { app: thief }, ports: [{ name: http, port: 80 }] }`,
      `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: thief, namespace: shop }
spec: { address: "binding:EP_DEFAULT_VAULT_V1", labels: { app: thief } }`,
    ],
  },
  {
    name: "a route",
    host: "route.test",
    documents: [hostOnly("route"), virtualService("route", "route.test", `{ route: [${to("vault")}] }`)],
  },
  {
    name: "a route with retries, a timeout and a fault",
    host: "retry.test",
    documents: [
      hostOnly("retry"),
      virtualService(
        "retry",
        "retry.test",
        `{ timeout: 5s, retries: { attempts: 3, retryOn: "5xx" }, fault: { delay: { fixedDelay: 1s, percentage: { value: 50 } } }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "a rewritten authority",
    host: "authority.test",
    documents: [
      hostOnly("authority"),
      virtualService("authority", "authority.test", `{ rewrite: { authority: open.test }, route: [${to("vault")}] }`),
    ],
  },
  {
    name: "a rewritten path",
    host: "path.test",
    sent: (request) => ({ ...request, path: `/in${request.path}`, forwardPath: `/in${request.path}` }),
    documents: [
      hostOnly("path"),
      virtualService(
        "path",
        "path.test",
        `{ match: [{ uri: { prefix: /in/ } }], rewrite: { uri: / }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "a path rewritten by a pattern",
    host: "pattern.test",
    sent: (request) => ({ ...request, path: `/in${request.path}`, forwardPath: `/in${request.path}` }),
    documents: [
      hostOnly("pattern"),
      virtualService(
        "pattern",
        "pattern.test",
        `{ rewrite: { uriRegexRewrite: { match: "^/in(/.*)$", rewrite: "\\\\1" } }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "headers that a route sets",
    host: "headers.test",
    same: (request) => withHeader(request, "x-tier", "gold"),
    documents: [
      hostOnly("headers"),
      virtualService(
        "headers",
        "headers.test",
        `{ headers: { request: { set: { x-tier: gold } } }, route: [${to("vault")}] }`,
      ),
    ],
  },
  {
    name: "headers that a destination takes away",
    host: "removed.test",
    same: (request) => {
      const { "x-tier": _, ...rest } = request.headers;
      return { ...request, headers: headers(rest) };
    },
    documents: [
      hostOnly("removed"),
      virtualService(
        "removed",
        "removed.test",
        `{ route: [{ destination: { host: vault }, headers: { request: { remove: [x-tier] } } }] }`,
      ),
    ],
  },
  {
    name: "a subset",
    host: "subset.test",
    documents: [
      `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: vault }
spec: { host: vault, subsets: [{ name: two, labels: { version: v2 } }] }`,
      hostOnly("subset"),
      virtualService("subset", "subset.test", `{ route: [${to("vault", ", subset: two")}] }`),
    ],
  },
  {
    name: "one of several destinations",
    host: "weights.test",
    documents: [
      hostOnly("weights"),
      virtualService(
        "weights",
        "weights.test",
        `{ route: [{ destination: { host: vault }, weight: 50 }, { destination: { host: open }, weight: 50 }] }`,
      ),
    ],
  },
  {
    name: "a mirror",
    host: "mirror.test",
    mirrored: true,
    documents: [
      hostOnly("mirror"),
      virtualService("mirror", "mirror.test", `{ route: [${to("open")}], mirror: { host: vault } }`),
    ],
  },
  {
    name: "a delegate",
    host: "delegate.test",
    documents: [
      hostOnly("delegate"),
      virtualService("root", "delegate.test", "{ match: [{ uri: { prefix: / } }], delegate: { name: leaf } }"),
      `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: leaf }
spec: { http: [{ route: [${to("vault")}] }] }`,
    ],
  },
  {
    name: "Workers RPC",
    host: OWN,
    sent: (request) => ({ ...request, protocol: "workers-rpc", method: "POST" }),
    same: (request) => ({ ...request, method: "POST" }),
    documents: [],
  },
  {
    name: "Workers RPC by a route",
    host: "rpc.test",
    sent: (request) => ({ ...request, protocol: "workers-rpc", method: "POST" }),
    same: (request) => ({ ...request, method: "POST" }),
    documents: [hostOnly("rpc"), virtualService("rpc", "rpc.test", `{ route: [${to("vault")}] }`)],
  },
  {
    name: "a Gateway",
    scope: "gw/default/front/80",
    host: "public.test",
    sent: (request) => ({ ...request, entrance: "public" }),
    same: (request) => ({ ...request, peer: GATEWAY_PEER }),
    documents: [
      `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }`,
      virtualService("public", "public.test", `{ route: [${to("vault")}] }`, ", gateways: [front]"),
    ],
  },
];
