import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

const of = (servers: string) =>
  found("networking.istio.io/v1", "Gateway", `{selector: {istio: ingressgateway}, servers: [${servers}]}`);
const http = "port: {number: 80, name: http, protocol: HTTP}";
const https = "port: {number: 443, name: https, protocol: HTTPS}";

describe("Gateway", () => {
  it.each([
    ["plain HTTP", `{${http}, hosts: ["*"]}`],
    ["hosts of namespaces", `{${http}, hosts: ["./*", "*/a.com", "shop/*.b.com"], name: front}`],
    ["a redirect to https", `{${http}, hosts: [a.com], tls: {httpsRedirect: true}}`],
    ["the mesh's own certificates", `{${https}, hosts: [a.com], tls: {mode: ISTIO_MUTUAL}}`],
    ["gRPC-Web", `{port: {number: 8080, name: web, protocol: GRPC-Web}, hosts: [a.com]}`],
  ])("takes %s", (_, servers) => {
    expect(of(servers)).toEqual([]);
  });

  it("stores protocols in capitals", () => {
    const { object } = parsed(
      "{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a}, spec: {selector: {a: b}, servers: [{port: {number: 80, name: http, protocol: http}, hosts: [a.com]}]}}",
    );
    expect(object?.spec).toMatchObject({ servers: [{ port: { protocol: "HTTP" } }] });
  });

  it.each(["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"])(
    "takes %s with any credential, and says who owns the certificate",
    (mode) => {
      expect(of(`{${https}, hosts: [a.com], tls: {mode: ${mode}, credentialName: cert}}`)).toEqual([
        "warning Invalid spec.servers[0].tls.credentialName",
      ]);
    },
  );

  it("takes two names of certificates, and files that are not named", () => {
    expect(
      of(`{${https}, hosts: [a.com], tls: {mode: MUTUAL, credentialNames: [rsa, ecdsa], serverCertificate: ''}}`),
    ).toEqual(["warning Invalid spec.servers[0].tls.credentialNames"]);
    expect(of(`{${https}, hosts: [a.com], tls: {mode: ISTIO_MUTUAL, privateKey: '', tlsCertificates: []}}`)).toEqual(
      [],
    );
  });

  it.each([
    [
      "three names of certificates",
      `{${https}, hosts: [a.com], tls: {mode: SIMPLE, credentialNames: [a, b, c]}}`,
      "Invalid spec.servers[0].tls.credentialNames",
    ],
    ["no hosts", `{${http}}`, "Required spec.servers[0].hosts"],
    ["an empty list of hosts", `{${http}, hosts: []}`, "Invalid spec.servers[0].hosts"],
    ["a bad host", `{${http}, hosts: ["a.*"]}`, "Invalid spec.servers[0].hosts[0]"],
    ["a bad namespace", `{${http}, hosts: ["a.b/c.com"]}`, "Invalid spec.servers[0].hosts[0]"],
    ["no port", "{hosts: [a.com]}", "Required spec.servers[0].port"],
    ["no name of a port", "{port: {number: 80, protocol: HTTP}, hosts: [a.com]}", "Required spec.servers[0].port.name"],
    ["no protocol", "{port: {number: 80, name: http}, hosts: [a.com]}", "Required spec.servers[0].port.protocol"],
    [
      "an unknown protocol",
      "{port: {number: 80, name: http, protocol: HTTP4}, hosts: [a.com]}",
      "NotSupported spec.servers[0].port.protocol",
    ],
    [
      "native gRPC",
      "{port: {number: 80, name: grpc, protocol: GRPC}, hosts: [a.com]}",
      "NotSupported spec.servers[0].port.protocol",
    ],
    [
      "TCP",
      "{port: {number: 80, name: tcp, protocol: tcp}, hosts: [a.com]}",
      "NotSupported spec.servers[0].port.protocol",
    ],
    [
      "a name of a port twice",
      `{${http}, hosts: [a.com]}, {port: {number: 8080, name: http, protocol: HTTP}, hosts: [a.com]}`,
      "Duplicate spec.servers[1].port.name",
    ],
    [
      "a name of a server twice",
      `{${http}, hosts: [a.com], name: x}, {${https}, hosts: [a.com], name: x, tls: {mode: ISTIO_MUTUAL}}`,
      "Duplicate spec.servers[1].name",
    ],
    [
      "a target port",
      "{port: {number: 80, name: http, protocol: HTTP, targetPort: 81}, hosts: [a.com]}",
      "NotSupported spec.servers[0].port.targetPort",
    ],
    ["an address to listen on", `{${http}, hosts: [a.com], bind: 10.0.0.1}`, "NotSupported spec.servers[0].bind"],
    ["HTTPS without TLS", `{${https}, hosts: [a.com]}`, "Required spec.servers[0].tls"],
    [
      "HTTPS without mode",
      `{${https}, hosts: [a.com], tls: {credentialName: cert}}`,
      "Required spec.servers[0].tls.mode",
    ],
    [
      "SIMPLE without certificate",
      `{${https}, hosts: [a.com], tls: {mode: SIMPLE}}`,
      "Required spec.servers[0].tls.credentialName",
    ],
    [
      "ISTIO_MUTUAL with certificate",
      `{${https}, hosts: [a.com], tls: {mode: ISTIO_MUTUAL, credentialName: cert}}`,
      "Invalid spec.servers[0].tls.credentialName",
    ],
    ["PASSTHROUGH", `{${https}, hosts: [a.com], tls: {mode: PASSTHROUGH}}`, "NotSupported spec.servers[0].tls.mode"],
    [
      "port 0",
      "{port: {number: 0, name: http, protocol: HTTP}, hosts: [a.com]}",
      "Invalid spec.servers[0].port.number",
    ],
    [
      "TLS on plain HTTP",
      `{${http}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: cert}}`,
      "Invalid spec.servers[0].tls",
    ],
    [
      "a key in a file",
      `{${https}, hosts: [a.com], tls: {mode: ISTIO_MUTUAL, privateKey: /key.pem}}`,
      "NotSupported spec.servers[0].tls.privateKey",
    ],
  ])("refuses %s", (_, servers, error) => {
    expect(of(servers)).toEqual([`error ${error}`]);
  });

  it("refuses a Gateway without servers", () => {
    expect(found("networking.istio.io/v1", "Gateway", "{selector: {a: b}}")).toEqual(["error Required spec.servers"]);
  });

  it("warns of a redirect from https, which Istio ignores", () => {
    expect(of(`{${https}, hosts: [a.com], tls: {mode: ISTIO_MUTUAL, httpsRedirect: true}}`)).toEqual([
      "warning Invalid spec.servers[0].tls.httpsRedirect",
    ]);
  });

  it("says of a Unix socket what is wrong with it, and nothing of its port 0", () => {
    expect(of("{port: {number: 0, name: http, protocol: HTTP}, hosts: [a.com], bind: 'unix://@foo'}")).toEqual([
      "error NotSupported spec.servers[0].bind",
    ]);
  });

  it("warns of an empty selector, and of two protocols on one port", () => {
    expect(found("networking.istio.io/v1", "Gateway", `{servers: [{${http}, hosts: [a.com]}]}`)).toEqual([
      "warning Invalid spec.selector",
    ]);
    expect(of(`{${http}, hosts: [a.com]}, {port: {number: 80, name: h2, protocol: HTTP2}, hosts: [b.com]}`)).toEqual([
      "warning Invalid spec.servers[1].port.protocol",
    ]);
  });
});

describe("a Gateway's TLS", () => {
  const HASH = "ab".repeat(32);
  const SPKI = `${"A".repeat(43)}=`;
  const tls = (fields: string) => of(`{${https}, hosts: [a.com], tls: {${fields}}}`);

  it.each([
    ["names of clients", "mode: ISTIO_MUTUAL, subjectAltNames: ['spiffe://a/b']"],
    [
      "hashes with and without colons",
      `mode: ISTIO_MUTUAL, verifyCertificateHash: ["${HASH}", "${"AB:".repeat(31)}AB"]`,
    ],
    ["keys", `mode: ISTIO_MUTUAL, verifyCertificateSpki: ["${SPKI}"]`],
    ["versions", "mode: ISTIO_MUTUAL, minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_3"],
    ["no upper version", "mode: ISTIO_MUTUAL, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLS_AUTO"],
    ["no lower version", "mode: ISTIO_MUTUAL, minProtocolVersion: TLS_AUTO, maxProtocolVersion: TLSV1_2"],
    ["cipher suites", "mode: ISTIO_MUTUAL, cipherSuites: [ECDHE-ECDSA-AES128-SHA]"],
  ])("takes %s", (_, fields) => {
    expect(tls(fields)).toEqual([]);
  });

  it("refuses a name that no VirtualService could give", () => {
    const gateway = `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a.b}, spec: {selector: {a: b}, servers: [{${http}, hosts: [a.com]}]}}`;
    expect(parsed(gateway, { local: true }).findings).toMatchObject([{ severity: "error", field: "metadata.name" }]);
  });

  it("warns of a suite that nobody knows, is there twice or takes from a list, and of an authority that belongs to the zone", () => {
    expect(tls("mode: ISTIO_MUTUAL, cipherSuites: [AES128-SHA, not-a-suite, AES128-SHA, -AES256-SHA]")).toEqual([
      "warning Invalid spec.servers[0].tls.cipherSuites[1]",
      "warning Invalid spec.servers[0].tls.cipherSuites[2]",
      "warning Invalid spec.servers[0].tls.cipherSuites[3]",
    ]);
    expect(tls("mode: ISTIO_MUTUAL, minProtocolVersion: TLSV1_1")).toEqual([
      "warning Invalid spec.servers[0].tls.minProtocolVersion",
    ]);
    expect(tls("mode: MUTUAL, credentialName: a, caCertCredentialName: b, insecureSkipVerify: true")).toEqual([
      "warning Invalid spec.servers[0].tls.credentialName",
      "warning Invalid spec.servers[0].tls.caCertCredentialName",
    ]);
  });

  it.each([
    ["a hash of another length", "mode: ISTIO_MUTUAL, verifyCertificateHash: [ab]", "Invalid verifyCertificateHash[0]"],
    ["a key in hex", `mode: ISTIO_MUTUAL, verifyCertificateSpki: ["${HASH}"]`, "Invalid verifyCertificateSpki[0]"],
    ["an unknown version", "mode: ISTIO_MUTUAL, minProtocolVersion: TLSV2", "NotSupported minProtocolVersion"],
    [
      "versions that no client has",
      "mode: ISTIO_MUTUAL, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2",
      "Invalid minProtocolVersion",
    ],
    [
      "another authority for the mesh's own",
      "mode: ISTIO_MUTUAL, caCertCredentialName: a",
      "Invalid caCertCredentialName",
    ],
    [
      "any certificate for the mesh's own",
      "mode: ISTIO_MUTUAL, insecureSkipVerify: true",
      "Invalid insecureSkipVerify",
    ],
  ])("refuses %s", (_, fields, error) => {
    const [reason, field] = error.split(" ");
    expect(tls(fields)).toEqual([`error ${reason} spec.servers[0].tls.${field}`]);
  });

  it.each(["subjectAltNames: [a]", `verifyCertificateHash: ["${HASH}"]`, `verifyCertificateSpki: ["${SPKI}"]`])(
    "refuses %s where no certificate is asked for",
    (field) => {
      expect(tls(`mode: SIMPLE, credentialName: a, ${field}`)).toContain(
        `error Invalid spec.servers[0].tls.${field.split(":")[0]}`,
      );
    },
  );

  it("refuses it on plain HTTP, whatever field it is", () => {
    for (const field of ["minProtocolVersion: TLSV1_2", "subjectAltNames: [a]", "cipherSuites: [AES128-SHA]"])
      expect(of(`{${http}, hosts: [a.com], tls: {${field}}}`)).toEqual(["error Invalid spec.servers[0].tls"]);
  });
});

it("a Gateway may hold what tools write of settings that are not set", () => {
  expect(of(`{${http}, hosts: [a.com], bind: '', defaultEndpoint: ''}`)).toEqual([]);
  expect(of(`{${http}, hosts: [a.com], defaultEndpoint: 'a:1'}`)).toEqual([
    "error NotSupported spec.servers[0].defaultEndpoint",
  ]);
});

describe("a Gateway's hosts", () => {
  it.each(["a", "./a", "shop/a"])("have a dot: %s", (host) => {
    expect(of(`{${http}, hosts: ["${host}"]}`)).toEqual(["error Invalid spec.servers[0].hosts[0]"]);
  });
});

it("a Gateway that Istio's controller made of one of Gateway API is refused, since that is not served", () => {
  const { findings } = parsed(
    `{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: a, annotations: {internal.istio.io/gateway-service: a.b.svc}}, spec: {selector: {a: b}, servers: [{${http}, hosts: [a.com]}]}}`,
  );
  expect(findings).toMatchObject([
    {
      severity: "error",
      field: "metadata.annotations[internal.istio.io/gateway-service]",
      message: expect.stringContaining("not supported yet: Gateway API"),
    },
  ]);
});

describe("a Gateway's port", () => {
  const at = (number: number, protocol: string, local: boolean) =>
    found(
      "networking.istio.io/v1",
      "Gateway",
      `{selector: {a: b}, servers: [{port: {number: ${number}, name: a, protocol: ${protocol}}, hosts: [a.com]${protocol === "HTTPS" ? ", tls: {mode: ISTIO_MUTUAL}" : ""}}]}`,
      { local },
    );

  it.each([
    [80, "HTTP"],
    [8080, "HTTP"],
    [443, "HTTPS"],
    [8443, "HTTPS"],
  ])("%s is one at which the platform takes %s", (number, protocol) => {
    expect(at(number, protocol, false)).toEqual([]);
  });

  it.each([
    [81, "HTTP"],
    [443, "HTTP"],
    [80, "HTTPS"],
    [31_400, "HTTPS"],
  ])("%s is none at which it takes %s, and told so; in the local mesh any port can be opened", (number, protocol) => {
    expect(at(number, protocol, false)).toEqual(["warning Invalid spec.servers[0].port.number"]);
    expect(at(number, protocol, true)).toEqual([]);
  });
});
