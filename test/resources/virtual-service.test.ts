import { describe, expect, it } from "vitest";
import { found, parsed } from "./parsed.ts";

const of = (spec: string) => found("networking.istio.io/v1", "VirtualService", spec);
/** One rule of a service in the mesh. */
const rule = (fields: string) => of(`{hosts: [reviews], http: [{${fields}}]}`);
const routed = (fields: string) => rule(`route: [{destination: {host: reviews}}], ${fields}`);
const matched = (fields: string) => routed(`match: [{${fields}}]`);
const one = "route: [{destination: {host: reviews}}]";

describe("VirtualService", () => {
  it("takes all that is built", () => {
    const { object, findings } = parsed(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews, "*.example.com"]
  gateways: [mesh, edge, infra/edge]
  exportTo: [., other]
  http:
    - name: premium
      match:
        - name: first
          uri: {prefix: /v1}
          ignoreUriCase: true
          scheme: {exact: https}
          method: {regex: GET|HEAD}
          authority: {exact: "reviews:9080"}
          headers: {user-type: {exact: premium}, x-there: {}, x-also: {regex: "*"}}
          withoutHeaders: {x-old: {prefix: a}}
          queryParams: {page: {regex: "[0-9]+"}, flag: {exact: ""}}
          port: 9080
          sourceNamespace: shop
          gateways: [mesh]
          statPrefix: premium
        - headers: {"@request.auth.claims.a.b": {exact: c}, "@request.auth.claims[a.b][c]": {}, ":method": {exact: GET}, ":path": {prefix: "/a?"}}
          withoutHeaders: {"@Request.Auth.Claims.sub": {regex: "*"}, ":Authority": {exact: a.example}}
          port: 0
        - uri: {regex: "/a/[^/]+"}
      route:
        - destination: {host: reviews, subset: v2, port: {number: 9080}}
          weight: 90
          headers: {request: {set: {x-a: "100%%"}, add: {x-b: c}, remove: [x-d]}, response: {set: {x-e: f}}}
        - destination: {host: reviews.shop.svc.cluster.local}
          weight: 10
      rewrite: {uri: /v2, authority: reviews.example.com}
      timeout: 1.5s
      headers: {response: {remove: [server]}}
    - timeout: 0s
      ${one}
`);
    expect(findings).toEqual([]);
    expect(object).not.toBeNull();
  });

  it.each([
    ["a delegate with gateways", `{gateways: [g], http: [{${one}}]}`, "Invalid spec.gateways"],
    ["a delegate that delegates", "{hosts: [], http: [{delegate: {name: a}}]}", "Invalid spec.http[0].delegate"],
    ["a delegate without action", "{hosts: [], http: [{}]}", "Required spec.http[0].route"],
    [
      "claims in a delegate, which names no gateway",
      `{http: [{match: [{headers: {"@request.auth.claims.a": {}}}], ${one}}]}`,
      "Invalid spec.http[0].match[0].headers[@request.auth.claims.a]",
    ],
    ["a bad host", `{hosts: [a_b], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    [
      "an IP address as a destination",
      "{hosts: [a.com], http: [{route: [{destination: {host: 10.0.0.1}}]}]}",
      "Invalid spec.http[0].route[0].destination.host",
    ],
    ["a label with a dot", `{hosts: [a.], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    ["a host with a port", `{hosts: ["a:80"], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    ["a star inside a host", `{hosts: ["a.*.com"], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    [
      "a star behind a part of a label",
      `{hosts: ["foo*.com"], gateways: [g], http: [{${one}}]}`,
      "Invalid spec.hosts[0]",
    ],
    ["a star before two dashes", `{hosts: ["*--a.com"], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    ["a host inside a part", `{hosts: ["*-eu.foo.com", a-eu.foo.com], http: [{${one}}]}`, "Duplicate spec.hosts[1]"],
    ["`*` in the mesh", `{hosts: ["*"], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    ["`*` also in the mesh", `{hosts: ["*"], gateways: [g, mesh], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    ["an IP address in the mesh", `{hosts: [10.0.0.1], http: [{${one}}]}`, "Invalid spec.hosts[0]"],
    ["a host twice", `{hosts: [a.com, A.com], http: [{${one}}]}`, "Duplicate spec.hosts[1]"],
    ["a wildcard inside another", `{hosts: ["*.foo.bar", "*.bar"], http: [{${one}}]}`, "Duplicate spec.hosts[1]"],
    ["a host inside a wildcard", `{hosts: [a.foo.com, "*.foo.com"], http: [{${one}}]}`, "Duplicate spec.hosts[1]"],
    ["a bad gateway", `{hosts: [a], gateways: [a/b/c], http: [{${one}}]}`, "Invalid spec.gateways[0]"],
    ["`*` among other scopes", `{hosts: [a], exportTo: ["*", b], http: [{${one}}]}`, "Invalid spec.exportTo"],
    ["a scope twice", `{hosts: [a], exportTo: [b, b], http: [{${one}}]}`, "Invalid spec.exportTo"],
    ["its own namespace beside `.`", `{hosts: [a], exportTo: [., shop], http: [{${one}}]}`, "Duplicate spec.exportTo"],
    ["`~` as scope", `{hosts: [a], exportTo: ["~"], http: [{${one}}]}`, "Invalid spec.exportTo[0]"],
    ["no rules", "{hosts: [a]}", "Required spec.http"],
    ["TCP", `{hosts: [a], http: [{${one}}], tcp: [{route: []}]}`, "NotSupported spec.tcp"],
    ["TLS in place of rules", "{hosts: [a], tls: [{}]}", "NotSupported spec.tls"],
  ])("refuses %s", (_, spec, error) => {
    expect(of(spec)).toEqual([`error ${error}`]);
  });

  it.each([
    ["foo.com beside *.foo.com", `{hosts: [foo.com, "*.foo.com"], http: [{${one}}]}`],
    ["`*` at a gateway", `{hosts: ["*"], gateways: [g], http: [{${one}}]}`],
    ["a delegate, which has no hosts", `{http: [{match: [{sourceNamespace: a}], ${one}}]}`],
    ["a delegate with an empty list of hosts", `{hosts: [], exportTo: [a], http: [{redirect: {uri: /a}}]}`],
    [
      "a root, whose rule without match is followed by others",
      `{hosts: [a], http: [{delegate: {name: b}}, {delegate: {name: c, namespace: d}, timeout: 1s, rewrite: {uri: /a}}, {${one}}]}`,
    ],
    ["an IP address at a gateway", `{hosts: [10.0.0.1], gateways: [g], http: [{${one}}]}`],
  ])("takes %s", (_, spec) => {
    expect(of(spec)).toEqual([]);
  });

  it.each([
    ["no route", "name: a", "Required spec.http[0].route"],
    ["an empty route", "route: []", "Required spec.http[0].route"],
    ["a delegate beside a route", `${one}, delegate: {name: a}`, "Invalid spec.http[0]"],
    ["a delegate beside a redirect", "redirect: {uri: /a}, delegate: {name: a}", "Invalid spec.http[0]"],
    ["a delegate without name", "delegate: {namespace: a}", "Required spec.http[0].delegate.name"],
    ["a delegate with a bad name", "delegate: {name: A}", "Invalid spec.http[0].delegate.name"],
    ["a delegate in a bad namespace", "delegate: {name: a, namespace: a.b}", "Invalid spec.http[0].delegate.namespace"],
    [
      "a subset that no DestinationRule can have",
      "route: [{destination: {host: a, subset: v_1}}]",
      "Invalid spec.http[0].route[0].destination.subset",
    ],
    ["no destination", "route: [{weight: 1}]", "Required spec.http[0].route[0].destination"],
    [
      "a wildcard as destination",
      'route: [{destination: {host: "*"}}]',
      "Invalid spec.http[0].route[0].destination.host",
    ],
    [
      "port 0",
      "route: [{destination: {host: a, port: {number: 0}}}]",
      "Invalid spec.http[0].route[0].destination.port.number",
    ],
    [
      "port 65536",
      "route: [{destination: {host: a, port: {number: 65536}}}]",
      "Invalid spec.http[0].route[0].destination.port.number",
    ],
    [
      "half a port",
      "route: [{destination: {host: a, port: {number: 80.5}}}]",
      "Invalid spec.http[0].route[0].destination.port.number",
    ],
    ["a negative weight", "route: [{destination: {host: a}, weight: -1}]", "Invalid spec.http[0].route[0].weight"],
    [
      "weights that sum to 0",
      "route: [{destination: {host: a}}, {destination: {host: b}, weight: 0}]",
      "Invalid spec.http[0].route",
    ],
    [
      "weights that overflow",
      "route: [{destination: {host: a}, weight: 2147483647}, {destination: {host: b}, weight: 2147483647}, {destination: {host: c}, weight: 2}]",
      "Invalid spec.http[0].route",
    ],
  ])("refuses %s", (_, fields, error) => {
    expect(rule(fields)).toEqual([`error ${error}`]);
  });

  it("takes weight 0 for the only destination, with a warning", () => {
    expect(rule("route: [{destination: {host: a}, weight: 0}]")).toEqual([
      "warning Invalid spec.http[0].route[0].weight",
    ]);
  });

  it.each([
    ["two kinds of match", "uri: {exact: /a, prefix: /b}", "Invalid spec.http[0].match[0].uri"],
    ["no kind of match", "uri: {}", "Invalid spec.http[0].match[0].uri"],
    ["an unknown kind of match", "uri: {exact: /a, suffix: /b}", "Invalid spec.http[0].match[0].uri.suffix"],
    ["an empty regex", 'uri: {regex: ""}', "Invalid spec.http[0].match[0].uri"],
    ["an empty prefix of a method", 'method: {prefix: ""}', "Invalid spec.http[0].match[0].method"],
    ["an empty prefix of a header", 'headers: {a: {prefix: ""}}', "Invalid spec.http[0].match[0].headers.a"],
    ["look-ahead", 'uri: {regex: "(?=a)a"}', "Invalid spec.http[0].match[0].uri"],
    ["look-behind", 'uri: {regex: "(?<!b)c"}', "Invalid spec.http[0].match[0].uri"],
    ["a back-reference", 'uri: {regex: "(a)\\\\1"}', "Invalid spec.http[0].match[0].uri"],
    ["an unbalanced regex", 'uri: {regex: "(a"}', "Invalid spec.http[0].match[0].uri"],
    ["a lone star as regex of a path", 'uri: {regex: "*"}', "Invalid spec.http[0].match[0].uri"],
    ["a repeat above 1,000", 'uri: {regex: "a{1001}"}', "Invalid spec.http[0].match[0].uri"],
    ["repeats of repeats", 'uri: {regex: "((a{100}){100}){100}"}', "Invalid spec.http[0].match[0].uri"],
    ["a large program", 'uri: {regex: "a{1000}b{1000}c{1000}"}', "Invalid spec.http[0].match[0].uri"],
    ["a long regex", `uri: {regex: "${"a".repeat(1_025)}"}`, "Invalid spec.http[0].match[0].uri"],
    [
      "2,000 nested groups",
      `uri: {regex: "${"(".repeat(2_000)}a${")".repeat(2_000)}"}`,
      "Invalid spec.http[0].match[0].uri",
    ],
    ["a bad header name", 'headers: {"a b": {exact: c}}', "Invalid spec.http[0].match[0].headers[a b]"],
    ["another pseudo-header", 'headers: {":status": {exact: a}}', "Invalid spec.http[0].match[0].headers[:status]"],
    [
      "a claim in the mesh",
      'headers: {"@request.auth.claims.sub": {exact: a}}',
      "Invalid spec.http[0].match[0].headers[@request.auth.claims.sub]",
    ],
    ["text for a match", "uri: /a", "Invalid spec.http[0].match[0].uri"],
    ["an unknown field", "url: {exact: /a}", "Invalid spec.http[0].match[0].url"],
    [
      "a wildcard in labels of the caller",
      'sourceLabels: {app: "*"}',
      "Invalid spec.http[0].match[0].sourceLabels.app",
    ],
    [
      "a claim in the mesh, by what is not there",
      'withoutHeaders: {"@request.auth.claims[sub]": {}}',
      "Invalid spec.http[0].match[0].withoutHeaders[@request.auth.claims[sub]]",
    ],
    [
      "no claim",
      'headers: {"@request.auth.claims": {}}',
      "Invalid spec.http[0].match[0].headers[@request.auth.claims]",
    ],
    [
      "an empty claim",
      'headers: {"@request.auth.claims.a..b": {}}',
      "Invalid spec.http[0].match[0].headers[@request.auth.claims.a..b]",
    ],
    [
      "half a bracket",
      'headers: {"@request.auth.claims[a": {}}',
      "Invalid spec.http[0].match[0].headers[@request.auth.claims[a]",
    ],
    [
      "another fact of tokens",
      'headers: {"@request.auth.principal": {}}',
      "Invalid spec.http[0].match[0].headers[@request.auth.principal]",
    ],
    ["null for a header", "headers: {a: null}", "Invalid spec.http[0].match[0].headers.a"],
    ["null for a parameter", "queryParams: {a: null}", "Invalid spec.http[0].match[0].queryParams.a"],
    ["a port above 65535", "port: 65536", "Invalid spec.http[0].match[0].port"],
  ])("refuses %s in a match", (_, fields, error) => {
    expect(matched(fields)).toEqual([`error ${error}`]);
  });

  it("says of an SNI that it cannot be seen", () => {
    const { findings } = parsed(
      `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [outbound_.80_._.a.b.svc], http: [{${one}}]}}`,
    );
    expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining("cannot work here")]);
  });

  it("takes a null among the matches for a block that matches everything, and says so", () => {
    const { object, findings } = parsed(
      `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [a], http: [{match: [null], ${one}}]}}`,
    );
    expect(object?.spec).toMatchObject({ http: [{ match: [{}] }] });
    expect(findings).toMatchObject([{ severity: "warning", field: "spec.http[0].match[0]" }]);
  });

  it("warns of a rule behind one that matches everything", () => {
    const behind = (first: string) => of(`{hosts: [a], http: [{${first}${one}}, {name: second, ${one}}]}`);
    const warning = ["warning Invalid spec.http[1]"];
    expect(behind("")).toEqual(warning);
    expect(behind("match: [], ")).toEqual(warning);
    expect(behind("match: [{uri: {exact: /a}}, {name: all}], ")).toEqual(warning);
    expect(behind("match: [{uri: {prefix: /}}], ")).toEqual(warning);
    expect(behind('match: [{uri: {regex: ".*"}}], ')).toEqual(warning);
    expect(behind('match: [{uri: {regex: "/.*"}}], ')).toEqual([]);
    expect(behind("match: [{uri: {prefix: /}, headers: {a: {}}}], ")).toEqual([]);
    expect(behind("match: [{port: 80}], ")).toEqual([]);
  });

  it.each([
    ["a path without slash", "uri: {exact: a}"],
    ["a query", 'uri: {exact: "/a?b"}'],
    ["a parameter", 'uri: {exact: "/a;b"}'],
    ["dot segments", "uri: {prefix: /a/../b}"],
    ["a backslash", "uri: {exact: '/a\\b'}"],
    ["an escaped letter", 'uri: {prefix: "/%61"}'],
    ["two slashes", "uri: {exact: /a//b}"],
    ["a blank", "uri: {exact: '/a b'}"],
    ["a letter with an accent", "uri: {prefix: /café}"],
    ["an escape that is none", "uri: {exact: '/a%zz'}"],
  ])("warns of a path that no request has: %s", (_, fields) => {
    expect(matched(fields)).toEqual(["warning Invalid spec.http[0].match[0].uri"]);
  });

  it.each(["prefix: '/api/*'", "exact: '/api/*'"])("says of a path that its star is no wildcard: %s", (path) => {
    expect(matched(`uri: {${path}}`)).toEqual(["warning Invalid spec.http[0].match[0].uri"]);
    expect(matched("uri: {regex: '/api/.*'}")).toEqual([]);
  });

  it.each([
    ["method: {exact: get}", "method"],
    ["method: {exact: FOO}", "method"],
    ["method: {prefix: pro}", "method"],
    ["method: {regex: 'get|post'}", "method"],
    ["scheme: {exact: HTTP}", "scheme"],
    ["queryParams: {q: {exact: 'a b'}}", "queryParams.q"],
    ["queryParams: {q: {prefix: é}}", "queryParams.q"],
    ["queryParams: {q: {exact: 'a&b'}}", "queryParams.q"],
    ["queryParams: {q: {exact: a'}}", "queryParams.q"],
    ["queryParams: {'a b': {}}", "queryParams[a b]"],
    ["queryParams: {'a=b': {}}", "queryParams[a=b]"],
    ["uri: {regex: '/caf%c3%a9/.*'}", "uri.regex"],
    ['headers: {":method": {exact: get}}', "headers[:method]"],
    ['headers: {":scheme": {prefix: HTTP}}', "headers[:scheme]"],
    ["scheme: {exact: wss}", "scheme"],
    ["scheme: {regex: 'ftp.*'}", "scheme"],
    ["withoutHeaders: {x-debug: {regex: '.*'}}", "withoutHeaders[x-debug]"],
  ])("warns of what no request has: %s", (fields, field) => {
    expect(matched(fields)).toEqual([`warning Invalid spec.http[0].match[0].${field}`]);
  });

  it.each([
    "method: {exact: PROPFIND}",
    "method: {prefix: P}",
    "method: {regex: '(?i)get'}",
    "scheme: {prefix: http}",
    "authority: {exact: API.Example.com}",
    "uri: {exact: /caf%C3%A9}",
    "queryParams: {q: {exact: 'a%20b+c=d[]{}|^`'}, 'k%5B%5D': {}, r: {regex: 'a b'}}",
    "uri: {prefix: /caf%c3%a9}",
    "uri: {regex: '/caf%C3%A9/.*'}",
  ])("has nothing to say of %s", (fields) => {
    expect(matched(fields)).toEqual([]);
  });

  it("takes an empty list, or text, for a field that is not set", () => {
    const { object, findings } = parsed(
      `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [a], gateways: [], tls: [], tcp: [], http: [{match: [{gateways: []}], route: [{destination: {host: a, subset: ""}}]}]}}`,
    );
    expect(findings).toEqual([]);
    expect(object?.spec).toEqual({ hosts: ["a"], http: [{ match: [{}], route: [{ destination: { host: "a" } }] }] });
  });

  it("warns of a gateway that is there twice", () => {
    expect(of(`{hosts: [a], gateways: [g, g], http: [{${one}}]}`)).toEqual(["warning Invalid spec.gateways[1]"]);
    expect(matched("gateways: [g, g]")).toEqual(["warning Invalid spec.http[0].match[0].gateways[1]"]);
  });

  it("takes an authority with an underscore, which hosts may have", () => {
    expect(routed("rewrite: {authority: 'my_service:80'}")).toEqual([]);
    expect(routed("headers: {request: {set: {Host: my_service}}}")).toEqual([]);
    expect(rule("redirect: {authority: my_service}")).toEqual([]);
  });

  it("takes the wildcard host of a ServiceEntry as destination", () => {
    expect(rule('route: [{destination: {host: "*.wikipedia.org"}}]')).toEqual([]);
  });

  it("warns of claims in a block for the mesh alone", () => {
    const blocks = (gateways: string) =>
      of(
        `{hosts: [a.b], gateways: [mesh, g], http: [{match: [{gateways: [${gateways}], headers: {"@request.auth.claims.a": {}}}], ${one}}]}`,
      );
    expect(blocks("mesh")).toEqual(["warning Invalid spec.http[0].match[0].headers[@request.auth.claims.a]"]);
    expect(blocks("mesh, g")).toEqual([]);
  });

  it("warns where ignoreUriCase has no effect, and where a gateway is named like a host", () => {
    expect(matched("uri: {regex: /a}, ignoreUriCase: true")).toEqual([
      "warning Invalid spec.http[0].match[0].ignoreUriCase",
    ]);
    expect(of(`{hosts: [a], gateways: [gateway.example.com], http: [{${one}}]}`)).toEqual([
      "warning Invalid spec.gateways[0]",
    ]);
  });

  it.each([
    ["no field", "rewrite: {}", "Required spec.http[0].rewrite"],
    ["a path without slash", "rewrite: {uri: a}", "Invalid spec.http[0].rewrite.uri"],
    ["a query", "rewrite: {uri: '/a?b'}", "Invalid spec.http[0].rewrite.uri"],
    ["another host as path", "rewrite: {uri: //evil.example}", "Invalid spec.http[0].rewrite.uri"],
    ["a way up", "rewrite: {uri: /a/../b}", "Invalid spec.http[0].rewrite.uri"],
    ["an escaped way up", "rewrite: {uri: /a/%2E./b}", "Invalid spec.http[0].rewrite.uri"],
    ["a blank", "rewrite: {uri: /a b}", "Invalid spec.http[0].rewrite.uri"],
    ["a URL as authority", "rewrite: {authority: 'http://a'}", "Invalid spec.http[0].rewrite.authority"],
    ["a bad port", "rewrite: {authority: 'a:99999'}", "Invalid spec.http[0].rewrite.authority"],
    ["both paths", "rewrite: {uri: /a, uriRegexRewrite: {match: a, rewrite: b}}", "Invalid spec.http[0].rewrite"],
    [
      "no text for a pattern",
      "rewrite: {uriRegexRewrite: {match: a}}",
      "Required spec.http[0].rewrite.uriRegexRewrite.rewrite",
    ],
    ...(
      [
        ["an empty pattern", "match: '', rewrite: b", "match"],
        ["look-ahead", "match: '(?=a)', rewrite: b", "match"],
        ["nothing for a pattern", "match: a, rewrite: ''", "rewrite"],
        ["a group that is not there", "match: (a), rewrite: '\\2'", "rewrite"],
        ["a backslash before a letter", "match: a, rewrite: '\\n'", "rewrite"],
        ["a query by a pattern", "match: a, rewrite: '/b?c'", "rewrite"],
        ["a blank by a pattern", "match: a, rewrite: '/b c'", "rewrite"],
        ["a long text", `match: a, rewrite: ${"b".repeat(1_025)}`, "rewrite"],
      ] as const
    ).map(([name, fields, field]) => [
      name,
      `rewrite: {uriRegexRewrite: {${fields}}}`,
      `Invalid spec.http[0].rewrite.uriRegexRewrite.${field}`,
    ]),
  ])("refuses a rewrite with %s", (_, fields, error) => {
    expect(routed(fields)).toEqual([`error ${error}`]);
  });

  it("takes a pattern for the path, with groups, and a text that is not set", () => {
    const pattern = String.raw`uriRegexRewrite: {match: '^/service/([^/]+)(/.*)$', rewrite: '\2/instance/\1'}`;
    expect(routed(`rewrite: {${pattern}}`)).toEqual([]);
    expect(routed(`rewrite: {uri: '', authority: '', ${pattern}}`)).toEqual([]);
    expect(routed("rewrite: {uri: '', authority: ''}")).toEqual(["error Required spec.http[0].rewrite"]);
  });

  it.each([
    ["timeout: 5", "must be a duration in whole ms, such as `1.5s`, up to 24 days, or `0s` for none"],
    ["name: 5", "must be text; put it in quotes"],
    ["match: [{uri: /a}]", "must be an object with `exact` or `prefix` or `regex`"],
    ["fault: {delay: {percentage: 50, fixedDelay: 5s}}", "must be an object with `value`"],
    ["corsPolicy: all", "must be an object"],
  ])("says what to write instead of %s", (fields, message) => {
    const { findings } = parsed(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{${one}, ${fields}}]}`);
    expect(findings.map((finding) => finding.message)).toEqual([message]);
  });

  it.each(["1", "-1s", "0.5ms", "597h"])("refuses %s as timeout", (timeout) => {
    expect(routed(`timeout: "${timeout}"`)).toEqual(["error Invalid spec.http[0].timeout"]);
  });

  it.each([
    ["a bad name", 'request: {set: {"a b": c}}', "request.set[a b]"],
    ["a line break in a value", 'request: {set: {a: "b\\nc"}}', "request.set.a"],
    ["a variable that is not filled", 'request: {set: {a: "%HOSTNAME%"}}', "request.set.a"],
    ["an answer's status in a request", 'request: {add: {a: "x %RESPONSE_CODE%"}}', "request.add.a"],
    ["a variable that nobody knows", 'response: {add: {a: "%NOTHING(x)%"}}', "response.add.a"],
    ["a pseudo-header of answers", 'response: {set: {a: "%REQ(:status)%"}}', "response.set.a"],
    ["an authority that is none", "request: {set: {host: 'a/b'}}", "request.set.host"],
    ["a variable as authority", "request: {set: {':authority': '%REQ(x)%'}}", "request.set[:authority]"],
    ["a lone percent sign", 'response: {add: {a: "100%"}}', "response.add.a"],
    ["a header that frames the message", "request: {set: {Content-Length: '1'}}", "request.set[Content-Length]"],
    ["a header of the connection", "response: {remove: [connection]}", "response.remove[0]"],
    ["another pseudo-header", 'request: {set: {":path": /a}}', "request.set[:path]"],
    ["the authority of an answer", "response: {set: {host: a}}", "response.set.host"],
    ["to remove the authority", "request: {remove: [Host]}", "request.remove[0]"],
    [
      "the mesh's word on who calls",
      "request: {set: {X-Forwarded-Client-Cert: a}}",
      "request.set[X-Forwarded-Client-Cert]",
    ],
    ["another spelling of it", "request: {add: {x_forwarded.client-cert: a}}", "request.add[x_forwarded.client-cert]"],
    ["the mesh's assertion", "request: {set: {x-tulle-assertion: a}}", "request.set[x-tulle-assertion]"],
    ["a number", "request: {set: {a: 1}}", "request.set.a"],
  ])("refuses header operations: %s", (_, fields, place) => {
    expect(routed(`headers: {${fields}}`)).toEqual([`error Invalid spec.http[0].headers.${place}`]);
    expect(rule(`route: [{destination: {host: a}, headers: {${fields}}}]`)).toEqual([
      `error Invalid spec.http[0].route[0].headers.${place}`,
    ]);
  });

  it("takes variables of header values", () => {
    const values = ["%REQ(x-a?:path):10% and 5%%", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%UPSTREAM_CLUSTER%"];
    for (const value of values)
      expect(routed(`headers: {request: {set: {a: "${value}"}}, response: {add: {b: "${value}"}}}`)).toEqual([]);
  });

  it("names the variable that it refuses", () => {
    const { findings } = parsed(
      `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [a], http: [{${one}, headers: {request: {set: {a: "b %HOSTNAME% c"}}}}]}}`,
    );
    expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining("`%HOSTNAME%`")]);
  });

  it("warns of an empty value, which changes nothing", () => {
    expect(routed("headers: {request: {set: {a: ''}}, response: {add: {b: ''}}}")).toEqual([
      "warning Invalid spec.http[0].headers.request.set.a",
      "warning Invalid spec.http[0].headers.response.add.b",
    ]);
  });

  it("refuses one header in two cases", () => {
    expect(routed("headers: {request: {set: {X-A: b, x-a: c}}}")).toEqual([
      "error Duplicate spec.http[0].headers.request.set[x-a]",
    ]);
  });

  it("lets only one place set the authority", () => {
    expect(routed("headers: {request: {set: {Host: a.com}}}")).toEqual([]);
    expect(routed('headers: {request: {set: {":authority": a.com}}}, rewrite: {authority: b.com}')).toEqual([
      "error Invalid spec.http[0]",
    ]);
    expect(
      rule("route: [{destination: {host: a}, headers: {request: {set: {host: a.com}}}}], rewrite: {authority: b.com}"),
    ).toEqual(["error Invalid spec.http[0].route[0].headers"]);
  });
});
