import { describe, expect, it } from "vitest";
import { changeAnswer, readAnswer, stripAnswer } from "../../workers/gateway/answer.ts";

function strips(headers: Record<string, string>, toHttp = true): boolean {
  return readAnswer(new Headers(headers), toHttp).strip;
}

describe("readAnswer", () => {
  it.each([
    {},
    { "content-type": "text/html", "set-cookie": "a=1", "x-custom": "1" },
    { connection: "keep-alive", "keep-alive": "timeout=5" },
    { connection: "Close", "transfer-encoding": "chunked", trailer: "x", te: "x", upgrade: "h2c" },
  ])("lets the runtime pass on %j to an HTTP client as it is", (headers) => {
    expect(strips(headers)).toBe(false);
  });

  it.each(["connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"])(
    "takes %s off for a Worker that calls, which sees every name",
    (name) => {
      expect(strips({ [name]: "close" }, false)).toBe(true);
    },
  );

  it.each([
    ..."proxy-connection proxy-authenticate proxy-authorization http2-settings expect".split(" "),
    ..."x-envoy-upstream-service-time x-envoy-anything x-mesh-identity x-tulle-caller mf-cf-blob".split(" "),
    ..."x-forwarded-client-cert client-cert x_mesh_identity keep_alive x.envoy.peer".split(" "),
  ])("takes %s off for everyone", (name) => {
    expect(strips({ [name]: "v" })).toBe(true);
    expect(strips({ [name]: "v" }, false)).toBe(true);
  });

  it("takes off what Connection names", () => {
    expect(strips({ connection: "close, x-internal" })).toBe(true);
    expect(strips({ connection: "x-internal" })).toBe(true);
  });

  it("forgets the answer before", () => {
    readAnswer(new Headers({ "x-mesh-identity": "x", "content-length": "3" }), true);
    const { strip, length, bytes } = readAnswer(new Headers({ a: "b" }), true);
    expect({ strip, length, bytes }).toEqual({ strip: false, length: null, bytes: 6 });
  });

  it.each([
    ["0", 0],
    ["1234", 1_234],
    ["12, 12", null],
    ["-1", null],
    ["1e3", null],
    ["", null],
    ["9".repeat(16), null],
  ])("reads the length %j", (text, length) => {
    expect(readAnswer(new Headers({ "content-length": text }), true).length).toBe(length);
  });

  it("goes on judging names rightly after thousands of junk names", () => {
    for (let index = 0; index < 5_000; index += 1) strips({ [`x-junk-${index}`]: "v" });
    expect(strips({ "x-mesh-identity": "v" })).toBe(true);
    expect(strips({ "content-type": "v" })).toBe(false);
  });
});

describe("stripAnswer", () => {
  it("takes off what belongs to the service's connection and what only the mesh may say", () => {
    const headers = new Headers({
      connection: "close",
      "keep-alive": "timeout=5",
      trailer: "x",
      "x-envoy-upstream-service-time": "1",
      "x-mesh-identity": "spiffe://x",
      "content-type": "text/plain",
    });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    stripAnswer(headers, false);
    expect([...headers]).toEqual([
      ["content-type", "text/plain"],
      ["set-cookie", "a=1"],
      ["set-cookie", "b=2"],
    ]);
  });

  it("leaves the answer to a WebSocket handshake as it is", () => {
    const headers = new Headers({ connection: "Upgrade", upgrade: "websocket" });
    stripAnswer(headers, true);
    expect(headers.get("upgrade")).toBe("websocket");
  });

  it("takes off what Connection names, but not what frames the body", () => {
    const headers = new Headers({
      connection: "close, X-Internal,, content-encoding, not a name",
      "x-internal": "1",
      "content-encoding": "gzip",
    });
    stripAnswer(headers, false);
    expect([...headers]).toEqual([["content-encoding", "gzip"]]);
  });
});

describe("changeAnswer", () => {
  it("removes, sets and adds in order", () => {
    const headers = new Headers({ server: "x", vary: "a" });
    changeAnswer(headers, 200, [
      { op: "remove", name: "server" },
      { op: "add", name: "vary", value: "b" },
      { op: "set", name: "x-a", value: "1" },
    ]);
    expect([...headers]).toEqual([
      ["vary", "a, b"],
      ["x-a", "1"],
    ]);
  });
});
