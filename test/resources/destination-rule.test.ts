import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

const of = (spec: string) => found("networking.istio.io/v1", "DestinationRule", spec);
const policy = (fields: string) => of(`{host: reviews, trafficPolicy: {${fields}}}`);

describe("DestinationRule", () => {
  it("takes all that is built", () => {
    const { object, findings } = parsed(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: "*.example.com"
  exportTo: ["."]
  workloadSelector: {matchLabels: {app: productpage}}
  trafficPolicy:
    loadBalancer: {simple: LEAST_REQUEST}
    connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 100, http2MaxRequests: 10}}
    outlierDetection: {consecutive5xxErrors: 7, consecutiveGatewayErrors: 3, interval: 5m, baseEjectionTime: 15m, maxEjectionPercent: 50, minHealthPercent: 0, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 4, outlierDetectionHttpErrorCodes: [429, 503]}
    tls: {mode: MUTUAL, credentialName: shop.client-cert, insecureSkipVerify: false}
    portLevelSettings: [{port: {number: 9080}, tls: {mode: DISABLE}, loadBalancer: {simple: LEAST_CONN}}]
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, tls: {mode: ISTIO_MUTUAL}}}
`);
    expect(findings).toEqual([]);
    expect(object).not.toBeNull();
  });

  it("takes what tools write of settings that are not set", () => {
    const unset = "clientCertificate: '', privateKey: '', caCertificates: '', caCrl: '', subjectAltNames: [], sni: ''";
    for (const mode of ["SIMPLE", "ISTIO_MUTUAL"]) expect(policy(`tls: {mode: ${mode}, ${unset}}`)).toEqual([]);
  });

  it.each([
    ["no host", "{}", "Required spec.host"],
    ["a bad host", "{host: a_b}", "Invalid spec.host"],
    [
      "a subset twice",
      "{host: a, subsets: [{name: v1, labels: {v: a}}, {name: v1, labels: {v: b}}]}",
      "Duplicate spec.subsets[1].name",
    ],
    [
      "a subset whose name is no label",
      "{host: a, subsets: [{name: v1.2, labels: {v: a}}]}",
      "Invalid spec.subsets[0].name",
    ],
    ["a traffic policy that says nothing", "{host: a, trafficPolicy: {}}", "Required spec.trafficPolicy"],
    [
      "a subset's traffic policy that says nothing",
      "{host: a, subsets: [{name: v1, labels: {v: a}, trafficPolicy: {}}]}",
      "Required spec.subsets[0].trafficPolicy",
    ],
    ["a subset without name", '{host: a, subsets: [{name: "", labels: {v: a}}]}', "Invalid spec.subsets[0].name"],
    ["a wildcard in a label", '{host: a, subsets: [{name: v1, labels: {v: "*"}}]}', "Invalid spec.subsets[0].labels.v"],
    [
      "clients of other namespaces beside a selector of its own",
      "{host: a, exportTo: [., bank], workloadSelector: {matchLabels: {a: b}}}",
      "Invalid spec.exportTo",
    ],
    [
      "a wildcard in the labels of clients",
      '{host: a, workloadSelector: {matchLabels: {a: "*"}}}',
      "Invalid spec.workloadSelector.matchLabels.a",
    ],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });

  it.each([
    ["an unknown balancer", "loadBalancer: {simple: FASTEST}", "NotSupported spec.trafficPolicy.loadBalancer.simple"],
    ["PASSTHROUGH", "loadBalancer: {simple: PASSTHROUGH}", "NotSupported spec.trafficPolicy.loadBalancer.simple"],
    ["an empty pool", "connectionPool: {}", "Required spec.trafficPolicy.connectionPool"],
    [
      "less than no connections",
      "connectionPool: {tcp: {maxConnections: -1}}",
      "Invalid spec.trafficPolicy.connectionPool.tcp.maxConnections",
    ],
    [
      "text for a number",
      'connectionPool: {tcp: {maxConnections: "1"}}',
      "Invalid spec.trafficPolicy.connectionPool.tcp.maxConnections",
    ],
    [
      "half a request",
      "connectionPool: {http: {http2MaxRequests: 1.5}}",
      "Invalid spec.trafficPolicy.connectionPool.http.http2MaxRequests",
    ],
    [
      "a bad value of a field without effect",
      "connectionPool: {tcp: {connectTimeout: soon}}",
      "Invalid spec.trafficPolicy.connectionPool.tcp.connectTimeout",
    ],
    [
      "a share above 100",
      "outlierDetection: {maxEjectionPercent: 101}",
      "Invalid spec.trafficPolicy.outlierDetection.maxEjectionPercent",
    ],
    [
      "a negative count",
      "outlierDetection: {consecutive5xxErrors: -1}",
      "Invalid spec.trafficPolicy.outlierDetection.consecutive5xxErrors",
    ],
    ["an interval of 0", "outlierDetection: {interval: 0s}", "Invalid spec.trafficPolicy.outlierDetection.interval"],
    [
      "local-origin failures that are not counted apart",
      "outlierDetection: {consecutiveLocalOriginFailures: 10}",
      "Invalid spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures",
    ],
    [
      "a status that is none",
      "outlierDetection: {outlierDetectionHttpErrorCodes: [99]}",
      "Invalid spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[0]",
    ],
    [
      "a status past 599",
      "outlierDetection: {outlierDetectionHttpErrorCodes: [500, 600]}",
      "Invalid spec.trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[1]",
    ],
    [
      "more than 100 %",
      "outlierDetection: {minHealthPercent: 101}",
      "Invalid spec.trafficPolicy.outlierDetection.minHealthPercent",
    ],
    ["MUTUAL without a certificate", "tls: {mode: MUTUAL}", "Required spec.trafficPolicy.tls.credentialName"],
    [
      "a certificate whose name no binding can have",
      "tls: {mode: MUTUAL, credentialName: a/b}",
      "Invalid spec.trafficPolicy.tls.credentialName",
    ],
    [
      "authorities of one's own",
      "tls: {mode: SIMPLE, credentialName: a}",
      "Invalid spec.trafficPolicy.tls.credentialName",
    ],
    [
      "a certificate without TLS",
      "tls: {mode: DISABLE, credentialName: a}",
      "Invalid spec.trafficPolicy.tls.credentialName",
    ],
    [
      "a certificate beside the mesh's own",
      "tls: {mode: ISTIO_MUTUAL, credentialName: a}",
      "Invalid spec.trafficPolicy.tls.credentialName",
    ],
    [
      "a server name beside the mesh's own",
      "tls: {mode: ISTIO_MUTUAL, sni: reviews}",
      "Invalid spec.trafficPolicy.tls.sni",
    ],
    [
      "a certificate in a file",
      "tls: {mode: SIMPLE, caCertificates: /etc/ca.pem}",
      "NotSupported spec.trafficPolicy.tls.caCertificates",
    ],
    ["another server name", "tls: {mode: SIMPLE, sni: a.com}", "NotSupported spec.trafficPolicy.tls.sni"],
    [
      "names in the certificate",
      "tls: {mode: SIMPLE, subjectAltNames: [a.com]}",
      "NotSupported spec.trafficPolicy.tls.subjectAltNames",
    ],
    [
      "no verification",
      "tls: {mode: SIMPLE, insecureSkipVerify: true}",
      "NotSupported spec.trafficPolicy.tls.insecureSkipVerify",
    ],
    [
      "a port twice",
      "portLevelSettings: [{port: {number: 80}, loadBalancer: {}}, {port: {number: 80}, loadBalancer: {}}]",
      "Duplicate spec.trafficPolicy.portLevelSettings[1].port.number",
    ],
    [
      "a port without settings",
      "portLevelSettings: [{port: {number: 80}}]",
      "Required spec.trafficPolicy.portLevelSettings[0]",
    ],
    [
      "settings without port",
      "portLevelSettings: [{tls: {mode: SIMPLE}}]",
      "Required spec.trafficPolicy.portLevelSettings[0].port",
    ],
    ["a tunnel", "tunnel: {}", "NotSupported spec.trafficPolicy.tunnel"],
    ["the PROXY protocol", "proxyProtocol: {version: V1}", "NotSupported spec.trafficPolicy.proxyProtocol"],
  ])("refuses %s in a policy", (_, fields, error) => {
    expect(policy(fields)).toEqual([`error ${error}`]);
  });

  it("takes the server name that the address has anyway", () => {
    expect(of("{host: Api.example.com, trafficPolicy: {tls: {mode: SIMPLE, sni: api.example.com}}}")).toEqual([]);
  });

  it("refuses UPGRADE with useClientProtocol", () => {
    expect(policy("connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}")).toContain(
      "error Invalid spec.trafficPolicy.connectionPool.http.useClientProtocol",
    );
  });

  it("says of what cannot work why, and of the rest that it is not supported yet", () => {
    const message = (fields: string) =>
      parsed(
        `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: {host: a, trafficPolicy: {${fields}}}}`,
      ).findings[0]?.message;
    expect(message("tls: {mode: SIMPLE, privateKey: a}")).toMatch(/^cannot work here: there is no file system/);
    expect(message("loadBalancer: {zoneAwareLbSetting: {}}")).toMatch(/not supported yet|cannot work here/);
    expect(message("loadBalancer: {simple: PASSTHROUGH}")).toMatch(/^`PASSTHROUGH`: cannot work here/);
  });

  it("reads TLS without a mode as DISABLE, and says so", () => {
    expect(policy("tls: {}")).toEqual(["warning Invalid spec.trafficPolicy.tls.mode"]);
    expect(policy("tls: {credentialName: a}")).toEqual([
      "warning Invalid spec.trafficPolicy.tls.mode",
      "error Invalid spec.trafficPolicy.tls.credentialName",
    ]);
  });

  it("takes an empty list of ports' settings for none", () => {
    expect(policy("portLevelSettings: [], loadBalancer: {simple: RANDOM}")).toEqual([]);
    expect(policy("portLevelSettings: []")).toEqual(["error Required spec.trafficPolicy"]);
  });

  it.each([
    ["tcp: {connectTimeout: 1s}", "tcp.connectTimeout"],
    ["tcp: {tcpKeepalive: {probes: 3, time: 7200s, interval: 75s}}", "tcp.tcpKeepalive"],
    ["tcp: {maxConnectionDuration: 1h}", "tcp.maxConnectionDuration"],
    ["tcp: {idleTimeout: 0s}", "tcp.idleTimeout"],
    ["http: {maxRequestsPerConnection: 2}", "http.maxRequestsPerConnection"],
    ["http: {idleTimeout: 1h}", "http.idleTimeout"],
    ["http: {maxConcurrentStreams: 10}", "http.maxConcurrentStreams"],
    ["http: {http2KeepAlive: {interval: 1s, timeout: 1s}}", "http.http2KeepAlive"],
    ["http: {h2UpgradePolicy: UPGRADE}", "http.h2UpgradePolicy"],
    ["http: {useClientProtocol: true}", "http.useClientProtocol"],
  ])("stores %s with a warning, wherever it stands", (pool, field) => {
    const settings = `connectionPool: {${pool}}`;
    expect(policy(settings)).toEqual([`warning Invalid spec.trafficPolicy.connectionPool.${field}`]);
    expect(policy(`portLevelSettings: [{port: {number: 80}, ${settings}}]`)).toEqual([
      `warning Invalid spec.trafficPolicy.portLevelSettings[0].connectionPool.${field}`,
    ]);
    expect(of(`{host: a, subsets: [{name: v1, labels: {v: a}, trafficPolicy: {${settings}}}]}`)).toEqual([
      `warning Invalid spec.subsets[0].trafficPolicy.connectionPool.${field}`,
    ]);
  });

  it("is silent where such a field asks for what happens anyway", () => {
    expect(
      policy(
        "connectionPool: {http: {h2UpgradePolicy: DEFAULT, useClientProtocol: false, maxRequestsPerConnection: 0}}",
      ),
    ).toEqual([]);
  });

  it("reads consecutiveErrors, with a warning that says what becomes of it", () => {
    const message = (fields: string) =>
      parsed(
        `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: a}, spec: {host: a, trafficPolicy: {outlierDetection: {${fields}}}}}`,
      ).findings;
    expect(message("consecutiveErrors: 5")).toMatchObject([
      {
        severity: "warning",
        field: "spec.trafficPolicy.outlierDetection.consecutiveErrors",
        message: expect.stringContaining("read as"),
      },
    ]);
    expect(message("consecutiveErrors: 5, consecutive5xxErrors: 7")).toMatchObject([
      { severity: "warning", message: expect.stringContaining("not used") },
    ]);
  });

  it.each(["tcp: {maxConnections: 0}", "http: {http1MaxPendingRequests: 0}", "http: {http2MaxRequests: 0}"])(
    "takes %s for no limit, with a warning",
    (pool) => {
      const [, block, name] = /^(\w+): \{(\w+)/.exec(pool) ?? [];
      expect(policy(`connectionPool: {${pool}}`)).toEqual([
        `warning Invalid spec.trafficPolicy.connectionPool.${block}.${name}`,
      ]);
    },
  );

  it.each([
    [
      "gateway errors that are never reached",
      "{host: a, trafficPolicy: {outlierDetection: {consecutiveGatewayErrors: 5}}}",
      "spec.trafficPolicy.outlierDetection.consecutiveGatewayErrors",
    ],
    [
      "gateway errors that are no errors",
      "{host: a, trafficPolicy: {outlierDetection: {consecutiveGatewayErrors: 2, splitExternalLocalOriginErrors: true, outlierDetectionHttpErrorCodes: [500, 505]}}}",
      "spec.trafficPolicy.outlierDetection.consecutiveGatewayErrors",
    ],
    [
      "thresholds that are all 0",
      "{host: a, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 0}}}",
      "spec.trafficPolicy.outlierDetection",
    ],
    [
      "answers that never eject",
      "{host: a, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 0, splitExternalLocalOriginErrors: true}}}",
      "spec.trafficPolicy.outlierDetection",
    ],
    [
      "ejections that are all disregarded",
      "{host: a, trafficPolicy: {outlierDetection: {minHealthPercent: 100}}}",
      "spec.trafficPolicy.outlierDetection.minHealthPercent",
    ],
    ["a subset without labels", "{host: a, subsets: [{name: all}]}", "spec.subsets[0].labels"],
  ])("warns of %s", (_, spec, field) => {
    expect(of(spec)).toEqual([`warning Invalid ${field}`]);
  });
});
