import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const cors = (fields: string) =>
  found(
    "networking.istio.io/v1",
    "VirtualService",
    `{hosts: [reviews], http: [{route: [{destination: {host: reviews}}], corsPolicy: {${fields}}}]}`,
  ).map((finding) => finding.replace("spec.http[0].corsPolicy", "cors"));
const origin = "allowOrigins: [{exact: https://app.test}]";

describe("corsPolicy", () => {
  it("takes all its fields", () => {
    expect(
      cors(
        'allowOrigins: [{exact: https://app.test}, {prefix: "https://a."}, {regex: "https://[a-z]+\\\\.app\\\\.test"}], allowMethods: [GET, "*"], allowHeaders: [X-Foo, "*"], exposeHeaders: [x-bar], maxAge: 24h, allowCredentials: true, unmatchedPreflights: IGNORE',
      ),
    ).toEqual([]);
  });

  it.each([
    ["an empty exact origin", 'allowOrigins: [{exact: ""}]', "Invalid cors.allowOrigins[0]"],
    ["an empty prefix", 'allowOrigins: [{prefix: ""}]', "Invalid cors.allowOrigins[0]"],
    ["an empty regex", 'allowOrigins: [{regex: ""}]', "Invalid cors.allowOrigins[0]"],
    ["an origin without a kind of match", "allowOrigins: [{}]", "Invalid cors.allowOrigins[0]"],
    ["null among the origins", "allowOrigins: [null]", "Invalid cors.allowOrigins[0]"],
    ["a regex with look-ahead", 'allowOrigins: [{regex: "(?=a)a"}]', "Invalid cors.allowOrigins[0]"],
    ["an empty origin in the older form", 'allowOrigin: [""]', "Invalid cors.allowOrigin[0]"],
    ["an unknown method", `${origin}, allowMethods: [PUTT]`, "NotSupported cors.allowMethods[0]"],
    ["a method in small letters", `${origin}, allowMethods: [get]`, "NotSupported cors.allowMethods[0]"],
    ["null among the methods", `${origin}, allowMethods: [null]`, "NotSupported cors.allowMethods[0]"],
    ["a bad header", `${origin}, allowHeaders: ["a b"]`, "Invalid cors.allowHeaders[0]"],
    ["an empty header", `${origin}, exposeHeaders: [""]`, "Invalid cors.exposeHeaders[0]"],
    ["a fraction of a second", `${origin}, maxAge: 2.5s`, "Invalid cors.maxAge"],
    ["a fraction of a millisecond", `${origin}, maxAge: 2.000000042s`, "Invalid cors.maxAge"],
    ["no time", `${origin}, maxAge: 0s`, "Invalid cors.maxAge"],
    ["a negative time", `${origin}, maxAge: -1s`, "Invalid cors.maxAge"],
    ["an unknown mode", `${origin}, unmatchedPreflights: DROP`, "NotSupported cors.unmatchedPreflights"],
    ["an unknown field", `${origin}, allowPrivate: true`, "Invalid cors.allowPrivate"],
  ])("refuses %s", (_, fields, error) => {
    expect(cors(fields)).toEqual([`error ${error}`]);
  });

  it.each([
    ["the older form", "allowOrigin: [https://app.test]", "cors.allowOrigin"],
    ["the older form beside the newer", `allowOrigin: ["*"], ${origin}`, "cors.allowOrigin"],
    ["a policy that allows nobody", "allowMethods: [GET]", "cors"],
    ["cookies for any site", 'allowOrigins: [{exact: "*"}], allowCredentials: true', "cors.allowCredentials"],
  ])("warns of %s", (_, fields, place) => {
    expect(cors(fields)).toEqual([`warning Invalid ${place}`]);
  });

  it.each([
    ["without a scheme", "app.test"],
    ["with a path", "https://app.test/"],
    ["in capitals", "https://App.test"],
    ["with the scheme's own port", "https://app.test:443"],
    ["with a wildcard", "https://*.app.test"],
    ["of letters that names have not", "https://bücher.example"],
  ])("says that no browser sends an origin %s", (_, value) => {
    for (const policy of [`allowOrigins: [{exact: "${value}"}]`, `allowOrigin: ["${value}"]`])
      expect(cors(policy)).toContain(`warning Invalid cors.${policy.slice(0, policy.indexOf(":"))}[0]`);
  });

  it.each([
    "*",
    "null",
    "https://app.test:8443",
    "http://127.0.0.1:3000",
    "http://[::1]:3000",
    "chrome-extension://abcdef",
  ])("takes the origin %s as it stands", (value) => {
    expect(cors(`allowOrigins: [{exact: "${value}"}]`)).toEqual([]);
  });

  it("warns of a rule that answers by itself: in Envoy such a route has no part in CORS", () => {
    const spec = `{hosts: [reviews], http: [{redirect: {uri: /a}, corsPolicy: {${origin}}}]}`;
    expect(found("networking.istio.io/v1", "VirtualService", spec)).toEqual([
      "warning Invalid spec.http[0].corsPolicy",
    ]);
  });
});
