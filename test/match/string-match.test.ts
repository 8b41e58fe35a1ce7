import { RE2JS } from "re2js";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { programsOf } from "../../src/compile/programs.ts";
import { linkWith, machineOf } from "../../src/match/machine.ts";
import { linkAny, linkMatch } from "../../src/match/string-match.ts";
import { link } from "../../src/snapshot/link.ts";
import type { RouteMatch } from "../../src/snapshot/model.ts";
import { decided, facts, headers, slice } from "../decide/requests.ts";

describe("the patterns of a slice", () => {
  it("are compiled once each by control, however many match blocks name them, and never again", () => {
    const compiling = vi.spyOn(RE2JS, "compile");
    onTestFinished(() => compiling.mockRestore());
    const matches = Array.from({ length: 50 }, (_, block): RouteMatch => ({
      uri: { kind: "regex", value: "/(a|b)+" },
      headers: [{ name: "x-block", match: { kind: "regex", value: `${block % 2}|y` } }],
    }));
    const made = slice({ routes: [{ name: "r", matches, destinations: [], direct: { status: 200, body: "" } }] });
    link(made.model);
    expect(compiling.mock.calls.map(([pattern]) => pattern).sort()).toEqual(["/(a|b)+", "0|y", "1|y"]);
    expect(Object.keys(made.model.programs?.code ?? {}).sort()).toEqual(["/(a|b)+", "0|y", "1|y"]);
    const at = (path: string, block: string) => decided(made, facts({ path, headers: headers({ "x-block": block }) }));
    expect(at("/abab", "1")).toMatchObject({ code: "direct_response" });
    expect(at("/abab", "2")).toMatchObject({ code: "no_route" });
    expect(at("/abc", "1")).toMatchObject({ code: "no_route" });
  });

  it("are one machine each", () => {
    linkWith(programsOf([{ kind: "regex", value: "a+" }]), () => {
      expect(machineOf("a+")).not.toBeNull();
      expect(machineOf("a+")).toBe(machineOf("a+"));
    });
  });

  it("answer as a denial or a permission must where control could not compile them", () => {
    linkWith({ code: {} }, () => {
      for (const onError of [true, false]) {
        expect(linkMatch({ kind: "regex", value: "a" }, onError)("b")).toBe(onError);
        expect(linkAny([{ kind: "template", value: "/{*}" }], onError)("b")).toBe(onError);
      }
    });
  });

  it("take a template's other characters as they stand", () => {
    const value = String.raw`/a.b\+(c)|{*}[^]$?^*/{**}`;
    linkWith(programsOf([{ kind: "template", value }]), () => {
      const matches = linkMatch({ kind: "template", value }, false);
      expect(matches(String.raw`/a.b\+(c)|x[^]$?^*/y/z`)).toBe(true);
      expect(matches(String.raw`/aab\+(c)|x[^]$?^*/y/z`)).toBe(false);
    });
  });
});
