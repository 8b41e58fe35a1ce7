import { RE2JS } from "re2js";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { RouteMatch } from "../../src/snapshot/model.ts";
import { decided, facts, headers, slice } from "../decide/requests.ts";

describe("the patterns of a slice", () => {
  it("are compiled once each, however many match blocks name them", () => {
    const compiling = vi.spyOn(RE2JS, "compile");
    onTestFinished(() => compiling.mockRestore());
    const matches = Array.from({ length: 50 }, (_, block): RouteMatch => ({
      uri: { kind: "regex", value: "/(a|b)+" },
      headers: [{ name: "x-block", match: { kind: "regex", value: `${block % 2}|y` } }],
    }));
    const made = slice({ routes: [{ name: "r", matches, destinations: [], direct: { status: 200, body: "" } }] });
    expect(compiling.mock.calls.map(([pattern]) => pattern).sort()).toEqual(["/(a|b)+", "0|y", "1|y"]);
    const at = (path: string, block: string) => decided(made, facts({ path, headers: headers({ "x-block": block }) }));
    expect(at("/abab", "1")).toMatchObject({ code: "direct_response" });
    expect(at("/abab", "2")).toMatchObject({ code: "no_route" });
    expect(at("/abc", "1")).toMatchObject({ code: "no_route" });
  });
});
