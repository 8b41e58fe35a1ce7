import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const of = (spec: string, options = { local: false }) => found("networking.istio.io/v1", "ServiceEntry", spec, options);
const ports = "ports: [{number: 443, name: https, protocol: HTTPS}]";
const at = (fields: string) => `{hosts: [api.example.com], ${ports}, ${fields}}`;
const dynamic = (fields: string) => `{hosts: ["*.example.com"], ${ports}, resolution: DYNAMIC_DNS, ${fields}}`;

describe("ServiceEntry", () => {
  it.each([
    ["a host that nobody sees", at('resolution: DNS, exportTo: ["~"]')],
    ["a host outside", at("resolution: DNS, location: MESH_EXTERNAL, exportTo: [.]")],
    [
      "endpoints",
      at(
        "resolution: STATIC, location: MESH_INTERNAL, endpoints: [{address: 10.0.0.1, ports: {https: 8443}, labels: {a: b}, weight: 2}, {address: 'binding:EP_API'}]",
      ),
    ],
    ["a selector", at("resolution: STATIC, workloadSelector: {labels: {app: api}}")],
    [
      "a port of the workload",
      "{hosts: [a.com], resolution: STATIC, endpoints: [{address: 10.0.0.1}], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}, {number: 81, name: Other-1, protocol: http2}]}",
    ],
    [
      "a wildcard with endpoints",
      `{hosts: ["*.example.com"], ${ports}, resolution: DNS, endpoints: [{address: "https://a.example.com"}]}`,
    ],
    ["no resolution, which is NONE", `{hosts: ["*.example.com"], ${ports}}`],
    ["DYNAMIC_DNS", `{hosts: ["*.a.com", "*.b.com"], ${ports}, resolution: DYNAMIC_DNS, location: MESH_EXTERNAL}`],
    ["a name of an endpoint that is looked up", at("resolution: DNS, endpoints: [{address: db.corp.internal}]")],
    ["a host with a dot at its end", `{hosts: [api.example.com.], ${ports}, resolution: DNS}`],
    ["DNS_ROUND_ROBIN", at("resolution: DNS_ROUND_ROBIN, endpoints: [{address: a.com}]")],
    ["a host that nobody sees", at("resolution: DNS, exportTo: ['~']")],
    ["lists that say nothing", at("resolution: DNS, addresses: [], subjectAltNames: []")],
  ])("takes %s", (_, spec) => {
    expect(of(spec)).toEqual([]);
  });

  it.each([
    ["STATIC without endpoints", at("resolution: STATIC"), "spec.endpoints"],
    ["a selector that NONE disregards", at("workloadSelector: {labels: {a: b}}"), "spec.workloadSelector"],
    [
      "a target port that a public origin has not",
      "{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: a, protocol: HTTP, targetPort: 443}, {number: 81, name: b, protocol: HTTP, targetPort: 8443}]}",
      "spec.ports[1].targetPort",
    ],
    [
      "a port that says not what it speaks",
      "{hosts: [a.com], ports: [{number: 80, name: a}]}",
      "spec.ports[0].protocol",
    ],
    [
      "such a port of several hosts, by what they are called",
      "{hosts: [a.com, b.com], ports: [{number: 80, name: a}]}",
      "spec.ports[0].protocol",
    ],
    ["a selector without labels", at("resolution: STATIC, workloadSelector: {}"), "spec.workloadSelector"],
  ])("warns of %s", (_, spec, field) => {
    expect(of(spec)).toEqual([`warning Invalid ${field}`]);
  });

  it("warns of a star for a part of a label, and looks up none", () => {
    expect(of(`{hosts: ["*washingtonpost.com"], ${ports}}`)).toEqual(["warning Invalid spec.hosts[0]"]);
    expect(of(`{hosts: ["*-eu.example.com"], ${ports}, resolution: DNS}`)).toEqual([
      "warning Invalid spec.hosts[0]",
      "error Required spec.hosts[0]",
    ]);
  });

  it.each(["", "ports: [], "])("warns of no ports: %s", (none) => {
    expect(of(`{hosts: [a.com], ${none}resolution: DNS}`)).toEqual(["warning Invalid spec.ports"]);
  });

  it("takes an empty list of endpoints for none", () => {
    expect(of(at("resolution: DNS, endpoints: []"))).toEqual([]);
    expect(of(at("resolution: STATIC, endpoints: []"))).toEqual(["warning Invalid spec.endpoints"]);
    expect(of(at("resolution: STATIC, endpoints: [], workloadSelector: {labels: {app: api}}"))).toEqual([]);
  });

  it.each([
    [
      "a name of an endpoint that nobody looks up",
      at("resolution: STATIC, endpoints: [{address: db.corp.internal}]"),
      "Invalid spec.endpoints[0].address",
    ],
    ["an IP address for a host", `{hosts: [10.0.0.1], ${ports}, resolution: NONE}`, "Invalid spec.hosts[0]"],
    ["a host that ends in two dots", `{hosts: [a.com..], ${ports}, resolution: NONE}`, "Invalid spec.hosts[0]"],
    ["a host twice, once with a dot", `{hosts: [a.com, a.com.], ${ports}, resolution: DNS}`, "Duplicate spec.hosts[1]"],
    ["no hosts", `{${ports}, resolution: DNS}`, "Required spec.hosts"],
    ["`*`", `{hosts: ["*"], ${ports}, resolution: STATIC, endpoints: [{address: 10.0.0.1}]}`, "Invalid spec.hosts[0]"],
    [
      "hosts that overlap",
      `{hosts: ["*.a.com", b.a.com], ${ports}, resolution: STATIC, endpoints: [{address: 10.0.0.1}]}`,
      "Duplicate spec.hosts[1]",
    ],
    [
      "257 hosts",
      `{hosts: [${Array.from({ length: 257 }, (_, index) => `h${index}.com`).join(", ")}], ${ports}, resolution: DNS}`,
      "Invalid spec.hosts",
    ],
    ["a wildcard that nobody can look up", `{hosts: ["*.a.com"], ${ports}, resolution: DNS}`, "Required spec.hosts[0]"],
    [
      "several hosts of a port that says not what it speaks",
      "{hosts: [a.com, b.com], resolution: DNS, ports: [{number: 80, name: a}]}",
      "Required spec.ports[0].protocol",
    ],
    [
      "a name of a port that is none",
      "{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: a_b, protocol: HTTP}]}",
      "Invalid spec.ports[0].name",
    ],
    [
      "Redis",
      "{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: a, protocol: Redis}]}",
      "NotSupported spec.ports[0].protocol",
    ],
    [
      "a number of a port twice",
      "{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: a, protocol: HTTP}, {number: 80, name: b, protocol: HTTP}]}",
      "Duplicate spec.ports[1].number",
    ],
    [
      "a name of a port twice",
      "{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: a, protocol: HTTP}, {number: 81, name: a, protocol: HTTP}]}",
      "Duplicate spec.ports[1].name",
    ],
    [
      "TCP",
      "{hosts: [a.com], resolution: DNS, ports: [{number: 80, name: a, protocol: TCP}]}",
      "NotSupported spec.ports[0].protocol",
    ],
    ["an unknown resolution", at("resolution: SRV"), "NotSupported spec.resolution"],
    ["NONE with endpoints", at("endpoints: [{address: 10.0.0.1}]"), "Invalid spec.endpoints"],
    [
      "two endpoints of DNS_ROUND_ROBIN",
      at("resolution: DNS_ROUND_ROBIN, endpoints: [{address: a.com}, {address: b.com}]"),
      "Invalid spec.endpoints",
    ],
    [
      "a wildcard of DNS_ROUND_ROBIN that nobody can look up",
      `{hosts: ["*.a.com"], ${ports}, resolution: DNS_ROUND_ROBIN}`,
      "Required spec.hosts[0]",
    ],
    [
      "a selector with DNS_ROUND_ROBIN",
      at("resolution: DNS_ROUND_ROBIN, workloadSelector: {labels: {a: b}}"),
      "Invalid spec.workloadSelector",
    ],
    ["a selector with DYNAMIC_DNS", dynamic("workloadSelector: {labels: {a: b}}"), "Invalid spec.workloadSelector"],
    ["endpoints of DYNAMIC_DNS", dynamic("endpoints: [{address: a.com}]"), "Invalid spec.endpoints"],
    ["DYNAMIC_DNS inside the mesh", dynamic("location: MESH_INTERNAL"), "Invalid spec.location"],
    [
      "DYNAMIC_DNS of one name",
      `{hosts: ["*.example.com", a.example.net], ${ports}, resolution: DYNAMIC_DNS}`,
      "Invalid spec.hosts[1]",
    ],
    ["`~` among other scopes", at("resolution: DNS, exportTo: ['~', a]"), "Invalid spec.exportTo"],
    [
      "endpoints and a selector",
      at("resolution: STATIC, endpoints: [{address: 10.0.0.1}], workloadSelector: {labels: {a: b}}"),
      "Invalid spec.endpoints",
    ],
    [
      "a port that the service has not",
      at("resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {http: 80}}]"),
      "Invalid spec.endpoints[0].ports.http",
    ],
    [
      "an address of the metadata service",
      at("resolution: STATIC, endpoints: [{address: 169.254.169.254}]"),
      "Invalid spec.endpoints[0].address",
    ],
    ["nobody beside others", at('resolution: DNS, exportTo: ["~", "."]'), "Invalid spec.exportTo"],
    ["a bad name of a namespace", at("resolution: DNS, exportTo: [a.b]"), "Invalid spec.exportTo[0]"],
    ["virtual addresses", at("resolution: DNS, addresses: [10.0.0.1]"), "NotSupported spec.addresses"],
    ["names in the certificate", at("resolution: DNS, subjectAltNames: [a.com]"), "NotSupported spec.subjectAltNames"],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });
});

describe("WorkloadEntry", () => {
  const entry = (spec: string, options = { local: false }) =>
    found("networking.istio.io/v1", "WorkloadEntry", spec, options);

  it("takes all that is built", () => {
    expect(
      entry(
        "{address: 'binding:EP_REVIEWS_V1', ports: {http: 9080}, labels: {app: reviews}, serviceAccount: reviews, weight: 1, network: east, locality: eu/a/1}",
      ),
    ).toEqual([]);
  });

  it.each([
    ["no address", "{}", "Required spec.address"],
    ["another binding", "{address: 'binding:DB'}", "Invalid spec.address"],
    ["a Worker of a dispatch namespace", "{address: 'worker:a'}", "Invalid spec.address"],
    ["a bad port", "{address: 10.0.0.1, ports: {http: 0}}", "Invalid spec.ports.http"],
    ["a bad name of a port", "{address: 10.0.0.1, ports: {HTTP: 80}}", "Invalid spec.ports.HTTP"],
    ["a bad service account", "{address: 10.0.0.1, serviceAccount: A/B}", "Invalid spec.serviceAccount"],
    ["a negative weight", "{address: 10.0.0.1, weight: -1}", "Invalid spec.weight"],
    ["a network instead of an address", "{network: a}", "Required spec.address"],
    ["a network that cannot be a label", "{address: 10.0.0.1, network: a/b}", "Invalid spec.network"],
    ["a locality of four parts", "{address: 10.0.0.1, locality: eu/a/b/c}", "Invalid spec.locality"],
    ["a locality with an empty part", "{address: 10.0.0.1, locality: eu//b}", "Invalid spec.locality"],
    ["a Unix socket", "{address: 'unix:///a'}", "Invalid spec.address"],
  ])("refuses %s", (_, spec, error) => {
    expect(entry(spec)).toEqual([`error ${error}`]);
  });

  it("takes loopback in the local mesh only", () => {
    expect(entry("{address: 127.0.0.1}", { local: true })).toEqual([]);
    expect(entry("{address: 127.0.0.1}")).toEqual(["error Invalid spec.address"]);
  });
});
