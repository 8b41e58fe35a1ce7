import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const RULE = { issuer: "https://issuer.example.com", subject: "a:{b}:c", namespace: "shop", serviceAccount: "web" };

const of = (fields: string, options = { local: false }) =>
  found("tulle.dev/v1alpha1", "EnrolmentRule", JSON.stringify({ ...RULE, ...parse(`{${fields}}`) }), options).filter(
    (finding) => !finding.endsWith("metadata.namespace"),
  );

const KEY = '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}';

describe("EnrolmentRule", () => {
  it.each([
    ["", "an issuer whose keys are found"],
    ['jwksUri: "https://issuer.example.com/keys"', "the place of its keys"],
    [`issuer: "https://kubernetes.default.svc.cluster.local", jwks: '${KEY}'`, "keys of an issuer that is not reached"],
    ['namespace: "{b}", serviceAccount: "ci-{b}"', "parts of the subject"],
    ['subject: "repo:acme/shop:pull_request"', "pull requests, by their name"],
    ['issuer: "https://token.actions.githubusercontent.com", subject: "repo:acme/shop:ref:*"', "a repository"],
  ])("takes %s: %s", (fields) => {
    expect(of(fields)).toEqual([]);
  });

  it.each([
    ['issuer: "http://issuer.example.com"', "spec.issuer"],
    ['issuer: "https://10.0.0.1"', "spec.issuer"],
    ['issuer: "https://issuer.example.com?a=b"', "spec.issuer"],
    ['issuer: "https://u:p@issuer.example.com"', "spec.issuer"],
    ['jwksUri: "http://issuer.example.com/keys"', "spec.jwksUri"],
    [`jwksUri: "https://issuer.example.com/keys", jwks: '${KEY}'`, "spec.jwks"],
    ["jwks: '{\"keys\":[]}'", "spec.jwks"],
    ['jwks: \'{"keys":[{"kty":"oct","k":"AA"}]}\'', "spec.jwks"],
    ['subject: "a:b*:c"', "spec.subject"],
    ['subject: "a:x{b}:c"', "spec.subject"],
    ['subject: "*:{b}"', "spec.subject"],
    ['subject: "a::c"', "spec.subject"],
    ['subject: "a:{b}:{b}"', "spec.subject"],
    ['issuer: "https://token.actions.githubusercontent.com", subject: "repo:{b}:ref:refs/heads/main"', "spec.subject"],
    ['issuer: "https://token.actions.githubusercontent.com/", subject: "repo:*:pull_request"', "spec.subject"],
    ["namespace: Shop", "spec.namespace"],
    ['namespace: "{c}"', "spec.namespace"],
    ['serviceAccount: "{b}-{b}"', "spec.serviceAccount"],
    ['serviceAccount: "a/../{b}"', "spec.serviceAccount"],
    ['serviceAccount: ""', "spec.serviceAccount"],
  ])("refuses %s at %s", (fields, field) => {
    expect(of(fields)).toEqual([`error Invalid ${field}`]);
  });

  it("lets the local mesh alone find keys over plain http", () => {
    expect(of('issuer: "http://127.0.0.1:9000"', { local: true })).toEqual([]);
    expect(of('issuer: "http://127.0.0.1:9000"')).toEqual(["error Invalid spec.issuer"]);
  });
});
