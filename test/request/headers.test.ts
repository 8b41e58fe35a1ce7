import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { namedHeaders } from "../../src/request/header-names.ts";
import { copyHeaders, dropAliases, joinedCookies, readHeaders } from "../../src/request/headers.ts";

/** What the service would get. */
function sent(received: Record<string, string>, trustPlatform = true, method = "GET"): Record<string, string> {
  return { ...readHeaders(new Headers(received), trustPlatform, method).headers };
}

/** Bytes, after what nobody holds is gone. */
function usedHeap(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // What is weakly held, as names of properties are, takes a second round.
  for (let round = 0; round < 4; round += 1) collect();
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

describe("readHeaders", () => {
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
      connection: "close, X-Role,, authorization , host, content-encoding",
      "x-role": "admin",
      authorization: "b",
      host: "a",
      "content-encoding": "gzip",
    };
    expect(sent(headers)).toEqual({ host: "a", "content-encoding": "gzip" });
  });

  it("keeps the handshake of a WebSocket, and no other upgrade", () => {
    const headers = { connection: "Upgrade", upgrade: "WebSocket", "sec-websocket-key": "k" };
    expect(sent(headers)).toEqual({ upgrade: "WebSocket", "sec-websocket-key": "k" });
    expect(readHeaders(new Headers(headers), true, "GET").webSocket).toBe(true);
    expect(sent(headers, true, "POST")).toEqual({ "sec-websocket-key": "k" });
    expect(sent({ upgrade: "h2c" })).toEqual({});
    expect(readHeaders(new Headers({ upgrade: "h2c" }), true, "GET").webSocket).toBe(false);
  });

  it("believes the platform's address on the public side only", () => {
    const headers = { "cf-connecting-ip": "203.0.113.7" };
    expect(sent(headers, true)).toEqual(headers);
    expect(sent(headers, false)).toEqual({});
  });

  it("takes the platform's address under no other spelling, and lets no client hide it", () => {
    const headers = { "cf-connecting-ip": "203.0.113.7", connection: "close, CF-Connecting-IP" };
    const others = { cf_connecting_ip: "1.2.3.4", "cf-connecting.ip": "1.2.3.4", cf_pseudo_ipv4: "1.2.3.4" };
    expect(sent({ ...headers, ...others })).toEqual({ "cf-connecting-ip": "203.0.113.7" });
  });

  it("counts names, values and 4 a line of what the client sent, dropped or not, and nothing of the platform's", () => {
    const size = (fields: Record<string, string>) => readHeaders(new Headers(fields), true, "GET").size;
    expect(size({ a: "12", expect: "3" })).toBe(1 + 2 + 4 + 6 + 1 + 4);
    expect(size({ "cf-ray": "x", "cf-connecting-ip": "203.0.113.7", "mf-loopback": "y" })).toBe(0);
  });

  it("finds no name that did not come, and takes any name for no more than a name", () => {
    const { headers } = readHeaders(new Headers({ constructor: "c" }), true, "GET");
    for (const name of ["toString", "hasOwnProperty", "__proto__", "valueOf"]) expect(headers[name]).toBeUndefined();
    expect(headers["constructor"]).toBe("c");
    const odd = readHeaders({ forEach: (take) => take("v", "__proto__") }, true, "GET").headers;
    expect(Object.entries(odd)).toEqual([["__proto__", "v"]]);
    expect(Object.entries(copyHeaders(odd))).toEqual([["__proto__", "v"]]);
  });

  it("remembers no name that is too long to be a usual one: a client must not fill the memory with them", () => {
    const before = usedHeap();
    for (let at = 0; at < 1_500; at += 1) {
      const name = `x-${at}-`.padEnd(50_000, "a");
      readHeaders({ forEach: (take) => take("v", Buffer.from(name).toString("latin1")) }, true, "GET");
    }
    expect(usedHeap() - before).toBeLessThan(20_000_000);
  });

  it("still knows the usual names after any number of made-up ones", () => {
    for (let at = 0; at < 5_000; at += 1) sent({ [`x-junk-${at}`]: "v" });
    expect(sent({ "x-forwarded-for": "1.2.3.4", accept: "a" })).toEqual({ accept: "a" });
  });
});

describe("cookies", () => {
  it.each([
    { name: "of several lines are joined as cookies are", came: "a=1, b=2; c=x, y", sent: "a=1; b=2; c=x, y" },
    { name: "of three lines", came: "a=1, b=2, c=3", sent: "a=1; b=2; c=3" },
    { name: "keep a comma inside quotes", came: 'a="x, y"; b=2', sent: 'a="x, y"; b=2' },
    { name: "keep what looks like a cookie inside quotes", came: 'a="x, b=1, y"; c=2', sent: 'a="x, b=1, y"; c=2' },
    { name: "after quotes are joined", came: 'a="x, y", b=2', sent: 'a="x, y"; b=2' },
    { name: "keep a quote that does not end", came: 'a="x, y', sent: 'a="x, y' },
    { name: "end at a semicolon, quotes or not", came: 'a="x, b=1; c="y', sent: 'a="x; b=1; c="y' },
    { name: "keep a comma without a blank", came: "a=1,b=2", sent: "a=1,b=2" },
    { name: "keep JSON", came: 'a={"b":"c, d"}', sent: 'a={"b":"c, d"}' },
  ])("$name", ({ came, sent: expected }) => {
    expect(joinedCookies(came)).toBe(expected);
  });
});

describe("other spellings", () => {
  const left = (received: Record<string, string>, ...names: readonly string[]): Record<string, string> => {
    const { headers, odd } = readHeaders(new Headers(received), false, "GET");
    dropAliases(headers, odd, namedHeaders(names));
    return { ...headers };
  };

  it("of a header that a rule names are dropped, others are kept", () => {
    const received = { "x-role": "user", x_role: "admin", "x.role": "admin", api_key: "k" };
    expect(left(received, "x-role")).toEqual({ "x-role": "user", api_key: "k" });
    expect(left(received)).toEqual(received);
  });

  it("of a header that a rule writes with an underscore are dropped too", () => {
    const received = { "x-role": "admin", x_role: "user", "x.role": "admin" };
    expect(left(received, "x_role")).toEqual({ x_role: "user" });
    expect(left(received, "x_role", "x-role")).toEqual({ x_role: "user", "x-role": "admin" });
  });

  it("take away neither what frames the message nor what the gateway sets", () => {
    const received = { "content-type": "text/plain", "x-request-id": "ours" };
    expect(left(received, "content_type", "x_request_id")).toEqual(received);
  });

  it("leave one spelling at most, whatever comes and whatever rules name", () => {
    const name = fc
      .array(fc.tuple(fc.constantFrom("a", "b"), fc.constantFrom("-", "_", ".")), { minLength: 1, maxLength: 3 })
      .map((parts) => `${parts.map(([letter, mark]) => letter + mark).join("")}z`);
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 8 }), fc.uniqueArray(name, { maxLength: 3 }), (came, named) => {
        const kept = left(Object.fromEntries(came.map((one) => [one, "v"])), ...named);
        const fold = (one: string): string => one.replace(/[._]/g, "-");
        const expected = came.filter((one) => named.includes(one) || !named.some((rule) => fold(rule) === fold(one)));
        expect(Object.keys(kept).sort()).toEqual(expected.sort());
      }),
    );
  });
});
