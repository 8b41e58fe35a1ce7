import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

const of = (spec: string, options = { local: false }) => found("tulle.dev/v1alpha1", "MeshConfig", spec, options);

describe("MeshConfig", () => {
  it("takes all that is built", () => {
    expect(
      of(
        "{trustDomain: cluster.local, rootNamespace: mesh-root, pathNormalization: {normalization: MERGE_SLASHES}, pathParameters: {default: CUT, hosts: [{host: a.example.com, mode: REFUSE}]}, escapedSlashes: {default: REFUSE, hosts: [{host: '*.example.com', mode: DECODE}, {host: a.example.com, mode: KEEP}]}, alwaysEjectOneEndpoint: false, egress: {allowedHosts: [issuer.example.com, '*.example.net']}, privateRanges: [{range: 10.0.0.0/8, namespaces: [shop]}, {range: corp.internal, namespaces: ['*']}], snapshot: {maxAge: 1h}, outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}, defaultServiceExportTo: [.], defaultVirtualServiceExportTo: ['*'], defaultDestinationRuleExportTo: ['~'], serviceEntryVisibility: {applyToSidecars: true, defaultVisibility: NAMESPACE, policies: [{visibility: PUBLIC, matchingRules: [{namespaceSelector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: Exists}]}}]}]}}",
      ),
    ).toEqual([]);
    expect(of("{}")).toEqual([]);
    expect(
      of(
        "{localities: [{colo: AMS, locality: eu/nl/ams}, {country: NA, locality: af}, {continent: NA, locality: us}], localityLbSetting: {failover: [{from: eu, to: us}]}}",
      ),
    ).toEqual([]);
    expect(
      of(
        "{extensionProviders: [{name: otel, opentelemetry: {service: otel.o.svc.cluster.local, port: 4318, http: {path: /v1/traces}}}], defaultProviders: {tracing: [otel]}, defaultConfig: {tracing: {sampling: 0.5}}, tracing: {b3: SINGLE, keepErrors: true, keepSlowerThan: 0s}}",
      ),
    ).toEqual([]);
    expect(of("{enableAutoMtls: true, pathNormalization: {normalization: DEFAULT}}")).toEqual([]);
  });

  it.each([
    ["a bad trust domain", "{trustDomain: Cluster/Local}", "Invalid spec.trustDomain"],
    [
      "a default provider that is none",
      "{defaultProviders: {tracing: [otel]}}",
      "Invalid spec.defaultProviders.tracing[0]",
    ],
    [
      "Istio's older collectors",
      "{defaultConfig: {tracing: {zipkin: {}}}}",
      "NotSupported spec.defaultConfig.tracing.zipkin",
    ],
    ["more than all", "{defaultConfig: {tracing: {sampling: 101}}}", "Invalid spec.defaultConfig.tracing.sampling"],
    ["a form of B3 that is none", "{tracing: {b3: BOTH}}", "NotSupported spec.tracing.b3"],
    ["a bad root namespace", "{rootNamespace: a.b}", "Invalid spec.rootNamespace"],
    [
      "an unknown normalization",
      "{pathNormalization: {normalization: ALL}}",
      "NotSupported spec.pathNormalization.normalization",
    ],
    ["NONE", "{pathNormalization: {normalization: NONE}}", "NotSupported spec.pathNormalization.normalization"],
    ["automatic mTLS switched off", "{enableAutoMtls: false}", "NotSupported spec.enableAutoMtls"],
    ["an unknown mode of parameters", "{pathParameters: {default: KEEP}}", "NotSupported spec.pathParameters.default"],
    ["hosts of parameters that are none", "{pathParameters: {hosts: []}}", "Invalid spec.pathParameters.hosts"],
    [
      "a host of parameters twice",
      "{pathParameters: {hosts: [{host: a.com, mode: CUT}, {host: A.com, mode: REFUSE}]}}",
      "Duplicate spec.pathParameters.hosts[1].host",
    ],
    ["an unknown mode of slashes", "{escapedSlashes: {default: keep}}", "NotSupported spec.escapedSlashes.default"],
    [
      "a host of slashes twice",
      "{escapedSlashes: {hosts: [{host: a.com, mode: KEEP}, {host: A.com, mode: DECODE}]}}",
      "Duplicate spec.escapedSlashes.hosts[1].host",
    ],
    ["a URL on the egress list", "{egress: {allowedHosts: ['https://a.com']}}", "Invalid spec.egress.allowedHosts[0]"],
    ["every host on the egress list", "{egress: {allowedHosts: ['*']}}", "Invalid spec.egress.allowedHosts[0]"],
    ["an address on the egress list", "{egress: {allowedHosts: [10.0.0.1]}}", "Invalid spec.egress.allowedHosts[0]"],
    [
      "link-local addresses",
      "{privateRanges: [{range: 169.254.0.0/16, namespaces: [a]}]}",
      "Invalid spec.privateRanges[0].range",
    ],
    ["every address", "{privateRanges: [{range: 0.0.0.0/0, namespaces: [a]}]}", "Invalid spec.privateRanges[0].range"],
    [
      "the metadata service by name",
      "{privateRanges: [{range: metadata.google.internal, namespaces: [a]}]}",
      "Invalid spec.privateRanges[0].range",
    ],
    ["loopback", "{privateRanges: [{range: 127.0.0.0/8, namespaces: [a]}]}", "Invalid spec.privateRanges[0].range"],
    [
      "a range for nobody",
      "{privateRanges: [{range: 10.0.0.0/8, namespaces: []}]}",
      "Invalid spec.privateRanges[0].namespaces",
    ],
    [
      "a bad namespace",
      "{privateRanges: [{range: 10.0.0.0/8, namespaces: [a.b]}]}",
      "Invalid spec.privateRanges[0].namespaces[0]",
    ],
    ["a place without a name", "{localities: [{locality: eu}]}", "Required spec.localities[0]"],
    ["a place with two names", "{localities: [{colo: AMS, country: NL, locality: eu}]}", "Required spec.localities[0]"],
    [
      "a place twice",
      "{localities: [{colo: AMS, locality: eu}, {colo: AMS, locality: us}]}",
      "Duplicate spec.localities[1]",
    ],
    ["a place that is none", "{localities: [{colo: ams, locality: eu}]}", "Invalid spec.localities[0].colo"],
    ["an unknown continent", "{localities: [{continent: XX, locality: eu}]}", "Invalid spec.localities[0].continent"],
    ["a place without locality", "{localities: [{colo: AMS}]}", "Required spec.localities[0].locality"],
    [
      "shares that are not 100",
      "{localityLbSetting: {distribute: [{from: eu, to: {eu: 1}}]}}",
      "Invalid spec.localityLbSetting.distribute[0].to",
    ],
    ["balancing by zones", "{zoneAwareLbSetting: {enabled: true}}", "NotSupported spec.zoneAwareLbSetting"],
    ["an age of 0", "{snapshot: {maxAge: 0s}}", "Invalid spec.snapshot.maxAge"],
    ["a mode that there is not", "{mode: Sleep}", "NotSupported spec.mode"],
    ["versions of TLS", "{meshMTLS: {minProtocolVersion: TLSV1_3}}", "NotSupported spec.meshMTLS"],
    ["two sorts of scopes", "{defaultServiceExportTo: ['~', a]}", "Invalid spec.defaultServiceExportTo"],
    [
      "a visibility that nobody here has to obey",
      "{serviceEntryVisibility: {defaultVisibility: NONE}}",
      "Required spec.serviceEntryVisibility.applyToSidecars",
    ],
    [
      "an unknown visibility",
      "{serviceEntryVisibility: {applyToSidecars: true, defaultVisibility: SECRET}}",
      "NotSupported spec.serviceEntryVisibility.defaultVisibility",
    ],
    [
      "a selector of nothing",
      "{serviceEntryVisibility: {applyToSidecars: true, policies: [{visibility: NONE, matchingRules: [{namespaceSelector: {matchExpressions: [{key: a, operator: In}]}}]}]}}",
      "Required spec.serviceEntryVisibility.policies[0].matchingRules[0].namespaceSelector.matchExpressions[0].values",
    ],
    [
      "values of a selector that takes none",
      "{serviceEntryVisibility: {applyToSidecars: true, policies: [{visibility: NONE, matchingRules: [{namespaceSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}]}]}}",
      "Invalid spec.serviceEntryVisibility.policies[0].matchingRules[0].namespaceSelector.matchExpressions[0].values",
    ],
    ["an unknown mode", "{outboundTrafficPolicy: {mode: SOME}}", "NotSupported spec.outboundTrafficPolicy.mode"],
    ["TLS for hosts outside", "{outboundTrafficPolicy: {tls: {}}}", "NotSupported spec.outboundTrafficPolicy.tls"],
    ["an unknown field", "{trustDomian: a}", "Invalid spec.trustDomian"],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });

  it("takes loopback in the local mesh", () => {
    expect(
      of("{privateRanges: [{range: 127.0.0.0/8, namespaces: ['*']}], egress: {allowedHosts: [127.0.0.1]}}", {
        local: true,
      }),
    ).toEqual([]);
  });

  it("has one name", () => {
    expect(
      parsed("{apiVersion: tulle.dev/v1alpha1, kind: MeshConfig, metadata: {name: mine}, spec: {}}").findings,
    ).toMatchObject([{ severity: "error", field: "metadata.name" }]);
  });
});
