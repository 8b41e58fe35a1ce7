import { describe, expect, it } from "vitest";
import { claimPath, headerOfKey } from "../../src/resources/condition-keys.ts";
import { found, parsed } from "./parsed.ts";

const of = (spec: string) => found("security.istio.io/v1", "AuthorizationPolicy", spec);
const source = (fields: string) => of(`{rules: [{from: [{source: {${fields}}}]}]}`);
const operation = (fields: string) => of(`{rules: [{to: [{operation: {${fields}}}]}]}`);
const when = (fields: string) => of(`{rules: [{when: [{${fields}}]}]}`);

describe("AuthorizationPolicy", () => {
  it.each([
    ["nothing: no one is allowed", "{}"],
    ["an empty list of rules: no one is allowed", "{action: ALLOW, rules: []}"],
    ["an empty rule: everyone is", "{rules: [{}]}"],
    ["a selector", "{selector: {matchLabels: {app: a}}, action: DENY, rules: [{}]}"],
    [
      "every field of a source",
      "{rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b, 'cluster.local/*', '*/sa/b', '*'], notPrincipals: ['*'], requestPrincipals: [iss/sub, '*'], notRequestPrincipals: ['*'], namespaces: [a, 'a*', '*a', '*'], notNamespaces: [b]}}]}]}",
    ],
    [
      "every field of an operation",
      "{rules: [{to: [{operation: {hosts: [a.com, 'a.com:*'], notHosts: ['*.b.com'], methods: [GET, '*'], notMethods: [POST], paths: [/a, '/b*', '*/c', '*'], notPaths: ['/d/{*}/e/{**}']}}]}]}",
    ],
    [
      "conditions",
      "{rules: [{when: [{key: 'request.headers[x-a]', values: [b]}, {key: source.principal, notValues: ['*']}, {key: 'request.auth.claims[a][b]', values: [c]}, {key: request.auth.audiences, values: [d]}, {key: request.auth.presenter, values: [e]}, {key: request.auth.principal, values: [f/g]}, {key: source.namespace, values: [h]}, {key: tulle.dev/protocol, values: [http], notValues: [workers-rpc]}]}]}",
    ],
    [
      "CUSTOM, which knows the caller",
      "{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {namespaces: [shop]}}]}]}",
    ],
  ])("takes %s", (_, spec) => {
    expect(of(spec)).toEqual([]);
  });

  it("takes a policy without spec: no one is allowed", () => {
    expect(
      parsed("{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: none}}"),
    ).toMatchObject({ object: { spec: {} }, findings: [] });
  });

  it.each([
    ["an unknown action", "{action: REFUSE}", "NotSupported spec.action"],
    ["an action in small letters", "{action: deny, rules: [{}]}", "NotSupported spec.action"],
    ["CUSTOM without a provider", "{action: CUSTOM, rules: [{}]}", "Required spec.provider.name"],
    ["CUSTOM without rules", "{action: CUSTOM, provider: {name: a}}", "Required spec.rules"],
    ["a provider of another action", "{provider: {name: a}, rules: [{}]}", "Invalid spec.provider"],
    [
      "CUSTOM that looks at a token",
      "{action: CUSTOM, provider: {name: a}, rules: [{from: [{source: {requestPrincipals: [a/b]}}]}]}",
      "Invalid spec.rules[0].from[0].source.requestPrincipals",
    ],
    [
      "CUSTOM that looks at a claim",
      "{action: CUSTOM, provider: {name: a}, rules: [{when: [{key: 'request.auth.claims[a]', values: [b]}]}]}",
      "Invalid spec.rules[0].when[0].key",
    ],
    ["a wildcard in the selector", "{selector: {matchLabels: {app: '*'}}}", "Invalid spec.selector.matchLabels.app"],
    ["513 rules", `{rules: [${"{}, ".repeat(513)}]}`, "Invalid spec.rules"],
    ["a rule that is null", "{rules: [~]}", "Invalid spec.rules[0]"],
    ["a misspelt rule", "{rules: [{form: []}]}", "Invalid spec.rules[0].form"],
    ["an empty from", "{rules: [{from: []}]}", "Invalid spec.rules[0].from"],
    ["an empty to", "{rules: [{to: []}]}", "Invalid spec.rules[0].to"],
    ["an empty when", "{rules: [{when: []}]}", "Invalid spec.rules[0].when"],
    ["a from without source", "{rules: [{from: [{}]}]}", "Required spec.rules[0].from[0].source"],
    ["an empty source", "{rules: [{from: [{source: {}}]}]}", "Required spec.rules[0].from[0].source"],
    [
      "a protocol that is none",
      "{rules: [{when: [{key: tulle.dev/protocol, values: [workers-rpc, rpc]}]}]}",
      "Invalid spec.rules[0].when[0].values[1]",
    ],
    [
      "a pattern of protocols",
      "{rules: [{when: [{key: tulle.dev/protocol, notValues: ['*']}]}]}",
      "Invalid spec.rules[0].when[0].notValues[0]",
    ],
    ["an empty operation", "{rules: [{to: [{operation: {}}]}]}", "Required spec.rules[0].to[0].operation"],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });

  it.each(["principals", "notPrincipals", "requestPrincipals", "notRequestPrincipals", "namespaces", "notNamespaces"])(
    "refuses an empty list, an empty text and null in %s",
    (field) => {
      expect(source(`${field}: []`)).toEqual([`error Invalid spec.rules[0].from[0].source.${field}`]);
      expect(source(`${field}: [""]`)).toEqual([`error Invalid spec.rules[0].from[0].source.${field}[0]`]);
      expect(source(`${field}: null`)).toEqual([`error Invalid spec.rules[0].from[0].source.${field}`]);
    },
  );

  it.each(["hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"])(
    "refuses an empty list, an empty text and null in %s",
    (field) => {
      expect(operation(`${field}: []`)).toEqual([`error Invalid spec.rules[0].to[0].operation.${field}`]);
      expect(operation(`${field}: [""]`)).toEqual([`error Invalid spec.rules[0].to[0].operation.${field}[0]`]);
      expect(operation(`${field}: null`)).toEqual([`error Invalid spec.rules[0].to[0].operation.${field}`]);
    },
  );

  it.each([
    ["a service account of the policy's own namespace", "serviceAccounts: [sa, a.b/c.d], notServiceAccounts: [x/y]"],
    ["trust domains", "trustDomains: [td, 'td-*', '*-td', '*'], notTrustDomains: [cluster.local]"],
    ["addresses and ranges", "ipBlocks: [1.2.3.4, 10.0.0.0/8, '2001:db8::/32'], notIpBlocks: ['::1', 0.0.0.0/0]"],
    ["addresses of clients", "remoteIpBlocks: ['::ffff:10.0.0.0/104'], notRemoteIpBlocks: ['::ffff:1.2.3.4']"],
    ["namespaces with wildcards anywhere", "namespaces: ['a*b', '*a*', '*'], notNamespaces: ['a*b*c']"],
  ])("takes %s", (_, fields) => {
    expect(source(fields)).toEqual([]);
  });

  it.each(["serviceAccounts", "notServiceAccounts"])(
    "refuses a wildcard, a third part and an empty one in %s",
    (field) => {
      const at = `error Invalid spec.rules[0].from[0].source.${field}`;
      for (const value of ["a/*", "*", "a/b/c", "/b", "a/"])
        expect(source(`${field}: ['${value}']`)).toEqual([`${at}[0]`]);
      expect(source(`${field}: [${"x, ".repeat(17)}]`)).toEqual([at]);
      expect(source(`${field}: [${"x".repeat(321)}]`)).toEqual([`${at}[0]`]);
    },
  );

  it.each(["principals", "notPrincipals", "namespaces", "notNamespaces"])(
    "refuses service accounts beside %s",
    (field) => {
      const error = "error Invalid spec.rules[0].from[0].source";
      expect(source(`serviceAccounts: [a/b], ${field}: ['*']`)).toEqual([error]);
      expect(source(`notServiceAccounts: [a/b], ${field}: ['*']`)).toEqual([error]);
    },
  );

  it.each(["ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"])(
    "refuses what is no address in %s",
    (field) => {
      for (const value of [
        "a.b.c.d",
        "10.1",
        "10.1.2.999",
        "10.0.0.0/33",
        "::1/129",
        "10.0.0.0/08",
        "fe80::1%eth0",
        "::ffff:0.0.0.0/95",
      ])
        expect(source(`${field}: ['${value}']`)).toEqual([`error Invalid spec.rules[0].from[0].source.${field}[0]`]);
    },
  );

  it("says what a range is whose last bits are set", () => {
    expect(source("ipBlocks: [10.1.2.3/8]")).toEqual(["warning Invalid spec.rules[0].from[0].source.ipBlocks[0]"]);
  });

  it.each(["ports", "notPorts"])("takes ports as texts in %s, and nothing else", (field) => {
    expect(operation(`${field}: ["80", "65535"]`)).toEqual([]);
    for (const value of ["'0'", "'65536'", "http", "'080'", "80"])
      expect(operation(`${field}: [${value}]`)).toEqual([`error Invalid spec.rules[0].to[0].operation.${field}[0]`]);
  });

  it("takes a regular expression for the path, which is not one of `paths`", () => {
    expect(operation("pathRegex: '/a.*b'")).toEqual([]);
    expect(operation("pathRegex: '(?=a)a'")).toEqual(["error Invalid spec.rules[0].to[0].operation.pathRegex"]);
    expect(operation("pathRegex: '/a', paths: ['/a']")).toEqual(["error Invalid spec.rules[0].to[0].operation"]);
  });

  it.each([
    ["an address that is none", "source.ip", "a.b.c.d", "error Invalid"],
    ["the same of a client", "remote.ip", "1.2.3", "error Invalid"],
    ["a pattern of accounts", "source.serviceAccount", "a/*", "error Invalid"],
    ["a port that is none", "destination.port", "http", "error Invalid"],
    ["a trust domain with a path", "source.trustDomain", "a/ns", "warning Invalid"],
  ])("answers %s in a condition", (_, key, value, finding) => {
    expect(when(`key: ${key}, values: ['${value}']`)).toEqual([`${finding} spec.rules[0].when[0].values[0]`]);
    expect(when(`key: ${key}, notValues: ['${value}']`)).toEqual([`${finding} spec.rules[0].when[0].notValues[0]`]);
  });

  it.each([
    ["source.ip", "10.0.0.0/8"],
    ["remote.ip", "2001:db8::1"],
    ["source.serviceAccount", "sa"],
    ["source.trustDomain", "td-*"],
    ["source.namespace", "a*b"],
    ["destination.port", "8080"],
    ["connection.sni", "*.example.com"],
    ["request.headers[:authority]", "a.com"],
  ])("takes the condition %s", (key, value) => {
    expect(when(`key: "${key}", values: ['${value}']`)).toEqual([]);
  });

  it.each(["destination.ip", "request.headers[:path]", "request.headers[:method]", "experimental.envoy.filters.a[b]"])(
    "refuses the condition %s with what to write instead",
    (key) => {
      expect(when(`key: "${key}", values: [a]`)).toEqual(["error Invalid spec.rules[0].when[0].key"]);
    },
  );

  it.each([
    ["a DENY of one path", "DENY", "paths: [/admin]", ["paths[0]"]],
    ["each of them", "DENY", "paths: [/a, /b/, /c, '/c/*']", ["paths[0]", "paths[1]"]],
    ["an ALLOW of all but one path", "ALLOW", "notPaths: [/admin]", ["notPaths[0]"]],
    ["a path with all that begins with it", "DENY", "paths: [/admin, '/admin*']", []],
    ["a path with a template", "DENY", "paths: [/admin, '/admin/{**}']", []],
    ["the root, and patterns", "DENY", "paths: [/, '/a/*', '*/b']", []],
    ["an ALLOW of one path", "ALLOW", "paths: [/admin]", []],
    ["a DENY of all but one path", "DENY", "notPaths: [/admin]", []],
  ])("%s: says which paths below stay open", (_, action, fields, open) => {
    expect(of(`{action: ${action}, rules: [{to: [{operation: {${fields}}}]}]}`)).toEqual(
      open.map((field) => `warning Invalid spec.rules[0].to[0].operation.${field}`),
    );
  });

  it.each([
    ["stars at both ends", "principals: ['*a*']", "error Invalid spec.rules[0].from[0].source.principals[0]"],
    [
      "a principal with its scheme",
      "notPrincipals: ['spiffe://cluster.local/ns/a/sa/b']",
      "error Invalid spec.rules[0].from[0].source.notPrincipals[0]",
    ],
    [
      "a principal in another form",
      "principals: [order-service]",
      "warning Invalid spec.rules[0].from[0].source.principals[0]",
    ],
    [
      "a request principal without subject",
      "requestPrincipals: [issuer]",
      "warning Invalid spec.rules[0].from[0].source.requestPrincipals[0]",
    ],
    [
      "a star inside a principal",
      "principals: ['cluster.local/ns/*/sa/b']",
      "warning Invalid spec.rules[0].from[0].source.principals[0]",
    ],
  ])("answers %s", (_, fields, finding) => {
    expect(source(fields)).toEqual([finding]);
  });

  it.each([
    ["stars at both ends", "paths: ['*a*']", "error"],
    ["a template without slash", "paths: ['{*}/a']", "error"],
    ["half a segment as operator", "paths: ['/a{*}']", "error"],
    ["another star in a template", "paths: ['/{*}/a*']", "error"],
    ["an operator after `{**}`", "paths: ['/{**}/{*}']", "error"],
    ["an unknown operator", "paths: ['/{id}']", "error"],
    ["a brace", "paths: ['/a}']", "error"],
    ["a path without slash", "paths: [a]", "warning"],
    ["a query", "paths: ['/a?b']", "warning"],
    ["dot segments", "paths: [/a/../b]", "warning"],
    ["a parameter", "paths: ['/a;b']", "warning"],
    ["an escaped letter", "paths: ['/%61dmin']", "warning"],
    ["two slashes", "paths: [//admin]", "warning"],
    ["a blank", "paths: ['/a b']", "warning"],
    ["a letter with an accent", "paths: [/café]", "warning"],
    ["a quote", `paths: ['/a"b*']`, "warning"],
    ["an angle bracket in a template", "paths: ['/{*}/<b>']", "warning"],
    ["an escape that is none", "paths: ['/a%zz']", "warning"],
    ["an escaped NUL", "paths: ['/a%00*']", "warning"],
    ["a star in the middle", "paths: ['/a/*/b']", "warning"],
  ])("answers a path with %s", (_, fields, severity) => {
    expect(operation(fields)).toEqual([`${severity} Invalid spec.rules[0].to[0].operation.paths[0]`]);
  });

  it.each(["get", "Get", "p*", "FOO", "M-SEARCH", "LINK", "TRACE", "CONNECT", "GET ", "XY*"])(
    "warns of the method %s, which no request has",
    (method) => {
      expect(operation(`methods: ["${method}"]`)).toEqual(["warning Invalid spec.rules[0].to[0].operation.methods[0]"]);
    },
  );

  it.each(["GET", "PROPFIND", "QUERY", "PURGE", "MKCOL", "P*", "*ET", "*"])("takes the method %s", (method) => {
    expect(operation(`methods: ["${method}"]`)).toEqual([]);
  });

  it.each(["/caf%C3%A9", "/a%20b", "/a%2*", "/a%*", "/it's!$&()+,=:@|[]", "/a/{*}/b/{**}"])(
    "takes the path %s",
    (path) => {
      expect(operation(`paths: ["${path}"]`)).toEqual([]);
    },
  );

  it("warns of a host with a path", () => {
    expect(operation("hosts: ['http://a.com']")).toEqual(["warning Invalid spec.rules[0].to[0].operation.hosts[0]"]);
  });

  it.each([
    ["no key", "values: [a]", "Required spec.rules[0].when[0].key"],
    ["an unknown key", "key: source.name, values: [a]", "Invalid spec.rules[0].when[0].key"],
    ["a key of a prototype", "key: constructor, values: [a]", "Invalid spec.rules[0].when[0].key"],
    ["a key that was removed", "key: 'destination.labels[a]', values: [a]", "Invalid spec.rules[0].when[0].key"],
    ["a header without name", "key: 'request.headers[]', values: [a]", "Invalid spec.rules[0].when[0].key"],
    ["a bad header name", "key: 'request.headers[a b]', values: [a]", "Invalid spec.rules[0].when[0].key"],
    ["a claim without name", "key: request.auth.claims, values: [a]", "Invalid spec.rules[0].when[0].key"],
    ["the workload's address", "key: destination.ip, values: [10.0.0.1]", "Invalid spec.rules[0].when[0].key"],
    ["metadata of Envoy", "key: 'experimental.envoy.filters.a[b]', values: [a]", "Invalid spec.rules[0].when[0].key"],
    ["no values", "key: source.principal", "Required spec.rules[0].when[0]"],
    ["an empty list of values", "key: source.principal, values: []", "Invalid spec.rules[0].when[0].values"],
    [
      "a principal with its scheme",
      "key: source.principal, values: ['spiffe://a/ns/b/sa/c']",
      "Invalid spec.rules[0].when[0].values[0]",
    ],
    [
      "stars at both ends",
      "key: 'request.headers[a]', notValues: ['*a*']",
      "Invalid spec.rules[0].when[0].notValues[0]",
    ],
  ])("refuses a condition with %s", (_, fields, error) => {
    expect(when(fields)).toEqual([`error ${error}`]);
  });

  it("warns, as Istio does, of a DENY by HTTP alone, but not of one by paths, the usual one", () => {
    const deny = (rule: string) => of(`{action: DENY, rules: [${rule}]}`);
    const warned = ["warning Invalid spec.rules[0]"];
    expect(deny("{to: [{operation: {methods: [GET]}}]}")).toEqual(warned);
    expect(deny("{to: [{operation: {paths: ['/a*'], methods: [GET]}}]}")).toEqual(warned);
    expect(deny("{from: [{source: {requestPrincipals: [iss/sub]}}]}")).toEqual(warned);
    expect(deny("{from: [{source: {namespaces: [a]}}], to: [{operation: {paths: ['/a*']}}]}")).toEqual(warned);
    expect(deny("{to: [{operation: {paths: ['/a*']}}]}")).toEqual([]);
    expect(deny("{to: [{operation: {notPaths: ['/a*']}}, {operation: {paths: ['/b*']}}]}")).toEqual([]);
    expect(deny("{from: [{source: {namespaces: [a]}}]}")).toEqual([]);
    for (const field of ["serviceAccounts: [a]", "trustDomains: [td]", "ipBlocks: [1.2.3.4]"])
      expect(deny(`{from: [{source: {${field}}}]}`)).toEqual([]);
    expect(deny("{from: [{source: {principals: ['*']}}], to: [{operation: {ports: ['80'], methods: [GET]}}]}")).toEqual(
      [],
    );
  });

  it("warns of a DENY that denies nothing, of an AUDIT that matches nothing and of a selector that selects everything", () => {
    expect(of("{action: DENY}")).toEqual(["warning Invalid spec.rules"]);
    expect(of("{action: AUDIT}")).toEqual(["warning Invalid spec.rules"]);
    expect(of("{action: AUDIT, rules: [{}]}")).toEqual([]);
    expect(of("{selector: {}}")).toEqual(["warning Invalid spec.selector"]);
  });

  it.each([
    ["true", []],
    ["T", []],
    ["yes", ["Invalid"]],
    ["", ["Invalid"]],
    ["false", []],
  ])("answers the annotation for a dry run, %s", (value, reasons) => {
    const { findings } = parsed(
      `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: a, annotations: {istio.io/dry-run: "${value}"}}}`,
    );
    expect(findings.map(({ reason, field }) => `${reason} ${field}`)).toEqual(
      reasons.map((reason) => `FieldValue${reason} metadata.annotations[istio.io/dry-run]`),
    );
  });
});

describe("condition keys", () => {
  it("are read apart", () => {
    expect(claimPath("request.auth.claims[a][b-c]")).toEqual(["a", "b-c"]);
    expect(claimPath("request.auth.claims")).toBeNull();
    expect(headerOfKey("request.headers[X-Role]")).toBe("x-role");
    expect(headerOfKey("source.principal")).toBeNull();
  });
});
