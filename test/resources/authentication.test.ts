import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

describe("PeerAuthentication", () => {
  const of = (spec: string) => found("security.istio.io/v1", "PeerAuthentication", spec);

  it.each([
    ["nothing", "{}"],
    ["a mode", "{mtls: {mode: STRICT}}"],
    ["an unset mode", "{mtls: {}}"],
    [
      "modes of ports",
      "{selector: {matchLabels: {app: a}}, mtls: {mode: UNSET}, portLevelMtls: {8080: {mode: PERMISSIVE}}}",
    ],
  ])("takes %s", (_, spec) => {
    expect(of(spec)).toEqual([]);
  });

  it.each([
    ["everywhere", "{mtls: {mode: DISABLE}}", "spec.mtls.mode"],
    [
      "for a port",
      "{selector: {matchLabels: {app: a}}, portLevelMtls: {8080: {mode: DISABLE}}}",
      "spec.portLevelMtls[8080].mode",
    ],
  ])("warns that DISABLE %s takes no identity away", (_, spec, field) => {
    expect(of(spec)).toEqual([expect.stringMatching(/^warning /)]);
    expect(of(spec)[0]).toContain(field);
  });

  it.each([
    ["an unknown mode", "{mtls: {mode: MUTUAL}}", "NotSupported spec.mtls.mode"],
    [
      "port 0",
      "{selector: {matchLabels: {app: a}}, portLevelMtls: {0: {mode: STRICT}}}",
      "Invalid spec.portLevelMtls[0]",
    ],
    [
      "a port by name",
      "{selector: {matchLabels: {app: a}}, portLevelMtls: {http: {mode: STRICT}}}",
      "Invalid spec.portLevelMtls.http",
    ],
    ["no port", "{selector: {matchLabels: {app: a}}, portLevelMtls: {}}", "Required spec.portLevelMtls"],
    ["modes of ports without selector", "{portLevelMtls: {8080: {mode: STRICT}}}", "Invalid spec.portLevelMtls"],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });

  it("warns of a selector that selects everything", () => {
    expect(of("{selector: {matchLabels: {}}, mtls: {mode: STRICT}}")).toEqual(["warning Invalid spec.selector"]);
  });
});

describe("RequestAuthentication", () => {
  const of = (spec: string, options = { local: false }) =>
    found("security.istio.io/v1", "RequestAuthentication", spec, options);
  const uri = "jwksUri: 'https://issuer.example.com/keys'";
  const rule = (fields: string, options = { local: false }) => of(`{jwtRules: [{issuer: a, ${fields}}]}`, options);
  const jwks = (keys: string) => rule(`jwks: '${keys}'`);

  it("takes all that is built", () => {
    expect(
      rule(
        `${uri}, audiences: [a], fromHeaders: [{name: x-token, prefix: 'Bearer '}], fromParams: [token], fromCookies: [token], forwardOriginalToken: true, outputPayloadToHeader: x-payload, outputClaimToHeaders: [{header: x-sub, claim: sub}], timeout: 2s, spaceDelimitedClaims: [roles]`,
      ),
    ).toEqual([]);
    const coordinate = "A".repeat(43);
    expect(jwks(`{"keys": [{"kty": "EC", "crv": "P-256", "x": "${coordinate}", "y": "${coordinate}"}]}`)).toEqual([]);
  });

  it.each([
    ["of an unknown curve", '{"kty": "EC", "crv": "secp256k1"}'],
    ["of an unknown type", '{"kty": "AKP"}'],
    ["that is too short", '{"kty": "RSA", "n": "AQAB", "e": "AQAB"}'],
    ["for encryption", '{"kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB"}'],
    ["without coordinates", '{"kty": "EC", "crv": "P-256"}'],
  ])("warns of a key %s, which verifies nothing", (_, key) => {
    expect(jwks(`{"keys": [${key}]}`)).toEqual(["warning Invalid spec.jwtRules[0].jwks"]);
  });

  it.each([
    ["no issuer", `{jwtRules: [{${uri}}]}`, "Required spec.jwtRules[0].issuer"],
    ["an empty issuer", `{jwtRules: [{issuer: "", ${uri}}]}`, "Invalid spec.jwtRules[0].issuer"],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });

  it.each([
    ["plain http", "jwksUri: 'http://issuer.example.com/keys'", "Invalid spec.jwtRules[0].jwksUri"],
    ["an IP address", "jwksUri: 'https://10.0.0.1/keys'", "Invalid spec.jwtRules[0].jwksUri"],
    ["a user in the URL", "jwksUri: 'https://a@issuer.example.com/keys'", "Invalid spec.jwtRules[0].jwksUri"],
    ["another port", "jwksUri: 'https://issuer.example.com:8443/keys'", "Invalid spec.jwtRules[0].jwksUri"],
    ["keys that are no JSON", "jwks: keys", "Invalid spec.jwtRules[0].jwks"],
    ["keys that are no key set", "jwks: '[]'", "Invalid spec.jwtRules[0].jwks"],
    ["no key in the set", `jwks: '{"keys": []}'`, "Invalid spec.jwtRules[0].jwks"],
    ["a symmetric key", `jwks: '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'`, "Invalid spec.jwtRules[0].jwks"],
    [
      "a private key",
      `jwks: '{"keys": [{"kty": "RSA", "n": "a", "e": "AQAB", "d": "b"}]}'`,
      "Invalid spec.jwtRules[0].jwks",
    ],
    ["both kinds of keys", `${uri}, jwks: '{"keys": [{"kty": "RSA"}]}'`, "Invalid spec.jwtRules[0].jwks"],
    ["a bad header name", `${uri}, fromHeaders: [{name: "a b"}]`, "Invalid spec.jwtRules[0].fromHeaders[0].name"],
    ["an empty parameter", `${uri}, fromParams: [""]`, "Invalid spec.jwtRules[0].fromParams[0]"],
    ["a bad cookie", `${uri}, fromCookies: ["a=b"]`, "Invalid spec.jwtRules[0].fromCookies[0]"],
    [
      "a claim to a bad header",
      `${uri}, outputClaimToHeaders: [{header: x.sub, claim: sub}]`,
      "Invalid spec.jwtRules[0].outputClaimToHeaders[0].header",
    ],
    [
      "two claims to one header",
      `${uri}, outputClaimToHeaders: [{header: x-sub, claim: sub}, {header: X-Sub, claim: sub}]`,
      "Duplicate spec.jwtRules[0].outputClaimToHeaders[1].header",
    ],
    [
      "a claim in place of the mesh's word on who calls",
      `${uri}, outputClaimToHeaders: [{header: X_Forwarded-Client-Cert, claim: sub}]`,
      "Invalid spec.jwtRules[0].outputClaimToHeaders[0].header",
    ],
    [
      "a payload in place of it",
      `${uri}, outputPayloadToHeader: x-forwarded-client-cert`,
      "Invalid spec.jwtRules[0].outputPayloadToHeader",
    ],
    [
      "a claim without name",
      `${uri}, outputClaimToHeaders: [{header: x-sub}]`,
      "Required spec.jwtRules[0].outputClaimToHeaders[0].claim",
    ],
    ["a timeout of 0", `${uri}, timeout: 0s`, "Invalid spec.jwtRules[0].timeout"],
    [
      "65 claims to split",
      `${uri}, spaceDelimitedClaims: [${"a, ".repeat(65)}]`,
      "Invalid spec.jwtRules[0].spaceDelimitedClaims",
    ],
  ])("refuses a rule with %s", (_, fields, error) => {
    expect(rule(fields)).toEqual([`error ${error}`]);
  });

  const TARGET = '{group: "", kind: Service, name: a}';

  it.each([
    `{targetRefs: [${TARGET}, {kind: ServiceEntry, group: networking.istio.io, name: a}]`,
    `{targetRef: {kind: Service, group: core, name: a}`,
    "{targetRefs: []",
    `{targetRef: ${TARGET}, targetRefs: []`,
  ])("takes targets that are services of its namespace: %s", (spec) => {
    expect(of(`${spec}, jwtRules: [{issuer: a, ${uri}}]}`)).toEqual([]);
  });

  it.each([
    [
      "a Gateway of Gateway API",
      "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: a}",
      "NotSupported spec.targetRef.kind",
    ],
    [
      "a GatewayClass",
      "targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: a}]",
      "NotSupported spec.targetRefs[0].kind",
    ],
    [
      "a Gateway of Istio's",
      "targetRef: {group: networking.istio.io, kind: Gateway, name: a}",
      "NotSupported spec.targetRef.kind",
    ],
    [
      "a Service of another group",
      "targetRef: {group: apps, kind: Service, name: a}",
      "NotSupported spec.targetRef.kind",
    ],
    ["an unknown kind", "targetRef: {group: '', kind: Serv_ice, name: a}", "NotSupported spec.targetRef.kind"],
    [
      "a target of another namespace",
      "targetRef: {kind: Service, name: a, namespace: b}",
      "Invalid spec.targetRef.namespace",
    ],
    ["a target without name", "targetRef: {kind: Service}", "Required spec.targetRef.name"],
    ["a target with an empty name", "targetRef: {kind: Service, name: ''}", "Invalid spec.targetRef.name"],
    ["both forms", `targetRef: ${TARGET}, targetRefs: [${TARGET}]`, "Invalid spec.targetRef"],
    ["labels and a target", `selector: {matchLabels: {a: b}}, targetRef: ${TARGET}`, "Invalid spec.selector"],
    ["17 targets", `targetRefs: [${`${TARGET}, `.repeat(17)}]`, "Invalid spec.targetRefs"],
  ])("refuses %s", (_, fields, error) => {
    expect(of(`{${fields}, jwtRules: [{issuer: a, ${uri}}]}`)).toEqual([`error ${error}`]);
  });

  const byDiscovery = (issuer: string, options = { local: false }) =>
    of(`{jwtRules: [{issuer: "${issuer}"}]}`, options);

  it.each(["https://issuer.example.com", "https://issuer.example.com/", "HTTPS://issuer.example.com/realms/a"])(
    "takes the issuer %s without keys: it is asked for them",
    (issuer) => {
      expect(byDiscovery(issuer)).toEqual([]);
    },
  );

  it.each([
    ["plain http", "http://issuer.example.com"],
    ["an IP address", "https://10.0.0.1"],
    ["a metadata service", "https://metadata.google.internal"],
    ["another port", "https://issuer.example.com:8443"],
    ["a user", "https://a@issuer.example.com"],
    ["a fragment", "https://issuer.example.com/#a"],
    ["a query", "https://issuer.example.com/?a=b"],
    ["loopback, deployed", "http://127.0.0.1:9000"],
  ])("refuses to ask an issuer for its keys by %s", (_, issuer) => {
    expect(byDiscovery(issuer)).toEqual(["error Invalid spec.jwtRules[0].issuer"]);
  });

  it.each(["a", "testing@secure.istio.io", "urn:issuer"])(
    "warns of the issuer %s without keys, as Istio takes it: no token will ever be accepted",
    (issuer) => {
      expect(byDiscovery(issuer)).toEqual(["warning Invalid spec.jwtRules[0].issuer"]);
    },
  );

  it("asks an issuer on loopback in the local mesh only", () => {
    expect(byDiscovery("http://127.0.0.1:9000", { local: true })).toEqual([]);
  });

  it("takes both values of presence, and no other", () => {
    for (const value of ["OPTIONAL", "REQUIRED"]) expect(rule(`${uri}, presence: ${value}`)).toEqual([]);
    for (const value of ["MANDATORY", "required", "''"])
      expect(rule(`${uri}, presence: ${value}`)).toEqual(["error NotSupported spec.jwtRules[0].presence"]);
  });

  it("takes 4096 rules and no more", () => {
    const rules = (count: number) => of(`{jwtRules: [${`{issuer: a, ${uri}}, `.repeat(count)}]}`);
    expect(rules(4_096)).toEqual([]);
    expect(rules(4_097)).toEqual(["error Invalid spec.jwtRules"]);
  });

  it("takes plain http to loopback in the local mesh only", () => {
    expect(rule("jwksUri: 'http://127.0.0.1:9000/keys'", { local: true })).toEqual([]);
    expect(rule("jwksUri: 'http://127.0.0.1:9000/keys'")).toEqual(["error Invalid spec.jwtRules[0].jwksUri"]);
  });

  it("warns where no token would ever be looked at", () => {
    expect(of("{}")).toEqual(["warning Invalid spec.jwtRules"]);
  });

  it("refuses a dry run, which would be enforced", () => {
    const { findings } = parsed(
      `{apiVersion: security.istio.io/v1, kind: RequestAuthentication, metadata: {name: a, annotations: {istio.io/dry-run: "true"}}, spec: {jwtRules: [{issuer: a, ${uri}}]}}`,
    );
    expect(findings).toMatchObject([
      { reason: "FieldValueNotSupported", field: "metadata.annotations[istio.io/dry-run]" },
    ]);
  });
});
