import * as fc from "fast-check";
import type { RequestFacts } from "../../src/request/facts.ts";
import { headers } from "../decide/requests.ts";
import { GATEWAY_PEER, type Way } from "./ways.ts";
import { service } from "./world.ts";

const VERSIONS = ["v1", "v2", "v3"] as const;

/** A second name for endpoints of the service `vault`: an entry with their addresses, or a Service that picks them. */
const alias = fc.record({
  kind: fc.constantFrom("ServiceEntry", "Service"),
  namespace: fc.constantFrom("default", "default", "shop"),
  versions: fc.subarray([...VERSIONS], { minLength: 1 }),
  label: fc.constantFrom("decoy", "open", "vault"),
  port: fc.constantFrom(80, 8080),
});

/** `vault`, one of its subsets, an alias, or a service that nobody protects. */
const target = fc.oneof(
  fc.constant({ kind: "vault" } as const),
  fc.record({ kind: fc.constant("subset" as const), nth: fc.nat(2) }),
  fc.record({ kind: fc.constant("alias" as const), nth: fc.nat(2) }),
  fc.constant({ kind: "open" } as const),
);

const route = fc.record({
  at: fc.constantFrom("mesh", "mesh", "gateway"),
  rewrite: fc.constantFrom("none", "none", "authority", "prefix", "pattern"),
  headers: fc.constantFrom("kept", "kept", "set", "removed"),
  headersOf: fc.constantFrom("route", "destination"),
  isDelegated: fc.boolean(),
  more: fc.subarray([
    'retries: { attempts: 3, retryOn: "5xx" }',
    "timeout: 5s",
    "fault: { delay: { fixedDelay: 1s, percentage: { value: 50 } } }",
  ]),
  targets: fc.array(target, { minLength: 1, maxLength: 3 }),
  mirrors: fc.array(target, { maxLength: 2 }),
});

export const shape = fc.record({
  versions: fc.constantFrom(1, 2, 3),
  aliases: fc.array(alias, { maxLength: 3 }),
  routes: fc.array(route, { minLength: 1, maxLength: 4 }),
});

type Shape = typeof shape extends fc.Arbitrary<infer T> ? T : never;
type Route = Shape["routes"][number];
type Target = Route["targets"][number];

/** The mesh, and all its ways to the endpoints of `vault`. */
export function meshOf({ versions, aliases, routes }: Shape): { documents: readonly string[]; ways: readonly Way[] } {
  const known = VERSIONS.slice(0, versions);
  const hostOf = (one: Target): string => {
    if (one.kind === "open") return "{ host: open }";
    if (one.kind === "subset") return `{ host: vault, subset: s${one.nth % versions} }`;
    const found = one.kind === "alias" ? aliases[one.nth % Math.max(1, aliases.length)] : undefined;
    if (found === undefined) return "{ host: vault }";
    return `{ host: ${aliasHost(aliases.indexOf(found), found)}, port: { number: ${found.port} } }`;
  };
  const subsets = known.map((version, at) => `{ name: s${at}, labels: { version: ${version} } }`).join(", ");
  const documents = [
    service("vault", { versions: [...known] }),
    service("open"),
    `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: vault }
spec: { host: vault, subsets: [${subsets}] }`,
    `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front }
spec: { selector: { istio: ingressgateway }, servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }] }`,
    ...aliases.flatMap((one, at) => aliasDocuments(at, one)),
    ...routes.flatMap((one, at) => routeDocuments(at, one, hostOf)),
  ];
  return {
    documents,
    ways: [
      ...aliases.map((one, at): Way => {
        const sent = (request: RequestFacts) => ({ ...request, port: one.port });
        return { name: "another name", host: aliasHost(at, one), documents: [], sent };
      }),
      ...routes.flatMap((one, at) => waysOf(at, one)),
    ],
  };
}

type Alias = Shape["aliases"][number];

function aliasHost(at: number, { kind, namespace }: Alias): string {
  return kind === "Service" ? `alias${at}.${namespace}.svc.cluster.local` : `alias${at}.test`;
}

function aliasDocuments(at: number, { kind, namespace, versions, label, port }: Alias): readonly string[] {
  const addresses = versions.map((version) => `binding:EP_DEFAULT_VAULT_${version.toUpperCase()}`);
  const metadata = `{ name: alias${at}, namespace: ${namespace} }`;
  if (kind === "ServiceEntry")
    return [
      `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: ${metadata}
spec:
  hosts: [alias${at}.test]
  ports: [{ number: ${port}, name: http, protocol: HTTP, targetPort: 80 }]
  resolution: STATIC
  endpoints: [${addresses.map((address) => `{ address: "${address}", labels: { app: ${label} } }`).join(", ")}]`,
    ];
  const registrations = addresses.map(
    (address, nth) => `
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: alias${at}-${nth}, namespace: ${namespace} }
spec: { address: "${address}", labels: { app: ${label}, alias: a${at} } }`,
  );
  return [
    `
apiVersion: v1
kind: Service
metadata: ${metadata}
spec: { selector: { alias: a${at} }, ports: [{ name: http, port: ${port}, targetPort: 80 }] }`,
    ...registrations,
  ];
}

function routeDocuments(at: number, one: Route, hostOf: (target: Target) => string): readonly string[] {
  const { rewrite, isDelegated, more, targets, mirrors } = one;
  const change = headerChange(one);
  const part = Math.floor(100 / targets.length);
  const destinations = targets.map((each, nth) => {
    const weight = nth === 0 ? 100 - part * (targets.length - 1) : part;
    const own = one.headersOf === "destination" && change !== null ? `, headers: { request: ${change} }` : "";
    return `{ destination: ${hostOf(each)}, weight: ${weight}${own} }`;
  });
  const copies = mirrors.map((each) => `{ destination: ${hostOf(each)}, percentage: { value: 100 } }`);
  const http = [
    ...(rewrite === "prefix" ? ["match: [{ uri: { prefix: /in/ } }], rewrite: { uri: / }"] : []),
    ...(rewrite === "authority" ? ["rewrite: { authority: open.test }"] : []),
    ...(rewrite === "pattern" ? ['rewrite: { uriRegexRewrite: { match: "^/in(/.*)$", rewrite: "\\\\1" } }'] : []),
    ...(one.headersOf === "route" && change !== null ? [`headers: { request: ${change} }`] : []),
    ...more,
    ...(copies.length > 0 ? [`mirrors: [${copies.join(", ")}]`] : []),
    `route: [${destinations.join(", ")}]`,
  ].join(", ");
  const gateways = one.at === "gateway" ? ", gateways: [front]" : "";
  const virtualService = (name: string, spec: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: ${spec}`;
  return [
    `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: host${at} }
spec: { hosts: [host${at}.test], ports: [{ number: 80, name: http, protocol: HTTP }], resolution: STATIC, endpoints: [{ address: "binding:EP_HOST_${at}" }] }`,
    ...(isDelegated
      ? [
          virtualService(
            `root${at}`,
            `{ hosts: [host${at}.test]${gateways}, http: [{ delegate: { name: leaf${at} } }] }`,
          ),
          virtualService(`leaf${at}`, `{ http: [{ ${http} }] }`),
        ]
      : [virtualService(`root${at}`, `{ hosts: [host${at}.test]${gateways}, http: [{ ${http} }] }`)]),
  ];
}

function headerChange({ headers: change }: Route): string | null {
  if (change === "kept") return null;
  return change === "set" ? "{ set: { x-tier: gold } }" : "{ remove: [x-tier] }";
}

/** The request itself and, apart, its copies; over HTTP and by Workers RPC. */
function waysOf(at: number, one: Route): readonly Way[] {
  const inside = one.rewrite === "prefix" || one.rewrite === "pattern";
  const way: Way = {
    name: `a route of ${one.at}${one.isDelegated ? ", delegated" : ""}`,
    documents: [],
    host: `host${at}.test`,
    ...(one.at === "gateway" && { scope: "gw/default/front/80" }),
    sent: (request) => ({
      ...request,
      ...(inside && { path: `/in${request.path}`, forwardPath: `/in${request.path}` }),
      ...(one.at === "gateway" && { entrance: "public" as const }),
    }),
    same: (request) => ({
      ...request,
      headers: headersAfter(one, request),
      ...(one.at === "gateway" && { peer: GATEWAY_PEER }),
    }),
  };
  // A copy is as the route leaves it: what one destination changes is none of it.
  const copied: Way = { ...way, name: `a mirror of ${one.at}`, mirrored: true };
  const copies = one.mirrors.length > 0 && (one.headers === "kept" || one.headersOf === "route") ? [copied] : [];
  const rpc: Way = {
    ...way,
    name: "Workers RPC",
    sent: (request) => ({ ...request, protocol: "workers-rpc", method: "POST" }),
    same: (request) => ({ ...request, headers: headersAfter(one, request), method: "POST" }),
  };
  return [way, ...copies, ...(one.at === "mesh" && !inside ? [rpc] : [])];
}

function headersAfter({ headers: change }: Route, request: RequestFacts): RequestFacts["headers"] {
  if (change === "kept") return request.headers;
  const { "x-tier": _, ...rest } = request.headers;
  return headers(change === "set" ? { ...rest, "x-tier": "gold" } : rest);
}
