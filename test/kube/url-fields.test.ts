import { describe, expect, it } from "vitest";
import type { Schema } from "../../src/kinds/openapi.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import { KINDS } from "../../src/kinds/registry.ts";
import { objectSchema } from "../../src/kube/schemas.ts";
import { apiVersionOf } from "../../src/resources/kinds.ts";

/** Names of fields that may say where something is. */
const PLACES =
  /ur[il]s?$|issuer|address(es)?$|hosts?$|endpoint|hook|sink$|server$|service$|authority$|bundle|redirect/i;

/** These are what somebody writes down of a cluster: nothing here calls what they say, but for addresses. */
const OF_KUBERNETES = new Set(["Pod", "Service", "Event", "Namespace", "Secret", "ConfigMap"]);

/** Where nobody may send the mesh, in spellings that parsers disagree on. */
const REFUSED = [
  "http://login.example.com/",
  "http://127.0.0.1/",
  "https://127.0.0.1/",
  "https://127.1/",
  "https://0x7f.0.0.1/",
  "https://2130706433/",
  "https://017700000001/",
  "https://[::1]/",
  "https://[::ffff:127.0.0.1]/",
  "https://169.254.169.254/latest/meta-data/",
  "https://[fd00:ec2::254]/",
  "https://metadata.google.internal/",
  "https://10.0.0.1/",
  "https://localhost/",
  "https://localhost./",
  "https://intranet/",
  "https://user@login.example.com/",
  "https://login.example.com@169.254.169.254/",
  "https://login.example.com:8443/",
  "https://127\u30020\u30020\u30021/",
  "ftp://login.example.com/",
  "file:///etc/passwd",
  'data:application/json,{"keys":[]}',
  "javascript:alert(1)",
  "//login.example.com/",
  "https:///",
  "",
];

const RULE = { claims: [{ name: "a", values: ["b"] }], role: "viewer", namespace: "*" };
const GOOD = "https://login.example.com";
const ENROL = { subject: "a:b", namespace: "a", serviceAccount: "b" };

/** Fields whose value somebody of the mesh calls, with a spec that has it. */
const CALLED: Readonly<Record<string, (place: string) => unknown>> = {
  "RequestAuthentication.jwtRules.jwksUri": (jwksUri) => ({ jwtRules: [{ issuer: "a", jwksUri }] }),
  "RequestAuthentication.jwtRules.issuer": (issuer) => ({ jwtRules: [{ issuer }] }),
  "MeshConfig.signIn.issuer": (issuer) => ({ signIn: [{ issuer, audience: "a", rules: [RULE] }] }),
  "MeshConfig.signIn.jwksUri": (jwksUri) => ({ signIn: [{ issuer: GOOD, audience: "a", jwksUri, rules: [RULE] }] }),
  "MeshConfig.extensionProviders.envoyExtAuthzHttp.service": (service) => ({
    extensionProviders: [{ name: "a", envoyExtAuthzHttp: { service, port: 80 } }],
  }),
  "MeshConfig.extensionProviders.opentelemetry.service": (service) => ({
    extensionProviders: [{ name: "a", opentelemetry: { service, port: 80, http: { path: "/" } } }],
  }),
  "MeshConfig.extensionProviders.envoyOtelAls.service": (service) => ({
    extensionProviders: [{ name: "a", envoyOtelAls: { service, port: 4318 } }],
  }),
  "MeshConfig.federation.bundleEndpointURL": (bundleEndpointURL) => ({
    federation: [{ trustDomain: "other.example", bundleEndpointURL }],
  }),
  "EnrolmentRule.issuer": (issuer) => ({ issuer, ...ENROL }),
  "EnrolmentRule.jwksUri": (jwksUri) => ({ issuer: "a", jwksUri, ...ENROL }),
  "ServiceEntry.endpoints.address": (address) => ({
    hosts: ["a.example.com"],
    ports: [{ number: 443, name: "https", protocol: "HTTPS" }],
    resolution: "STATIC",
    endpoints: [{ address }],
  }),
  "WorkloadEntry.address": (address) => ({ address }),
};

/** What is stored, warned of, and asked for nothing: a token's issuer need be no URL. */
const UNASKED: Readonly<Record<string, RegExp>> = {
  "RequestAuthentication.jwtRules.issuer": /^(?!https?:\/\/[^/])/,
};

/** Fields that name a service of the mesh, or what a client is told: nobody calls what they say as it stands there. */
const NAMES = new Set([
  // One of a VirtualService's hosts, which requests are compared with.
  "RateLimitPolicy.targetRefs.host",
  // Its hosts are called only as endpoints of a ServiceEntry are, and looked at as those.
  "ServiceEntry.hosts",
  "EndpointSlice.endpoints.addresses",
  // Of a probe: the `Host` that is sent to the workload's own address.
  "WorkloadGroup.probe.httpGet.host",
  "WorkloadGroup.probe.tcpSocket.host",
  // What the server of the workload itself is asked about.
  "WorkloadGroup.probe.grpc.service",
  "Gateway.servers.hosts",
  "VirtualService.hosts",
  "VirtualService.http.route.destination.host",
  "VirtualService.http.redirect.uri",
  "VirtualService.http.redirect.authority",
  "VirtualService.http.rewrite.uri",
  "VirtualService.http.rewrite.authority",
  "VirtualService.http.mirror.host",
  "VirtualService.http.mirrors.destination.host",
  "DestinationRule.host",
  "Sidecar.ingress.defaultEndpoint",
  "Sidecar.egress.hosts",
  "Sidecar.outboundTrafficPolicy.egressProxy.host",
  "AuthorizationPolicy.rules.to.operation.hosts",
  "AuthorizationPolicy.rules.to.operation.notHosts",
  "MeshConfig.escapedSlashes.hosts.host",
  "MeshConfig.pathParameters.hosts.host",
  "MeshConfig.egress.allowedHosts",
]);

/** Texts of a kind that may say where something is, by their path. */
function placesOf(schema: Schema, path: string): readonly string[] {
  if (schema["x-tulle-refused"] !== undefined) return [];
  const { properties = {}, items, additionalProperties: more, anyOf = [] } = schema;
  const isText = schema.type === "string" && schema.enum === undefined;
  return [
    ...(isText && PLACES.test(path.split(".").at(-1) ?? "") ? [path] : []),
    ...Object.entries(properties).flatMap(([name, member]) =>
      name === "metadata" || name === "status" ? [] : placesOf(member, name === "spec" ? path : `${path}.${name}`),
    ),
    ...(items ? placesOf(items, path) : []),
    ...(typeof more === "object" ? placesOf(more, path) : []),
    ...anyOf.flatMap((option) => placesOf(option, path)),
  ];
}

const FOUND = [
  ...new Set(
    KINDS.filter(({ kind }) => !OF_KUBERNETES.has(kind)).flatMap((info) => placesOf(objectSchema(info), info.kind)),
  ),
];

function problems(kind: string, spec: unknown): readonly string[] {
  const info = KINDS.find((each) => each.kind === kind);
  if (!info) throw new Error(`no kind ${kind}`);
  const metadata = { name: kind === "MeshConfig" ? "default" : "a", ...(info.namespaced && { namespace: "shop" }) };
  const value = { apiVersion: apiVersionOf(info.group, info.version), kind, metadata, spec };
  return parseObject(value, { local: false })
    .findings.filter(({ severity }) => severity === "error")
    .map(({ field, message }) => `${field}: ${message}`);
}

describe("every field of every kind that says where something is (R20)", () => {
  it("is known as one whose value is called, or as a mere name", () => {
    // A new one: see that `fetchedUrlProblem` or `parseAddress` judges it, then give it a spec in CALLED above.
    expect(FOUND.filter((path) => CALLED[path] === undefined && !NAMES.has(path))).toEqual([]);
    expect(FOUND.length).toBeGreaterThan(20);
  });

  const called = Object.entries(CALLED).filter(([path]) => FOUND.includes(path));

  it.each(called)("%s takes no address of the inside, no other scheme, port or user", (path, specOf) => {
    const kind = path.split(".", 1)[0] ?? "";
    const asked = REFUSED.filter((place) => !UNASKED[path]?.test(place));
    const taken = asked.filter((place) => problems(kind, specOf(place)).length === 0);
    expect(taken).toEqual([]);
    // The rest of the spec is well: it is the place that is refused.
    const isService = path.endsWith(".service");
    expect(problems(kind, specOf(isService ? "authz.shop.svc.cluster.local" : GOOD))).toEqual([]);
  });
});
