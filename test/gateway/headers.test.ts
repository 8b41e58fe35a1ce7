import { describe, expect, it } from "vitest";
import { namedHeaders } from "../../src/match/header-names.ts";
import { RequestHeaders } from "../../workers/gateway/headers.ts";

/** What the service would get. */
function sent(received: Record<string, string>, trustPlatform = true, keepUpgrade = false): Record<string, string> {
  const headers = new Headers(received);
  const ours = RequestHeaders.receive(headers, trustPlatform, keepUpgrade);
  const record = ours.toRecord();
  for (const name of headers.keys()) expect(ours.get(name), `view of ${name}`).toBe(record[name] ?? null);
  return { ...record };
}

describe("RequestHeaders", () => {
  it("keeps what is the client's to say", () => {
    const headers = {
      accept: "text/html",
      authorization: "Bearer x",
      cookie: "a=1; b=2",
      "x-api-key": "k",
      baggage: "a=b",
    };
    expect(sent(headers)).toEqual(headers);
  });

  it.each([
    ..."connection keep-alive proxy-connection proxy-authorization te trailer upgrade expect transfer-encoding".split(
      " ",
    ),
    ..."http2-settings forwarded x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-prefix".split(" "),
    ..."x-forwarded-client-cert client-cert client-cert-chain x-envoy-peer-metadata x-envoy-original-path".split(" "),
    ..."x-original-url x-rewrite-url x-http-method-override x-method-override x-real-ip true-client-ip".split(" "),
    ..."x-mesh-identity x-mesh-principal x-tulle-caller x-jwt-payload mf-cf-blob mf-original-url".split(" "),
    // Other spellings that a server may fold into the same name.
    ..."x_forwarded_for x.mesh.identity x_mesh_identity client_cert x-forwarded_client.cert x_request_id trace.parent".split(
      " ",
    ),
  ])("drops %s", (name) => {
    const expected = name === "trace.parent" ? { [name]: "v" } : {};
    expect(sent({ [name]: "v" })).toEqual(expected);
  });

  it("drops what Connection names, but not what frames the message", () => {
    const headers = {
      connection: "close, X-Role,, authorization , host",
      "x-role": "admin",
      authorization: "b",
      host: "a",
    };
    expect(sent(headers)).toEqual({ host: "a" });
  });

  it("keeps the handshake of a WebSocket", () => {
    const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "k" };
    expect(sent(headers, true, true)).toEqual({ upgrade: "websocket", "sec-websocket-key": "k" });
  });

  it("believes the platform's address on the public side only", () => {
    const headers = { "cf-connecting-ip": "203.0.113.7" };
    expect(sent(headers, true)).toEqual(headers);
    expect(sent(headers, false)).toEqual({});
  });

  it("puts the gateway's own word in place of a client's, exactly once", () => {
    const headers = new Headers([
      ["x-forwarded-client-cert", "URI=spiffe://a"],
      ["x-forwarded-client-cert", "URI=spiffe://b"],
    ]);
    const ours = RequestHeaders.receive(headers, true, false);
    ours.set("x-forwarded-client-cert", "URI=spiffe://proven");
    expect(ours.toRecord()["x-forwarded-client-cert"]).toBe("URI=spiffe://proven");
    expect(ours.get("x-forwarded-client-cert")).toBe("URI=spiffe://proven");
  });

  it("finds nothing but headers in the record", () => {
    const record = RequestHeaders.receive(new Headers({ constructor: "c", __proto__: "p" }), true, false).toRecord();
    expect(Object.getPrototypeOf(Object.getPrototypeOf(record))).toBeNull();
    expect([record["toString"], record["constructor"]]).toEqual([undefined, "c"]);
  });

  it("no longer shows what was dropped, nor what was set before", () => {
    const ours = RequestHeaders.receive(new Headers({ tracestate: "a=1" }), true, false);
    ours.set("tracestate", "b=1");
    ours.drop("tracestate");
    expect(ours.get("tracestate")).toBeNull();
  });
});

describe("other spellings", () => {
  it("of a header that a rule looks at are dropped, others are kept", () => {
    const received = new Headers({ "x-role": "user", x_role: "admin", "x.role": "admin", api_key: "k" });
    const headers = RequestHeaders.receive(received, false, false);
    headers.dropAliases(namedHeaders(["x-role"]));
    expect(["x-role", "x_role", "x.role", "api_key"].map((name) => headers.get(name))).toEqual([
      "user",
      null,
      null,
      "k",
    ]);
  });

  it("of a name that a rule writes with `_` are dropped as well, but not what frames the message", () => {
    const received = new Headers({ "x-role": "admin", x_role: "user", "content-type": "text/plain" });
    const headers = RequestHeaders.receive(received, false, false);
    headers.set("x-request-id", "ours");
    headers.dropAliases(namedHeaders(["x_role", "content_type", "x_request_id"]));
    expect(["x-role", "x_role", "content-type", "x-request-id"].map((name) => headers.get(name))).toEqual([
      null,
      "user",
      "text/plain",
      "ours",
    ]);
  });

  it("of several Cookie lines are one, joined as cookies are", () => {
    const headers = RequestHeaders.receive(new Headers({ cookie: "a=1, b=2; c=x, y" }), false, false);
    expect(headers.get("cookie")).toBe("a=1; b=2; c=x, y");
  });
});
