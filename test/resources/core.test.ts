import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

describe("Service", () => {
  const of = (spec: string) => found("v1", "Service", spec);

  it.each([
    ["a port", "{ports: [{port: 80}]}"],
    [
      "named ports",
      "{type: ClusterIP, selector: {app: a}, ports: [{name: http, port: 80, targetPort: web, nodePort: 30000}, {name: admin, port: 81, targetPort: 8081, protocol: TCP}], sessionAffinity: None}",
    ],
    ["null for what is absent", "{ports: [{port: 80}], selector: null}"],
  ])("takes %s", (_, spec) => {
    expect(of(spec)).toEqual([]);
  });

  it.each([
    ["no port", "{selector: {app: a}}", "Required spec.ports"],
    ["port 0", "{ports: [{port: 0}]}", "Invalid spec.ports[0].port"],
    ["a port without number", "{ports: [{name: http}]}", "Required spec.ports[0].port"],
    ["several ports without name", "{ports: [{port: 80, name: a}, {port: 81}]}", "Required spec.ports[1].name"],
    ["a name twice", "{ports: [{port: 80, name: a}, {port: 81, name: a}]}", "Duplicate spec.ports[1].name"],
    ["a port twice", "{ports: [{port: 80, name: a}, {port: 80, name: b}]}", "Duplicate spec.ports[1].port"],
    ["an unknown type", "{type: Internal, ports: [{port: 80}]}", "NotSupported spec.type"],
    ["a bad selector", "{ports: [{port: 80}], selector: {app: '*'}}", "Invalid spec.selector.app"],
    ["a bad target port", "{ports: [{port: 80, targetPort: 0}]}", "Invalid spec.ports[0].targetPort"],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });

  it("warns of what is stored and not served", () => {
    expect(of("{type: ExternalName, externalName: a.com}")).toEqual(["warning Invalid spec.type"]);
    expect(of("{ports: [{port: 53, protocol: UDP}]}")).toEqual(["warning Invalid spec.ports[0].protocol"]);
  });
});

describe("Pod", () => {
  it("is read for its service account", () => {
    expect(found("v1", "Pod", "{serviceAccountName: reviews}")).toEqual([]);
    expect(found("v1", "Pod", "{serviceAccountName: A B}")).toEqual(["error Invalid spec.serviceAccountName"]);
  });
});

describe("EndpointSlice", () => {
  const of = (fields: string, labels = "{kubernetes.io/service-name: a}") =>
    parsed(
      `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a, labels: ${labels}}, ${fields}}`,
    ).findings.map(({ severity, field }) => `${severity} ${field}`);

  it.each([
    [
      "addresses",
      "addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}, targetRef: {kind: Pod, name: a}}], ports: [{name: '', port: 80, protocol: TCP}]",
    ],
    ["names", "addressType: FQDN, endpoints: [{addresses: [db.corp.internal]}]"],
    ["no endpoints", "addressType: IPv6, endpoints: null, ports: null"],
  ])("takes %s", (_, fields) => {
    expect(of(fields)).toEqual([]);
  });

  it.each([
    ["no type", "endpoints: []", "addressType"],
    ["an unknown type", "addressType: IPv5", "addressType"],
    ["no address", "addressType: IPv4, endpoints: [{addresses: []}]", "endpoints[0].addresses"],
    [
      "an address of another type",
      "addressType: IPv4, endpoints: [{addresses: ['fd12::1']}]",
      "endpoints[0].addresses[0]",
    ],
    [
      "the metadata service",
      "addressType: IPv4, endpoints: [{addresses: [10.0.0.1, 169.254.169.254]}]",
      "endpoints[0].addresses[1]",
    ],
    ["loopback", "addressType: IPv4, endpoints: [{addresses: [127.0.0.1]}]", "endpoints[0].addresses[0]"],
    ["a bad port", "addressType: IPv4, ports: [{port: 70000}]", "ports[0].port"],
    [
      "text for a condition",
      "addressType: IPv4, endpoints: [{addresses: [10.0.0.1], conditions: {ready: 'yes'}}]",
      "endpoints[0].conditions.ready",
    ],
  ])("refuses %s", (_, fields, field) => {
    expect(of(fields)).toEqual([`error ${field}`]);
  });

  it("warns of a slice that belongs to no service", () => {
    expect(of("addressType: IPv4", "{}")).toEqual(["warning metadata.labels"]);
  });
});
