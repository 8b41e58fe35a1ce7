import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const of = (spec: string) => found("networking.istio.io/v1", "Sidecar", spec);
const egress = (entry: string) => of(`{egress: [{${entry}}]}`);
const ingress = (fields: string) => of(`{ingress: [{port: {number: 80, name: http}, ${fields}}]}`);
const port = (fields: string) => egress(`port: {${fields}}, hosts: ["*/*"]`);
const outbound = (fields: string) => of(`{outboundTrafficPolicy: {${fields}}}`);

describe("Sidecar", () => {
  it.each([
    ["callers by label", "{workloadSelector: {labels: {app: web}}, egress: [{hosts: [./*]}]}"],
    [
      "hosts of all sorts",
      '{egress: [{hosts: ["*/a.com", ./b.com, "shop/*.c.com", "shop/d.com", "~shop/e.com", "~*/f.com", "~./g.com"]}]}',
    ],
    ["nothing to see", '{egress: [{hosts: ["~/*"]}]}'],
    [
      "hosts of one port, and then others",
      '{egress: [{port: {number: 80, protocol: http, name: http}, captureMode: DEFAULT, hosts: [a/b.com]}, {hosts: ["*/*"]}]}',
    ],
    [
      "limits of a workload and of its ports",
      "{inboundConnectionPool: {http: {http2MaxRequests: 9}}, ingress: [{port: {number: 80, name: a, protocol: http}, defaultEndpoint: '127.0.0.1:80', captureMode: DEFAULT, connectionPool: {tcp: {maxConnections: 5}}}, {port: {number: 81, name: b}, defaultEndpoint: '[::1]:81'}]}",
    ],
    [
      "ports without name",
      '{ingress: [{port: {number: 80}}], egress: [{port: {number: 81, name: ""}, hosts: [a/b.com]}, {hosts: ["*/*"]}]}',
    ],
    ["a listener's port alone", "{ingress: [{port: {number: 80}, defaultEndpoint: ':80'}]}"],
    ["a policy for other hosts", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"],
  ])("takes %s", (_, spec) => {
    expect(of(spec)).toEqual([]);
  });

  it("takes a policy for other hosts without a mode, which blocks, and says so", () => {
    expect(outbound("")).toEqual(["warning Invalid spec.outboundTrafficPolicy"]);
    expect(outbound("mode: ALLOW_ANY")).toEqual([]);
    expect(found("tulle.dev/v1alpha1", "MeshConfig", "{outboundTrafficPolicy: {}}")).toContain(
      "warning Invalid spec.outboundTrafficPolicy",
    );
  });

  it.each([
    ["", "Invalid spec.egress[0].hosts[0]"],
    ["*", "Invalid spec.egress[0].hosts[0]"],
    ["/", "Invalid spec.egress[0].hosts[0]"],
    ["a.com", "Invalid spec.egress[0].hosts[0]"],
    ["a/b/c", "Invalid spec.egress[0].hosts[0]"],
    ["a/", "Invalid spec.egress[0].hosts[0]"],
    ["/a.com", "Invalid spec.egress[0].hosts[0]"],
    ["a/*b.com", "Invalid spec.egress[0].hosts[0]"],
    ["a/b.*", "Invalid spec.egress[0].hosts[0]"],
    ["a/b.com:80", "Invalid spec.egress[0].hosts[0]"],
    ["A_b/*", "Invalid spec.egress[0].hosts[0]"],
    ["~A_b/*", "Invalid spec.egress[0].hosts[0]"],
    ["~/a.com", "Invalid spec.egress[0].hosts[0]"],
    ["~~a/*", "Invalid spec.egress[0].hosts[0]"],
  ])("refuses to import `%s`", (host, error) => {
    expect(egress(`hosts: ["${host}"]`)).toEqual([`error ${error}`]);
  });

  it.each([
    ["no hosts", egress("hosts: []"), "Invalid spec.egress[0].hosts"],
    ["an empty list", of("{egress: []}"), "Invalid spec.egress"],
    ["nothing", of("{}"), "Required spec"],
    ["callers alone", of("{workloadSelector: {labels: {app: web}}}"), "Required spec"],
    ["a port's name with a dot", port("number: 80, name: a.b"), "Invalid spec.egress[0].port.name"],
    ["MySQL", port("name: a, protocol: MySQL, number: 3306"), "NotSupported spec.egress[0].port.protocol"],
    ["a port without number", port("name: a, protocol: HTTP"), "Required spec.egress[0].port.number"],
    ["a port that is none", port("name: a, protocol: HTTP, number: 65536"), "Invalid spec.egress[0].port.number"],
    ["a socket", port("name: a, protocol: HTTP, number: 0"), "NotSupported spec.egress[0].port.number"],
    ["an unknown protocol", port("name: a, protocol: HTTP1, number: 80"), "NotSupported spec.egress[0].port.protocol"],
    ["TCP", port("name: a, protocol: TCP, number: 80"), "NotSupported spec.egress[0].port.protocol"],
    ["a target port", port("name: a, number: 80, targetPort: 81"), "NotSupported spec.egress[0].port.targetPort"],
    [
      "a port twice",
      of(
        "{egress: [{port: {number: 80, name: a}, hosts: [a/b.com]}, {port: {number: 80, name: b}, hosts: [a/c.com]}]}",
      ),
      "Duplicate spec.egress[1].port.number",
    ],
    [
      "hosts of all ports before others",
      of("{egress: [{hosts: [a/b.com]}, {port: {number: 80, name: b}, hosts: [a/c.com]}]}"),
      "Invalid spec.egress[0]",
    ],
    ["an address to listen at", egress('bind: 127.0.0.1, hosts: ["*/*"]'), "NotSupported spec.egress[0].bind"],
    ["capture", egress('captureMode: IPTABLES, hosts: ["*/*"]'), "NotSupported spec.egress[0].captureMode"],
    [
      "a listener's name with a blank",
      of("{ingress: [{port: {number: 80, name: a b}}]}"),
      "Invalid spec.ingress[0].port.name",
    ],
    ["a listener without port", of("{ingress: [{defaultEndpoint: 127.0.0.1:80}]}"), "Required spec.ingress[0].port"],
    ["a listener's address", ingress("bind: 127.0.0.1"), "NotSupported spec.ingress[0].bind"],
    ["a listener's TLS", ingress("tls: {mode: SIMPLE}"), "NotSupported spec.ingress[0].tls"],
    [
      "another port behind a listener",
      ingress("defaultEndpoint: 127.0.0.1:81"),
      "NotSupported spec.ingress[0].defaultEndpoint",
    ],
    ["another machine behind it", ingress("defaultEndpoint: 10.0.0.1:80"), "Invalid spec.ingress[0].defaultEndpoint"],
    ["a socket behind it", ingress("defaultEndpoint: 'unix:///a'"), "NotSupported spec.ingress[0].defaultEndpoint"],
    ["a hidden socket", ingress("defaultEndpoint: 'unix://@a'"), "NotSupported spec.ingress[0].defaultEndpoint"],
    ["a folder behind it", ingress("defaultEndpoint: 'unix:///a/'"), "Invalid spec.ingress[0].defaultEndpoint"],
    ["the port 0 behind it", ingress("defaultEndpoint: '127.0.0.1:0'"), "Invalid spec.ingress[0].defaultEndpoint"],
    ["a port above all", ingress("defaultEndpoint: '[::]:65536'"), "Invalid spec.ingress[0].defaultEndpoint"],
    ["no limits of a listener", ingress("connectionPool: {}"), "Required spec.ingress[0].connectionPool"],
    [
      "a listener twice",
      of("{ingress: [{port: {number: 80, name: a}}, {port: {number: 80, name: b}}]}"),
      "Duplicate spec.ingress[1].port.number",
    ],
    ["no limits of the workload", of("{inboundConnectionPool: {}}"), "Required spec.inboundConnectionPool"],
    ["a wildcard label", of('{workloadSelector: {labels: {app: "*"}}}'), "Invalid spec.workloadSelector.labels.app"],
    ["an unknown mode", outbound("mode: SOME"), "NotSupported spec.outboundTrafficPolicy.mode"],
    ["the mesh's mode", outbound("mode: ALLOW_ANY_DYNAMIC_DNS"), "NotSupported spec.outboundTrafficPolicy.mode"],
    ["an unknown field", of("{egres: []}"), "Invalid spec.egres"],
  ])("refuses %s", (_, findings, error) => {
    expect(findings).toEqual([`error ${error}`]);
  });

  it.each([
    ["a selector without labels", of("{workloadSelector: {}, egress: [{hosts: [./*]}]}"), "spec.workloadSelector"],
    ["a host twice", egress("hosts: [./b.com, shop/b.com]"), "spec.egress[0].hosts[1]"],
    ["a host that all imports hold", egress('hosts: ["*/*", a/b.com]'), "spec.egress[0].hosts[1]"],
    ["a host that its namespace's hold", egress("hosts: [a/b.com, a/*]"), "spec.egress[0].hosts[0]"],
    ["a host of its own namespace, by name", egress("hosts: [./*, shop/b.com]"), "spec.egress[0].hosts[1]"],
    [
      "a queue that there is not",
      ingress("connectionPool: {http: {http1MaxPendingRequests: 5}}"),
      "spec.ingress[0].connectionPool.http.http1MaxPendingRequests",
    ],
    [
      "retries in front of a workload",
      of("{inboundConnectionPool: {http: {maxRetries: 5}}}"),
      "spec.inboundConnectionPool.http.maxRetries",
    ],
    [
      "a listener for TCP",
      of("{ingress: [{port: {number: 80, name: a, protocol: tcp}}]}"),
      "spec.ingress[0].port.protocol",
    ],
    ["a short name", egress("hosts: [./reviews]"), "spec.egress[0].hosts[0]"],
    ["nothing beside something", egress('hosts: ["~/*", a/b.com]'), "spec.egress[0].hosts[0]"],
  ])("warns of %s", (_, findings, field) => {
    expect(findings).toEqual([`warning Invalid ${field}`]);
  });
});
