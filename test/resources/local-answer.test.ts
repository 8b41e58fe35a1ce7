import { describe, expect, it } from "vitest";
import { found } from "./parsed.ts";

const rule = (fields: string) =>
  found("networking.istio.io/v1", "VirtualService", `{hosts: [reviews], http: [{${fields}}]}`);
const to = "route: [{destination: {host: reviews}}]";
const kib = (count: number): string => "a".repeat(count * 1_024);

describe("a rule that answers by itself", () => {
  it.each([
    "redirect: {uri: '/new?page=1#top', authority: 'a.example:8443', scheme: https, redirectCode: 308}",
    "redirect: {prefixRewrite: /new, derivePort: FROM_PROTOCOL_DEFAULT}, match: [{uri: {prefix: /old}}, {method: {exact: GET}}]",
    "redirect: {port: 8080, redirectCode: 0}",
    "redirect: {uri: '', authority: '', port: 0, scheme: http}",
    "directResponse: {status: 503}",
    "directResponse: {status: 200, body: {}}",
    "directResponse: {status: 599, body: {string: later}, }, headers: {response: {set: {content-type: text/html}}}",
    "directResponse: {status: 200, body: {bytes: aGVsbG8=}}",
    "directResponse: {status: 200, body: {bytes: _-8}}",
    `directResponse: {status: 200, body: {string: ${kib(100)}}}`,
  ])("is taken: %s", (fields) => {
    expect(rule(fields)).toEqual([]);
  });

  it.each([
    ["a route beside a redirect", `${to}, redirect: {uri: /a}`, "Invalid spec.http[0]"],
    ["a route beside a direct response", `${to}, directResponse: {status: 200}`, "Invalid spec.http[0]"],
    ["both answers", "redirect: {uri: /a}, directResponse: {status: 200}", "Invalid spec.http[0]"],
    ["a rewrite beside a redirect", "redirect: {uri: /a}, rewrite: {uri: /b}", "Invalid spec.http[0].rewrite"],
    [
      "a rewrite beside a direct response",
      "directResponse: {status: 200}, rewrite: {uri: /b}",
      "Invalid spec.http[0].rewrite",
    ],
    ["an empty redirect", "redirect: {}", "Required spec.http[0].redirect"],
    ["a redirect with a status alone", "redirect: {redirectCode: 302}", "Required spec.http[0].redirect"],
    ["both paths", "redirect: {uri: /a, prefixRewrite: /b}", "Invalid spec.http[0].redirect"],
    ["both ports", "redirect: {port: 80, derivePort: FROM_REQUEST_PORT}", "Invalid spec.http[0].redirect"],
    ["a port twice", "redirect: {authority: 'a:80', port: 81}", "Invalid spec.http[0].redirect.authority"],
    [
      "a prefix of an exact path",
      "redirect: {prefixRewrite: /b}, match: [{uri: {exact: /a}}]",
      "Invalid spec.http[0].redirect.prefixRewrite",
    ],
    [
      "a prefix of a regex",
      "redirect: {prefixRewrite: /b}, match: [{uri: {prefix: /a}}, {uri: {regex: /a}}]",
      "Invalid spec.http[0].redirect.prefixRewrite",
    ],
    ["a query in a prefix", "redirect: {prefixRewrite: '/b?c'}", "Invalid spec.http[0].redirect.prefixRewrite"],
    ["a blank in a path", "redirect: {uri: '/a b'}", "Invalid spec.http[0].redirect.uri"],
    ["a line break in a path", 'redirect: {uri: "/a\\nb"}', "Invalid spec.http[0].redirect.uri"],
    ["a URL as authority", "redirect: {authority: 'http://a'}", "Invalid spec.http[0].redirect.authority"],
    ["a port above 65535", "redirect: {port: 65536}", "Invalid spec.http[0].redirect.port"],
    ["another scheme", "redirect: {scheme: ftp}", "NotSupported spec.http[0].redirect.scheme"],
    ["another port", "redirect: {derivePort: FROM_HOST}", "NotSupported spec.http[0].redirect.derivePort"],
    ["status 299", "redirect: {uri: /a, redirectCode: 299}", "Invalid spec.http[0].redirect.redirectCode"],
    [
      "status 304, with which Envoy has no route",
      "redirect: {uri: /a, redirectCode: 304}",
      "Invalid spec.http[0].redirect.redirectCode",
    ],
    ["no status", "directResponse: {}", "Required spec.http[0].directResponse.status"],
    ["status 199", "directResponse: {status: 199}", "Invalid spec.http[0].directResponse.status"],
    ["status 600", "directResponse: {status: 600}", "Invalid spec.http[0].directResponse.status"],
    [
      "two bodies",
      "directResponse: {status: 200, body: {string: a, bytes: YQ==}}",
      "Invalid spec.http[0].directResponse.body",
    ],
    [
      "bytes that are no base64",
      "directResponse: {status: 200, body: {bytes: 'a b'}}",
      "Invalid spec.http[0].directResponse.body.bytes",
    ],
  ])("is refused with %s", (_, fields, error) => {
    expect(rule(fields)).toEqual([`error ${error}`]);
  });

  it.each([
    ["a timeout", "redirect: {uri: /a}, timeout: 1s", "timeout"],
    ["changes of the request", "redirect: {uri: /a}, headers: {request: {set: {a: b}}}", "headers.request"],
    ["a path without slash", "redirect: {uri: a}", "redirect.uri"],
    ["a prefix without slash", "redirect: {prefixRewrite: a}", "redirect.prefixRewrite"],
    ["a body above 100 KiB", `directResponse: {status: 200, body: {string: ${kib(100)}a}}`, "directResponse.body"],
    ["a body of an answer that has none", "directResponse: {status: 204, body: {string: a}}", "directResponse.body"],
    ["generated code's name", "directResponse: {status: 200, body: {string_: a}}", "directResponse.body.string_"],
    ["base64 that is not whole", "directResponse: {status: 200, body: {bytes: hello}}", "directResponse.body.bytes"],
  ])("is warned of %s", (_, fields, field) => {
    expect(rule(fields)).toEqual([`warning Invalid spec.http[0].${field}`]);
  });
});
