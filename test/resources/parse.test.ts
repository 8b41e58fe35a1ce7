import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KINDS } from "../../src/kinds/registry.ts";
import { apiVersionOf } from "../../src/resources/kinds.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import { found, parsed } from "./parsed.ts";
import { times } from "../support/scale.ts";

const ISTIO = "networking.istio.io/v1";
const LOCAL = { local: false };

function service(metadata: unknown) {
  return parseObject({ apiVersion: "v1", kind: "Service", metadata, spec: { ports: [{ port: 80 }] } }, LOCAL);
}

function rule(metadata: unknown) {
  return parseObject({ apiVersion: ISTIO, kind: "DestinationRule", metadata, spec: { host: "a" } }, LOCAL);
}

const errorsOf = ({ findings }: ReturnType<typeof parseObject>) =>
  findings
    .filter(({ severity }) => severity === "error")
    .map(({ reason, field }) => `${reason.slice("FieldValue".length)} ${field}`);

describe("parseObject", () => {
  it("rewrites a placeholder group to Istio's, with a warning", () => {
    const { object, findings } = parsed(
      "{apiVersion: networking.example.com/v1, kind: DestinationRule, metadata: {name: a}, spec: {host: b}}",
    );
    expect(object).toEqual({
      apiVersion: ISTIO,
      kind: "DestinationRule",
      metadata: { name: "a" },
      spec: { host: "b" },
    });
    expect(findings).toMatchObject([{ severity: "warning", field: "apiVersion" }]);
  });

  it("rewrites an older version to the stored one, in silence", () => {
    const { object, findings } = parsed(
      "{apiVersion: networking.istio.io/v1alpha3, kind: DestinationRule, metadata: {name: a}, spec: {host: b}}",
    );
    expect(object?.apiVersion).toBe(ISTIO);
    expect(findings).toEqual([]);
  });

  it("gives no object where a finding is an error", () => {
    expect(parsed(`{apiVersion: ${ISTIO}, kind: DestinationRule, metadata: {name: a}, spec: {}}`)).toMatchObject({
      object: null,
      findings: [{ severity: "error", reason: "FieldValueRequired", field: "spec.host" }],
    });
  });

  it.each([
    ["text", "x", [""]],
    ["a list", "[]", [""]],
    ["nothing but metadata", "{metadata: {name: a}}", ["apiVersion", "kind"]],
    ["a number as kind", "{apiVersion: v1, kind: 1, metadata: {name: a}}", ["kind"]],
    ["an unknown kind", "{apiVersion: v1, kind: Deployment, metadata: {name: a}}", ["kind"]],
    [
      "a homograph of a kind",
      `{apiVersion: security.istio.io/v1, kind: Authorizat\u0456onPolicy, metadata: {name: a}}`,
      ["kind"],
    ],
    ["a kind under another group", "{apiVersion: v1, kind: VirtualService, metadata: {name: a}}", ["apiVersion"]],
    [
      "a kind of Gateway API",
      "{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {name: a}}",
      ["kind"],
    ],
    [
      "a TelemetryPolicy of Gateway API",
      "{apiVersion: gateway.networking.x-k8s.io/v1alpha1, kind: TelemetryPolicy, metadata: {name: a}}",
      ["kind"],
    ],
    [
      "a kind of Istio that is not built",
      "{apiVersion: networking.istio.io/v1alpha3, kind: EnvoyFilter, metadata: {name: a}}",
      ["kind"],
    ],
    ["no metadata", "{apiVersion: v1, kind: Namespace}", ["metadata"]],
    [
      "an unknown field at the top",
      `{apiVersion: ${ISTIO}, kind: DestinationRule, metadata: {name: a}, spec: {host: a}, specs: {}}`,
      ["specs"],
    ],
  ])("refuses %s", (_, yaml, fields) => {
    const { object, findings } = parsed(yaml);
    expect(object).toBeNull();
    expect(findings.map(({ field }) => field)).toEqual(fields);
  });

  it("says that a kind is not built yet, or never can be", () => {
    const messages = ["gateway.envoyproxy.io/v1alpha1, kind: BackendTrafficPolicy", `${ISTIO}, kind: EnvoyFilter`].map(
      (kind) => parsed(`{apiVersion: ${kind}, metadata: {name: a}}`).findings[0]?.message,
    );
    expect(messages).toEqual([
      expect.stringContaining("not supported yet"),
      expect.stringContaining("cannot work here"),
    ]);
  });

  it.each([
    ["extensions.istio.io/v1alpha1", "TrafficExtension", "no Envoy"],
    ["install.istio.io/v1alpha1", "IstioOperator", "`MeshConfig`"],
    ["apps/v1", "Deployment", "`WorkloadEntry`"],
    ["batch/v1", "Job", "no containers"],
    ["networking.k8s.io/v1", "Ingress", "`Gateway`"],
    ["networking.k8s.io/v1", "NetworkPolicy", "`AuthorizationPolicy`"],
  ])("says of %s's %s what stands for it here", (apiVersion, kind, says) => {
    const { object, findings } = parsed(`{apiVersion: ${apiVersion}, kind: ${kind}, metadata: {name: a}}`);
    expect(object).toBeNull();
    expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining(says)]);
  });

  it("suggests the known name where an unknown one is close", () => {
    const message = (spec: string) =>
      parsed(`{apiVersion: ${ISTIO}, kind: DestinationRule, metadata: {name: a}, spec: {host: a, ${spec}}}`).findings[0]
        ?.message;
    expect(message("subset: []")).toContain("`subsets`");
    expect(message("trafficpolicy: {}")).toContain("`trafficPolicy`");
    expect(message("colour: red")).toBe("unknown field");
  });

  it("keeps unread fields of Kubernetes' own kinds, and refuses unknown ones of the mesh's", () => {
    const { object } = parsed(
      "{apiVersion: v1, kind: Pod, metadata: {name: a, clusterName: x, creationTimestamp: null}, spec: {serviceAccountName: b, containers: [{name: c}], tolerations: null}, status: {phase: Running}, other: 1}",
    );
    expect(object).toEqual({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a", clusterName: "x" },
      spec: { serviceAccountName: "b", containers: [{ name: "c" }] },
      status: { phase: "Running" },
      other: 1,
    });
    expect(errorsOf(rule({ name: "a", clusterName: "x" }))).toEqual(["Invalid metadata.clusterName"]);
  });

  it("keeps the fields of an EndpointSlice where they stand", () => {
    const { object, findings } = parsed(
      "{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a, labels: {kubernetes.io/service-name: b}}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1], zone: z}], ports: [{port: 80}]}",
    );
    expect(findings).toEqual([]);
    expect(object).toMatchObject({
      addressType: "IPv4",
      endpoints: [{ addresses: ["10.0.0.1"], zone: "z" }],
      ports: [{ port: 80 }],
    });
  });

  it.each([
    ["missing", {}, "Required metadata.name"],
    ["empty", { name: "" }, "Required metadata.name"],
    ["in capitals", { name: "Reviews" }, "Invalid metadata.name"],
    ["with a dash at its end", { name: "reviews-" }, "Invalid metadata.name"],
    ["with a slash", { name: "a/b" }, "Invalid metadata.name"],
    ["that walks up", { name: ".." }, "Invalid metadata.name"],
    ["no text", { name: 1 }, "Invalid metadata.name"],
    ["of 254 characters", { name: "a".repeat(254) }, "Invalid metadata.name"],
  ])("refuses a name that is %s", (_, metadata, error) => {
    expect(errorsOf(rule(metadata))).toEqual([error]);
  });

  it("takes dots in names, but not of services, which are one label of a host", () => {
    expect(errorsOf(rule({ name: "reviews.v1" }))).toEqual([]);
    expect(errorsOf(service({ name: "reviews.v1" }))).toEqual(["Invalid metadata.name"]);
    expect(errorsOf(service({ name: "a".repeat(64) }))).toEqual(["Invalid metadata.name"]);
  });

  it.each([
    [{ labels: { "a b": "x" } }, "Invalid metadata.labels[a b]"],
    [{ labels: { "Example.com/a": "x" } }, "Invalid metadata.labels[Example.com/a]"],
    [{ labels: { a: "x y" } }, "Invalid metadata.labels.a"],
    [{ labels: { a: true } }, "Invalid metadata.labels.a"],
    [{ labels: { a: "x".repeat(64) } }, "Invalid metadata.labels.a"],
    [{ annotations: { "/a": "x" } }, "Invalid metadata.annotations[/a]"],
    [{ annotations: { a: 1 } }, "Invalid metadata.annotations.a"],
    [{ annotations: { a: "x".repeat(262_144) } }, "Invalid metadata.annotations"],
    [{ namespace: "a.b" }, "Invalid metadata.namespace"],
    [{ generateName: "a-" }, "NotSupported metadata.generateName"],
    [{ generation: "1" }, "Invalid metadata.generation"],
  ])("refuses metadata %j", (more, error) => {
    expect(errorsOf(rule({ name: "a", ...more }))).toEqual([error]);
  });

  it("takes what a server adds to metadata", () => {
    const metadata = {
      name: "a",
      namespace: "b",
      uid: "c",
      resourceVersion: "1",
      generation: 1,
      creationTimestamp: "2026-01-01T00:00:00Z",
      labels: { "app.kubernetes.io/name": "x", empty: "" },
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}\n", "Example.com/Note": "y" },
      managedFields: [{}],
    };
    expect(rule(metadata)).toMatchObject({ object: { metadata }, findings: [] });
  });

  it("refuses to leave an object out by the annotation that leaves out policies of Gateway API", () => {
    expect(rule({ name: "a", annotations: { "istio.io/ignore-policy-attachment": "true" } }).findings).toMatchObject([
      { severity: "error", field: "metadata.annotations[istio.io/ignore-policy-attachment]" },
    ]);
  });

  it("warns of finalizers and owners, which have no effect", () => {
    expect(rule({ name: "a", finalizers: ["x"], ownerReferences: [{}] }).findings).toMatchObject([
      { severity: "warning", field: "metadata.finalizers" },
      { severity: "warning", field: "metadata.ownerReferences" },
    ]);
  });

  it("refuses a namespace for a Namespace", () => {
    expect(
      errorsOf(parseObject({ apiVersion: "v1", kind: "Namespace", metadata: { name: "a", namespace: "b" } }, LOCAL)),
    ).toEqual(["Invalid metadata.namespace"]);
  });

  it("refuses null in place of a value", () => {
    expect(found(ISTIO, "DestinationRule", "{host: a, subsets: null}")).toEqual(["error Invalid spec.subsets"]);
  });

  it("lets no `__proto__` through", () => {
    const input: unknown = JSON.parse(
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"__proto__":"x"}},"spec":{"deep":[{"__proto__":{"polluted":1}}]},"__proto__":{"polluted":1}}',
    );
    expect(errorsOf(parseObject(input, LOCAL))).toEqual(
      expect.arrayContaining([
        "Invalid __proto__",
        "Invalid metadata.labels.__proto__",
        "Invalid spec.deep[0].__proto__",
      ]),
    );
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("takes nothing from a prototype", () => {
    const input: unknown = Object.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "a" } });
    expect(parseObject(input, LOCAL).object).toBeNull();
  });

  it("refuses cycles, deep nests and what JSON cannot say", () => {
    const cycle: Record<string, unknown> = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a" },
      spec: { f: () => 1, n: Number.NaN, b: 1n },
    };
    cycle["self"] = cycle;
    expect(errorsOf(parseObject(cycle, LOCAL)).toSorted()).toEqual([
      "Invalid self",
      "Invalid spec.b",
      "Invalid spec.f",
      "Invalid spec.n",
    ]);
    let deep: unknown = 1;
    for (let level = 0; level < 100; level += 1) deep = [deep];
    expect(
      errorsOf(parseObject({ apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, spec: { deep } }, LOCAL)),
    ).toHaveLength(1);
  });

  it("gives back a copy that shares nothing with what was written", () => {
    const input = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a", labels: { app: "x" } },
      spec: { other: [1] },
    };
    const { object } = parseObject(input, LOCAL);
    input.metadata.labels.app = "y";
    input.spec.other.push(2);
    expect(object).toMatchObject({ metadata: { labels: { app: "x" } }, spec: { other: [1] } });
  });

  it("parses what it stored to the same", () => {
    const first = parsed(
      "{apiVersion: networking.example.com/v1, kind: Gateway, metadata: {name: a}, spec: {selector: {x: y}, servers: [{port: {number: 80, name: http, protocol: http}, hosts: ['*']}]}}",
    ).object;
    expect(parseObject(first, LOCAL)).toEqual({ object: first, findings: [] });
  });

  it("never throws, whatever the input, and says why there is no object", () => {
    const heads = KINDS.flatMap((info) =>
      info.versions.map((version) => ({ apiVersion: apiVersionOf(info.group, version), kind: info.kind })),
    );
    const word = fc.constantFrom(
      "host",
      "hosts",
      "http",
      "route",
      "match",
      "rules",
      "from",
      "source",
      "principals",
      "tls",
      "ports",
      "servers",
      "subsets",
      "metadata",
      "name",
      "labels",
      "__proto__",
      "constructor",
      "toString",
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.anything(),
        fc.string(),
        fc.integer(),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(word, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    const metadata = fc.oneof(fc.constant({ name: "a", namespace: "b" }), tree);
    fc.assert(
      fc.property(fc.constantFrom(...heads), metadata, tree, fc.boolean(), (head, meta, spec, local) => {
        const { object, findings } = parseObject({ ...head, metadata: meta, spec }, { local });
        expect(object === null).toBe(findings.some(({ severity }) => severity === "error"));
      }),
      { numRuns: times(300, 3_000) },
    );
    fc.assert(
      fc.property(
        fc.anything({ withNullPrototype: true, withDate: true, withMap: true, withBigInt: true }),
        (input) => {
          expect(parseObject(input, LOCAL).object).toBeNull();
        },
      ),
      { numRuns: times(300, 3_000) },
    );
  });
});
