import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Entrance } from "../../src/request/entrance.ts";
import { MAX_HEADER_BYTES } from "../../src/request/header-size.ts";
import { type Incoming, receive } from "../../src/request/receive.ts";

const PUBLIC: Entrance = {
  kind: "public",
  listener: { gateway: null, port: 80, mesh: false, sni: null, scope: "gw/*" },
  clientAuth: undefined,
  whereabouts: { colo: null, country: null, continent: null },
  tlsVersion: undefined,
  tlsCipher: undefined,
  scheme: "https",
};
const MESH: Entrance = { kind: "mesh", props: {} };

/** A request as the runtime makes it of what was sent: the URL is pasted together and unparsed. */
function sent(url: string, host: string | null, method = "GET", more: Record<string, string> = {}): Incoming {
  const headers = new Headers(more);
  if (host !== null) headers.set("host", host);
  return { url, method, headers, body: null };
}

const code = (request: Incoming, entrance: Entrance = PUBLIC): string => {
  const received = receive(request, entrance);
  return received.ok ? "ok" : received.error.code;
};

describe("receive", () => {
  it.each([
    { host: "api.test", authority: "api.test", name: "api.test", port: null },
    { host: "API.test:443", authority: "api.test:443", name: "api.test", port: 443 },
    { host: "api.test:0443", authority: "api.test:443", name: "api.test", port: 443 },
    { host: "api.test.", authority: "api.test.", name: "api.test", port: null },
    { host: "api.test:80", authority: "api.test:80", name: "api.test", port: 80 },
    { host: "my_service.test", authority: "my_service.test", name: "my_service.test", port: null },
    { host: "[::1]:8080", authority: "[::1]:8080", name: "[::1]", port: 8080 },
  ])("reads Host $host", ({ host, authority, name, port }) => {
    const received = receive(sent(`http://${host}/x`, host), PUBLIC);
    expect(received).toMatchObject({
      ok: true,
      value: { authority, host: name, authorityPort: port, scheme: "https", headers: { host: authority } },
    });
  });

  it.each([
    ["svc.test\\evil", "a path in it"],
    ["a/b", "a slash in it"],
    ["a?x", "a query in it"],
    ["a#x", "a fragment in it"],
    ["u@evil.test", "userinfo"],
    ["api.test, secret.test", "two names"],
    ["secret%2etest", "an escaped dot"],
    ["ｓecret.test", "letters that fold to others"],
    ["0x7f000001", "a number that is an address"],
    ["2130706433", "a number that is an address"],
    ["api.test:0", "port 0"],
    ["api.test:99999", "a port beyond the range"],
    ["a..b", "an empty label"],
    [".test", "a leading dot"],
    [".", "only a dot"],
    [`${"a.".repeat(127)}a`, "a name longer than names are"],
    ["a_.".repeat(85), "a name longer than names are"],
  ])("refuses Host %s: %s", (host) => {
    expect(["host_invalid", "url_invalid"]).toContain(code(asReceived(host)));
  });

  it("refuses a Host that names another host or port than the URL", () => {
    expect(code(sent("http://svc.test/x", "other.test"))).toBe("host_invalid");
    expect(code(sent("http://svc.test/x", "svc.test:8080"))).toBe("host_invalid");
    expect(code(sent("http://svc.test*", "svc.test"))).toBe("host_invalid");
  });

  it("refuses a missing Host on the public side; over a binding the URL's authority stands in", () => {
    expect(code(sent("http://svc.test/x", null))).toBe("host_invalid");
    expect(receive(sent("http://reviews:9080/x", null), MESH)).toMatchObject({
      ok: true,
      value: {
        authority: "reviews:9080",
        host: "reviews",
        authorityPort: 9080,
        scheme: "http",
        headers: { host: "reviews:9080" },
      },
    });
  });

  it("lets a Host over a binding differ from what was dialled, if it is a plain name", () => {
    expect(code(sent("http://reviews:9080/x", "reviews.test"), MESH)).toBe("ok");
    expect(code(sent("http://reviews:9080/x", "a?x"), MESH)).toBe("host_invalid");
    expect(code(sent("http://u:p@reviews:9080/x", null), MESH)).toBe("url_invalid");
    expect(code(sent("data:text/plain,x", null), MESH)).toBe("url_invalid");
  });

  it.each([
    ["GET", "ok"],
    ["HEAD", "ok"],
    ["POST", "ok"],
    ["PUT", "ok"],
    ["PATCH", "ok"],
    ["DELETE", "ok"],
    ["OPTIONS", "ok"],
    ["TRACE", "method_not_allowed"],
    ["TRACK", "method_not_allowed"],
    ["CONNECT", "method_not_allowed"],
    ["get", "method_unknown"],
    ["FOO", "method_unknown"],
    ["LINK", "method_unknown"],
    ["get-all", "method_unknown"],
    ["PROPFIND", "ok"],
    ["QUERY", "ok"],
    ["PURGE", "ok"],
    ["MKCOL", "ok"],
  ])("answers method %s with %s", (method, expected) => {
    expect(code(sent("http://api.test/x", "api.test", method))).toBe(expected);
  });

  it.each([
    { method: "GET", body: "x", expected: "body_not_allowed" },
    { method: "HEAD", body: "x", expected: "body_not_allowed" },
    { method: "POST", body: "x", expected: "ok" },
    { method: "DELETE", body: "x", expected: "ok" },
    { method: "OPTIONS", body: "x", expected: "ok" },
    { method: "GET", body: null, expected: "ok" },
  ])("answers $method with body $body with $expected", ({ method, body, expected }) => {
    expect(code({ ...sent("http://api.test/x", "api.test", method), body })).toBe(expected);
  });

  it("takes 60 KiB of headers, and no byte more", () => {
    const left = MAX_HEADER_BYTES - ("host".length + "api.test".length + 4) - ("x".length + 4);
    const filled = (bytes: number) => code(sent("http://api.test/x", "api.test", "GET", { x: "v".repeat(bytes) }));
    expect(filled(left)).toBe("ok");
    expect(filled(left + 1)).toBe("headers_too_large");
  });

  it("takes the client's address from the platform, on the public side only", () => {
    const headers = { "cf-connecting-ip": "203.0.113.7" };
    expect(receive(sent("http://api.test/", "api.test", "GET", headers), PUBLIC)).toMatchObject({
      value: { clientIp: "203.0.113.7" },
    });
    expect(receive(sent("http://api.test/", null, "GET", headers), MESH)).toMatchObject({ value: { clientIp: null } });
    const odd = { "cf-connecting-ip": "10.1.2.3, evil" };
    expect(receive(sent("http://api.test/", "api.test", "GET", odd), PUBLIC)).toMatchObject({
      value: { clientIp: null },
    });
  });

  it("knows a WebSocket handshake from other upgrades", () => {
    const upgrade = (value: string, method = "GET") =>
      receive(sent("http://api.test/", "api.test", method, { connection: "Upgrade", upgrade: value }), PUBLIC);
    expect(upgrade("WebSocket")).toMatchObject({ value: { webSocket: true } });
    expect(upgrade("h2c")).toMatchObject({ value: { webSocket: false } });
    expect(upgrade("websocket", "POST")).toMatchObject({ value: { webSocket: false } });
  });

  it("sees the host that is in the Host header or none at all, whatever the bytes", () => {
    const piece = fc.constantFrom(
      "a",
      "Z",
      "0",
      ".",
      "-",
      ":",
      "80",
      "/",
      "?",
      "#",
      "@",
      "\\",
      "%",
      "[",
      "]",
      "_",
      "é",
      "*",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.constantFrom("/", "/x", "//evil.test", "*"),
        (pieces, target) => {
          const host = pieces.join("");
          const received = receive(asReceived(host, target), PUBLIC);
          if (!received.ok) return;
          expect(received.value.authority).toBe(host.toLowerCase());
          expect(received.value.target.hostname.replace(/\.$/, "")).toBe(received.value.host);
          if (target.startsWith("/")) expect(received.value.target.pathname).toBe(target);
        },
      ),
    );
  });
});

function asReceived(host: string, target = "/x"): Incoming {
  const headers = {
    get: (name: string) => (name === "host" ? host : null),
    forEach: (take: (value: string, name: string) => void) => take(host, "host"),
  };
  return { url: `http://${host}${target}`, method: "GET", headers, body: null };
}
