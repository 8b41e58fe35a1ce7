import { describe, expect, it } from "vitest";
import { parsed } from "./parsed.ts";

function said(spec: string): readonly string[] {
  const { findings } = parsed(
    `{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: a, namespace: b}, spec: ${spec}}`,
  );
  return findings.map(({ severity, field, message }) => `${severity} ${field}: ${message}`);
}

describe("Telemetry", () => {
  it("is taken with all that works", () => {
    expect(
      said(
        "{selector: {matchLabels: {a: b}}, tracing: [{match: {mode: SERVER}, providers: [{name: otel}], randomSamplingPercentage: 0.01, customTags: {a: {literal: {value: b}}}}], metrics: [{providers: [{name: prometheus}], overrides: [{match: {customMetric: istio_requests_total}, tagOverrides: {a: {value: request.host}}}]}], accessLogging: [{disabled: true}]}",
      ),
    ).toEqual([]);
  });

  it.each([
    ["{tracing: [{customTags: {a: {environment: {name: FOO}}}}]}", "customTags.a.environment", "cannot work here"],
    ["{tracing: [{customTags: {a: {formatter: {value: '%REQ(COOKIE)%'}}}}]}", "customTags.a.formatter.value", "secret"],
    ["{tracing: [{customTags: {a: {header: {name: Authorization}}}}]}", "header.name", "secret"],
    ["{tracing: [{customTags: {a: {}}}]}", "customTags.a", "`literal`, `header` and `formatter`"],
    ["{tracing: [{randomSamplingPercentage: 101}]}", "randomSamplingPercentage", "at most 100"],
    ["{metrics: [{overrides: [{match: {customMetric: mine}}]}]}", "customMetric", "`requests_total`"],
    ["{metrics: [{overrides: [{match: {metric: REQUEST_COUNT, customMetric: requests_total}}]}]}", "match", "one of"],
    ["{metrics: [{overrides: [{tagOverrides: {le: {value: request.host}}}]}]}", "tagOverrides.le", "cannot be changed"],
    [
      "{metrics: [{overrides: [{tagOverrides: {source_principal: {value: request.host}}}]}]}",
      "source_principal",
      "who may see",
    ],
    [
      "{metrics: [{overrides: [{tagOverrides: {request_protocol: {value: '\"a\" + request.id'}}}]}]}",
      "request_protocol.value",
      "a name of its own",
    ],
    ["{metrics: [{overrides: [{tagOverrides: {a: {value: 'request.headers[\"cookie\"]'}}}]}]}", "a.value", "secret"],
    ["{tracing: [{customTags: {a: {header: {name: Referer}}}}]}", "header.name", "values of a query"],
    ...['response.headers["location"]', 'request.headers["Referer"]'].map((value) => [
      `{metrics: [{overrides: [{tagOverrides: {a: {value: '${value}'}}}]}]}`,
      "a.value",
      "values of a query",
    ]),
    ...["response.code_details", "xds.route_name"].map((value) => [
      `{metrics: [{overrides: [{tagOverrides: {a: {value: ${value}}}}]}]}`,
      "a.value",
      "callers would see it",
    ]),
    [
      "{metrics: [{overrides: [{tagOverrides: {a_b: {value: request.host}, a-b: {value: request.method}}}]}]}",
      "tagOverrides[a-b]",
      "of the label `a_b`, too",
    ],
    ["{accessLogging: [{filter: {expression: 'response.code'}}]}", "filter.expression", "true or false"],
    ["{accessLogging: [{filter: {}}]}", "filter.expression", "is required"],
    ["{targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: a}}", "targetRef.kind", "not supported yet"],
  ])("refuses %s", (spec = "", field = "", why = "") => {
    const [message = "", ...others] = said(spec);
    expect(others).toEqual([]);
    expect(message).toMatch(/^error /);
    expect(message).toContain(`${field}: `);
    expect(message).toContain(why);
  });

  it.each([
    ["{metrics: [{reportingInterval: 5s}]}", "reportingInterval"],
    ["{metrics: [{overrides: [{match: {metric: TCP_SENT_BYTES}, disabled: true}]}]}", "match.metric"],
    ["{metrics: [{overrides: [{tagOverrides: {my-tag: {value: request.host}}}]}]}", "my-tag"],
    ["{metrics: [{overrides: [{tagOverrides: {a: {value: nobody}}}]}]}", "a.value"],
    ["{tracing: [{useRequestIdForTraceSampling: true}]}", "useRequestIdForTraceSampling"],
    ["{tracing: [{providers: [{name: a}, {name: b}]}]}", "providers"],
    ["{tracing: [{}, {}]}", "tracing"],
    ["{selector: {}}", "selector"],
  ])("warns of %s", (spec, field) => {
    const [message = "", ...others] = said(spec);
    expect(others).toEqual([]);
    expect(message).toMatch(/^warning /);
    expect(message).toContain(field);
  });
});

function format(text: string): readonly string[] {
  const { findings } = parsed(
    `{apiVersion: tulle.dev/v1alpha1, kind: MeshConfig, metadata: {name: default, namespace: istio-system}, spec: {extensionProviders: [{name: a, envoyFileAccessLog: {logFormat: {text: ${JSON.stringify(text)}}}}]}}`,
  );
  return findings.map(({ severity, message }) => `${severity}: ${message}`);
}

describe("a format of the log", () => {
  it("takes Istio's own text, and tells what of it nobody knows", () => {
    expect(format("%START_TIME(%Y-%m-%d)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %RESP(X-A):10% %% %DURATION%\n")).toEqual(
      [],
    );
    expect(format("%PROTOCOL% %REQUESTED_SERVER_NAME%")).toEqual([
      "warning: `%PROTOCOL%`, `%REQUESTED_SERVER_NAME%`: not known on this platform; reads `-`",
    ]);
  });

  it.each([
    ["%REQ(AUTHORIZATION)%", "secret"],
    ["%REQ(X?cookie)%", "secret"],
    ["%RESP(Set-Cookie)%", "secret"],
    ["%QUERY_PARAMS(ORIG)%", "values of a query"],
    ["%REQ(:status)%", ":method"],
    ["%RESP(:path)%", ":method"],
    ["%REQ(a?b?c)%", "one header, or two"],
    ["%START_TIME(%q)%", "not every field"],
    ["%NOTHING%", "no operator"],
    ["%ENVIRONMENT(HOME)%", "cannot work here"],
    ["100 % of it", "a lone `%`"],
    ["a\nb", "one line of ASCII"],
    ["\u00e9", "one line of ASCII"],
  ])("refuses %s", (text, why) => {
    expect(format(text)).toEqual([expect.stringContaining(why)]);
    expect(format(text)[0]).toMatch(/^error/);
  });
});

function mesh(spec: string): readonly string[] {
  const { findings } = parsed(
    `{apiVersion: tulle.dev/v1alpha1, kind: MeshConfig, metadata: {name: default, namespace: istio-system}, spec: ${spec}}`,
  );
  return findings.map(({ severity, field }) => `${severity} ${field}`);
}

describe("the mesh's log and metrics", () => {
  it.each([
    ["{accessLogFile: /var/log/envoy.log}", "accessLogFile"],
    ["{accessLogEncoding: JSON, accessLogFormat: '%DURATION%'}", "accessLogFormat"],
    ["{accessLogFormat: '%REQ(COOKIE)%'}", "accessLogFormat"],
    ["{defaultProviders: {accessLogging: [otel]}}", "defaultProviders.accessLogging[0]"],
    ["{defaultProviders: {metrics: [envoy]}}", "defaultProviders.metrics[0]"],
    [
      "{extensionProviders: [{name: a, envoyFileAccessLog: {path: /tmp/a}}]}",
      "extensionProviders[0].envoyFileAccessLog.path",
    ],
    [
      "{extensionProviders: [{name: a, envoyFileAccessLog: {logFormat: {}}}]}",
      "extensionProviders[0].envoyFileAccessLog.logFormat",
    ],
    ["{extensionProviders: [{name: a, prometheus: {}, envoyFileAccessLog: {}}]}", "extensionProviders[0]"],
    [
      "{extensionProviders: [{name: a, envoyOtelAls: {service: 10.0.0.1, port: 4318}}]}",
      "extensionProviders[0].envoyOtelAls.service",
    ],
    [
      "{extensionProviders: [{name: a, envoyOtelAls: {service: otel.a, port: 4318, logFormat: {labels: {a: '%REQ(COOKIE)%'}}}}]}",
      "extensionProviders[0].envoyOtelAls.logFormat.labels.a",
    ],
    [
      "{extensionProviders: [{name: a, envoyOtelAls: {service: otel.a, port: 4318, logFormat: {text: '100 %'}}}]}",
      "extensionProviders[0].envoyOtelAls.logFormat.text",
    ],
    ["{extensionProviders: [{name: a, envoyHttpAls: {service: a, port: 1}}]}", "extensionProviders[0].envoyHttpAls"],
  ])("refuse %s", (spec, field) => {
    expect(mesh(spec)).toEqual([`error spec.${field}`]);
  });

  it("go to an OpenTelemetry collector by HTTP: what is no port of it is warned of", () => {
    const to = (port: number) =>
      mesh(
        `{defaultProviders: {accessLogging: [a]}, extensionProviders: [{name: a, envoyOtelAls: {service: otel.a, port: ${port}, logName: shop, logFormat: {text: '%DURATION%', labels: {code: '%RESPONSE_CODE%'}}}}]}`,
      );
    expect(to(4_318)).toEqual([]);
    expect(to(4_317)).toEqual(["warning spec.extensionProviders[0].envoyOtelAls.port"]);
  });

  it("are Istio's own by their names", () => {
    expect(
      mesh("{defaultProviders: {accessLogging: [envoy], metrics: [prometheus]}, accessLogFile: /dev/stdout}"),
    ).toEqual([]);
  });
});
