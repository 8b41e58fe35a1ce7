import { describe, expect, it } from "vitest";
import { isEntrypointName, isRpcName } from "../../src/request/rpc-names.ts";

describe("the names that Workers RPC passes on", () => {
  it.each(["add", "getOrder", "$x", "_private", "A1", "a".repeat(128)])("%s is one", (name) => {
    expect(isRpcName(name)).toBe(true);
  });

  it.each([
    ...Object.getOwnPropertyNames(Object.prototype),
    ..."then dup constructor fetch connect alarm queue scheduled tail tailStream trace test email".split(" "),
    ..."webSocketMessage webSocketClose webSocketError webSocketWhatever".split(" "),
    ..."a.b a/b #a 1a grüße a\n a\u0000".split(" "),
    "",
    "a b",
    "a".repeat(129),
  ])("%j is none, asked once or twice", (name) => {
    expect([isRpcName(name), isRpcName(name)]).toEqual([false, false]);
  });

  it("may all be entrypoints, as may what only a method must not be called", () => {
    expect(["default", "Admin", "queue"].map(isEntrypointName)).toEqual([true, true, true]);
    expect(["", "a/b", "..", "a b"].map(isEntrypointName)).toEqual([false, false, false, false]);
  });
});
