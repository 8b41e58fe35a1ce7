import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const of = (providers: string) => found("tulle.dev/v1alpha1", "MeshConfig", `{extensionProviders: ${providers}}`);
const http = (fields: string) =>
  of(`[{name: opa, envoyExtAuthzHttp: {service: opa.shop.svc.cluster.local, port: 80, timeout: 1s, ${fields}}}]`);
const place = (field: string) => `spec.extensionProviders[0].envoyExtAuthzHttp.${field}`;

const otel = (fields: string) =>
  of(`[{name: otel, opentelemetry: {service: otel.shop.svc.cluster.local, port: 4318, ${fields}}}]`);

describe("opentelemetry", () => {
  it("takes all that goes by HTTP", () => {
    expect(otel("http: {path: /v1/traces}")).toEqual([]);
    expect(
      otel(
        "http: {path: /v1/traces, timeout: 10s, headers: [{name: Authorization, value: Bearer a}]}, maxTagLength: 128, resourceDetectors: {environment: {}}",
      ),
    ).toEqual([]);
  });

  it.each([
    ["gRPC, which is meant without http", "maxTagLength: 1", "Required", "http"],
    ["gRPC by its field", "grpc: {}, http: {path: /v1/traces}", "NotSupported", "grpc"],
    ["a path that is none", "http: {path: v1/traces}", "Invalid", "http.path"],
    ["a timeout that outlives its request", "http: {path: /, timeout: 11s}", "Invalid", "http.timeout"],
    [
      "a header of the message's own",
      "http: {path: /, headers: [{name: Host, value: a}]}",
      "Invalid",
      "http.headers[0].name",
    ],
    ["a header without a value", "http: {path: /, headers: [{name: a}]}", "Required", "http.headers[0].value"],
    [
      "a header that breaks lines",
      'http: {path: /, headers: [{name: a, value: "a\\nb"}]}',
      "Invalid",
      "http.headers[0].value",
    ],
    [
      "a variable",
      "http: {path: /, headers: [{name: a, value: b, envName: A}]}",
      "NotSupported",
      "http.headers[0].envName",
    ],
    [
      "Dynatrace's detector",
      "http: {path: /}, resourceDetectors: {dynatrace: {}}",
      "NotSupported",
      "resourceDetectors.dynatrace",
    ],
  ])("refuses %s", (_, fields, reason, field) => {
    expect(otel(fields)).toContain(`error ${reason} spec.extensionProviders[0].opentelemetry.${field}`);
  });

  it("refuses addresses in place of a service", () => {
    expect(of("[{name: a, opentelemetry: {service: 169.254.169.254, port: 80, http: {path: /}}}]")).not.toEqual([]);
  });

  it("stands alone in its entry", () => {
    const two =
      "{name: a, envoyExtAuthzHttp: {service: a.b, port: 1, timeout: 1s}, opentelemetry: {service: a.b, port: 1, http: {path: /}}}";
    expect(of(`[${two}]`)).toEqual(["error Required spec.extensionProviders[0]"]);
  });

  it.each(["zipkin", "datadog", "skywalking", "lightstep", "stackdriver", "opencensus"])("stands for %s", (kind) => {
    expect(of(`[{name: a, ${kind}: {}}]`)).toContain(`error NotSupported spec.extensionProviders[0].${kind}`);
  });
});

describe("extensionProviders", () => {
  it("take all of envoyExtAuthzHttp", () => {
    expect(of("[]")).toEqual([]);
    expect(
      http(
        "pathPrefix: /check, failOpen: false, statusOnError: '503', includeRequestHeadersInCheck: [cookie, 'x-*', '*-id'], includeAdditionalHeadersInCheck: {X-Forwarded-Proto: '%REQ(:SCHEME)%', x-a: b}, includeRequestBodyInCheck: {maxRequestBytes: 65536, allowPartialMessage: false, packAsBytes: true}, headersToUpstreamOnAllow: [x-user, authorization, 'remote-*'], headersToDownstreamOnDeny: [set-cookie], headersToDownstreamOnAllow: [set-cookie], clearRouteCache: true",
      ),
    ).toEqual([]);
    expect(of("[{name: a, envoyExtAuthzHttp: {service: shop/authz.example.com, port: '8000', timeout: 1s}}]")).toEqual(
      [],
    );
  });

  it.each([
    [
      "one without a name",
      "[{envoyExtAuthzHttp: {service: a.b, port: 1, timeout: 1s}}]",
      "Required spec.extensionProviders[0].name",
    ],
    ["one that is nothing", "[{name: a}]", "Required spec.extensionProviders[0]"],
    [
      "gRPC",
      "[{name: a, envoyExtAuthzGrpc: {service: a.b, port: 1}}]",
      "NotSupported spec.extensionProviders[0].envoyExtAuthzGrpc",
    ],
    ["traces", "[{name: a, zipkin: {}}]", "NotSupported spec.extensionProviders[0].zipkin"],
    ["logs by gRPC", "[{name: a, envoyHttpAls: {}}]", "NotSupported spec.extensionProviders[0].envoyHttpAls"],
  ])("refuse %s", (_, providers, error) => {
    expect(of(providers).filter((line) => line.startsWith("error"))).toContain(`error ${error}`);
  });

  it("refuse a name twice", () => {
    const one = "{name: a, envoyExtAuthzHttp: {service: a.b, port: 1, timeout: 1s}}";
    expect(of(`[${one}, ${one}]`)).toEqual(["error Duplicate spec.extensionProviders[1].name"]);
  });

  it.each([
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "https://authz.example.com/",
    "https://issuer.test@169.254.169.254/",
    "https://issuer.test:22/",
    "data:application/json,{}",
    "127.0.0.1",
    "::1",
    "[::1]",
    "0.0.0.0",
    "localhost",
    "localhost.",
    "2130706433",
    "0x7f.1",
    "10.0.0.1",
    "169.254.169.254",
    "metadata.google.internal",
    "127\u30020\u30020\u30021",
    "a b",
    "A_B.example.com",
    "ns.a/host.example.com",
    "a/b/c.example.com",
    "authz.example.com:80",
  ])("refuse %s as a service (R20)", (service) => {
    expect(of(`[{name: a, envoyExtAuthzHttp: {service: ${JSON.stringify(service)}, port: 80, timeout: 1s}}]`)).toEqual([
      `error Invalid ${place("service")}`,
    ]);
  });

  it.each([
    ["pathPrefix: check", "Invalid", "pathPrefix"],
    ["pathPrefix: /a/../b", "Invalid", "pathPrefix"],
    ["pathPrefix: '/a?b='", "Invalid", "pathPrefix"],
    ["pathPrefix: '//evil%2f'", "Invalid", "pathPrefix"],
    ["statusOnError: '200'", "Invalid", "statusOnError"],
    ["statusOnError: 600", "Invalid", "statusOnError"],
    ["includeRequestHeadersInCheck: ['*']", "Invalid", "includeRequestHeadersInCheck[0]"],
    ["headersToUpstreamOnAllow: [host]", "Invalid", "headersToUpstreamOnAllow[0]"],
    ["headersToUpstreamOnAllow: [X-Forwarded-For]", "Invalid", "headersToUpstreamOnAllow[0]"],
    ["headersToUpstreamOnAllow: [x-tulle-assertion]", "Invalid", "headersToUpstreamOnAllow[0]"],
    ["headersToUpstreamOnAllow: [content-length]", "Invalid", "headersToUpstreamOnAllow[0]"],
    ["includeAdditionalHeadersInCheck: {Host: a}", "Invalid", "includeAdditionalHeadersInCheck.Host"],
    ["includeAdditionalHeadersInCheck: {a: '%'}", "Invalid", "includeAdditionalHeadersInCheck.a"],
    ["includeAdditionalHeadersInCheck: {a: '%RESPONSE_CODE%'}", "Invalid", "includeAdditionalHeadersInCheck.a"],
    ['includeAdditionalHeadersInCheck: {a: "b\\r\\nc: d"}', "Invalid", "includeAdditionalHeadersInCheck.a"],
    ["includeRequestBodyInCheck: {maxRequestBytes: 0}", "Invalid", "includeRequestBodyInCheck.maxRequestBytes"],
    ["includeRequestBodyInCheck: {maxRequestBytes: 65537}", "Invalid", "includeRequestBodyInCheck.maxRequestBytes"],
    [
      "includeRequestBodyInCheck: {maxRequestBytes: 1, allowPartialMessage: true}",
      "NotSupported",
      "includeRequestBodyInCheck.allowPartialMessage",
    ],
    ["clearRouteCache: false", "NotSupported", "clearRouteCache"],
  ])("refuse %s", (fields, reason, field) => {
    expect(http(fields)).toEqual([`error ${reason} ${place(field)}`]);
  });

  it("warn of what lets everybody in, of what may hold a request for ten minutes, and of an old name", () => {
    expect(http("failOpen: true")).toEqual([`warning Invalid ${place("failOpen")}`]);
    expect(of("[{name: a, envoyExtAuthzHttp: {service: a.b, port: 1}}]")).toEqual([
      `warning Invalid ${place("").slice(0, -1)}`,
    ]);
    expect(http("includeHeadersInCheck: [a]")).toEqual([`warning Invalid ${place("includeHeadersInCheck")}`]);
  });
});
