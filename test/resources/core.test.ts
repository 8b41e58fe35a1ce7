import { describe, expect, it } from "vitest";
import { checkChange, withEncodedText } from "../../src/resources/core.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import { found, parsed } from "./parsed.ts";

describe("a Namespace's mode", () => {
  const problems = (mode: string) =>
    parseObject(
      { apiVersion: "v1", kind: "Namespace", metadata: { name: "a", labels: { "tulle.dev/mode": mode } } },
      { local: false },
    ).findings.map(({ field, message }) => `${field}: ${message}`);

  it.each(["observe", "enforce"])("may be %s", (mode) => {
    expect(problems(mode)).toEqual([]);
  });

  it.each(["Observe", "permissive", ""])("is refused where it is `%s`", (mode) => {
    expect(problems(mode)).toEqual(["metadata.labels[tulle.dev/mode]: must be one of `observe`, `enforce`"]);
  });
});

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

  it.each([
    ["a bad scope", "shop, A_b", "Invalid"],
    ["`~` beside others", "~, shop", "Invalid"],
    ["a scope twice", "shop,shop", "Invalid"],
    ["its own namespace twice", ".,default", "Duplicate"],
  ])("refuses %s in its exportTo", (_, exportTo, reason) => {
    const { findings } = parsed(`
apiVersion: v1
kind: Service
metadata: {name: a, namespace: default, annotations: {networking.istio.io/exportTo: "${exportTo}"}}
spec: {ports: [{port: 80}]}
`);
    expect(findings).toMatchObject([
      { severity: "error", reason: `FieldValue${reason}`, field: "metadata.annotations[networking.istio.io/exportTo]" },
    ]);
  });

  it.each([
    ["{ports: [{port: 80}]}", "None"],
    ["{ports: [{port: 80}], clusterIP: ''}", "None"],
    ["{ports: [{port: 80}], type: ClusterIP}", "None"],
    ["{ports: [{port: 80}], clusterIP: 10.0.0.1}", "10.0.0.1"],
    ["{ports: [{port: 80}], type: LoadBalancer}", undefined],
    ["{type: ExternalName, externalName: a.com}", undefined],
  ])("%s has the address %s, for which nobody has to wait", (spec, want) => {
    const { object } = parsed(`{apiVersion: v1, kind: Service, metadata: {name: a}, spec: ${spec}}`);
    expect((object?.spec as { clusterIP?: string } | undefined)?.clusterIP).toBe(want);
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

const MiB = 1_048_576;

function written(kind: "ConfigMap" | "Secret", fields: Readonly<Record<string, unknown>>): KubeObject {
  return { apiVersion: "v1", kind, metadata: { name: "a", namespace: "shop" }, ...fields };
}

/** As `severity reason field`. */
function findings(kind: "ConfigMap" | "Secret", fields: Readonly<Record<string, unknown>>): readonly string[] {
  return parseObject(written(kind, fields), { local: false }).findings.map(
    ({ severity, reason, field }) => `${severity} ${reason.slice("FieldValue".length)} ${field}`,
  );
}

describe("ConfigMap", () => {
  it.each([
    ["nothing", {}],
    ["texts and bytes", { data: { "a.txt": "b", _: "" }, binaryData: { "c-d": "AAE=" }, immutable: true }],
    ["fields that we do not read", { data: { a: "b" }, other: { of: 1 } }],
    ["names that objects of JavaScript have", { data: { constructor: "a", toString: "b" } }],
    ["a key as long as may be", { data: { ["k".repeat(253)]: "" } }],
    ["a key that holds dots", { data: { "a..b": "", ".a": "" } }],
    ["as much as may be", { data: { a: "x".repeat(MiB) } }],
    ["null for what is absent", { data: null, binaryData: null, immutable: null }],
  ])("takes %s, beside the metadata", (_, fields) => {
    expect(findings("ConfigMap", fields)).toEqual([]);
    const { object } = parseObject(written("ConfigMap", fields), { local: false });
    const kept = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
    expect(object).toEqual(written("ConfigMap", kept));
  });

  it.each([
    ["a number as a value", { data: { a: 1 } }, "Invalid data.a"],
    ["an object as a value", { data: { a: {} } }, "Invalid data.a"],
    ["a list of data", { data: ["a"] }, "Invalid data"],
    ["an empty key", { data: { "": "a" } }, "Invalid data[]"],
    ["a key with a slash", { data: { "a/b": "" } }, "Invalid data[a/b]"],
    ["a key with a line break at its end", { data: { "a\n": "" } }, "Invalid data[a\n]"],
    ["a key that is too long", { data: { ["k".repeat(254)]: "" } }, `Invalid data.${"k".repeat(254)}`],
    ["the key `.`", { data: { ".": "" } }, "Invalid data[.]"],
    ["the key `..`", { data: { "..": "" } }, "Invalid data[..]"],
    ["a key that begins with `..`", { binaryData: { "..a": "" } }, "Invalid binaryData[..a]"],
    ["bytes that are no base64", { binaryData: { a: "b" } }, "Invalid binaryData.a"],
    ["base64url", { binaryData: { a: "-_-_" } }, "Invalid binaryData.a"],
    ["base64 without its padding", { binaryData: { a: "AA" } }, "Invalid binaryData.a"],
    ["base64 with more after its padding", { binaryData: { a: "AA==AAAA" } }, "Invalid binaryData.a"],
    ["a key in both", { data: { a: "" }, binaryData: { a: "" } }, "Duplicate binaryData.a"],
    ["text for immutable", { immutable: "yes" }, "Invalid immutable"],
    ["more than may be", { data: { a: "x".repeat(MiB) }, binaryData: { b: "AA==" } }, "TooLong data"],
    ["more than may be, in bytes of UTF-8", { data: { a: "é".repeat(MiB / 2), b: "x" } }, "TooLong data"],
  ])("refuses %s", (_, fields, error) => {
    expect(findings("ConfigMap", fields)).toEqual([`error ${error}`]);
  });

  it("refuses every character in a key that no file name should have", () => {
    for (let code = 0; code < 256; code += 1) {
      const key = `a${String.fromCharCode(code)}b`;
      const isTaken = /^[-._a-zA-Z0-9]+$/.test(key);
      expect([code, findings("ConfigMap", { data: { [key]: "" } }).length]).toEqual([code, isTaken ? 0 : 1]);
    }
  });
});

describe("Secret", () => {
  const stored = (fields: Readonly<Record<string, unknown>>) => {
    const { object } = parseObject(written("Secret", fields), { local: false });
    const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object ?? {};
    return rest;
  };

  it.each([
    ["nothing", {}, { type: "Opaque" }],
    ["an empty type", { type: "" }, { type: "Opaque" }],
    ["a type that we do not know", { type: "helm.sh/release.v1" }, { type: "helm.sh/release.v1" }],
    ["base64", { data: { a: "Yg==" } }, { type: "Opaque", data: { a: "Yg==" } }],
    ["text", { stringData: { a: "é\n" } }, { type: "Opaque", data: { a: "w6kK" } }],
    [
      "text over base64",
      { data: { a: "Yg==", c: "" }, stringData: { a: "d" } },
      { type: "Opaque", data: { a: "ZA==", c: "" } },
    ],
    ["base64 in lines", { data: { a: "YWFh\nYmI=\r\n" } }, { type: "Opaque", data: { a: "YWFhYmI=" } }],
    ["bits that no byte has", { data: { a: "Yh==" } }, { type: "Opaque", data: { a: "Yg==" } }],
    ["no texts", { data: { a: "" }, stringData: {} }, { type: "Opaque", data: { a: "" } }],
    [
      "as much as may be",
      { stringData: { a: "x".repeat(MiB) } },
      { type: "Opaque", data: { a: btoa("x".repeat(MiB)) } },
    ],
    [
      "a certificate with its key, whatever they are",
      { type: "kubernetes.io/tls", data: { "tls.crt": "" }, stringData: { "tls.key": "" }, immutable: false },
      { type: "kubernetes.io/tls", data: { "tls.crt": "", "tls.key": "" }, immutable: false },
    ],
  ])("of %s is stored in one form", (_, fields, want) => {
    expect(findings("Secret", fields)).toEqual([]);
    expect(stored(fields)).toEqual(want);
    expect(stored(want)).toEqual(want);
  });

  it.each([
    ["text that is no base64", { data: { a: "hunter2" } }, ["Invalid data.a"]],
    ["a number", { data: { a: 1 } }, ["Invalid data.a"]],
    ["a number as text", { stringData: { a: 1 } }, ["Invalid stringData.a"]],
    ["a list of texts", { stringData: ["a"] }, ["Invalid stringData"]],
    ["a key with a blank", { data: { "a b": "" } }, ["Invalid data[a b]"]],
    ["such a key among texts", { stringData: { "a b": "" } }, ["Invalid data[a b]"]],
    ["a number as type", { type: 1 }, ["Invalid type"]],
    ["more than may be", { stringData: { a: "x".repeat(MiB), b: "y" } }, ["TooLong data"]],
    [
      "a certificate without anything",
      { type: "kubernetes.io/tls" },
      ["Required data[tls.crt]", "Required data[tls.key]"],
    ],
    ["a certificate without key", { type: "kubernetes.io/tls", data: { "tls.crt": "" } }, ["Required data[tls.key]"]],
    [
      "a registry's password elsewhere",
      { type: "kubernetes.io/dockerconfigjson", data: { a: "" } },
      ["Required data[.dockerconfigjson]"],
    ],
    ["an SSH key elsewhere", { type: "kubernetes.io/ssh-auth" }, ["Required data[ssh-privatekey]"]],
  ])("refuses %s", (_, fields, errors) => {
    expect(findings("Secret", fields)).toEqual(errors.map((error) => `error ${error}`));
  });

  it("is never told back in a refusal", () => {
    const value = "hunter2 correct horse";
    for (const fields of [
      { data: { a: value } },
      { data: value },
      { stringData: { a: [value] } },
      { stringData: value },
      { immutable: value },
      { type: [value] },
    ]) {
      const { object, findings: told } = parseObject(written("Secret", fields), { local: false });
      expect(object).toBeNull();
      expect(JSON.stringify(told)).not.toContain("hunter2");
    }
  });

  it.each([[null], ["text"], [[]], [{ data: 1, stringData: { a: "b" } }], [{ stringData: null }]])(
    "that is malformed is left for its refusal: %j",
    (fields) => {
      expect(withEncodedText(fields)).toEqual(fields);
    },
  );
});

describe("a change", () => {
  const change = (kind: "ConfigMap" | "Secret", before: object, after: object) =>
    checkChange(written(kind, { ...before }), written(kind, { ...after })).map(
      ({ reason, field }) => `${reason.slice("FieldValue".length)} ${field}`,
    );

  it.each([
    ["of the data", "Secret", { data: { a: "" } }, { data: { b: "" } }, []],
    ["of labels of an immutable one", "ConfigMap", { immutable: true, data: {} }, { immutable: true }, []],
    ["to immutable", "Secret", { data: { a: "" } }, { data: { b: "" }, immutable: true }, []],
    ["of a Secret's type", "Secret", { type: "Opaque" }, { type: "a/b" }, ["Invalid type"]],
    ["from immutable", "ConfigMap", { immutable: true }, {}, ["Forbidden immutable"]],
    ["from immutable in words", "Secret", { immutable: true }, { immutable: false }, ["Forbidden immutable"]],
    [
      "of immutable data",
      "ConfigMap",
      { immutable: true, data: { a: "b" } },
      { immutable: true, data: { a: "c" } },
      ["Forbidden data"],
    ],
    [
      "of immutable bytes",
      "ConfigMap",
      { immutable: true, binaryData: { a: "" } },
      { immutable: true },
      ["Forbidden binaryData"],
    ],
    [
      "of all of it",
      "Secret",
      { immutable: true, data: { a: "Yg==" }, type: "a" },
      { type: "b" },
      ["Invalid type", "Forbidden immutable", "Forbidden data"],
    ],
  ] as const)("%s is taken or refused as upstream: %s", (_, kind, before, after, want) => {
    expect(change(kind, before, after)).toEqual(want);
  });

  it("of other kinds is not looked at", () => {
    const rule = { ...written("Secret", { type: "a", immutable: true }), kind: "Service" };
    expect(checkChange(rule, { ...rule, type: "b", immutable: false })).toEqual([]);
  });
});
