import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalPath } from "../../src/routing/canonical-path.ts";
import type { PathOptions } from "../../src/snapshot/model.ts";
import { times } from "../support/scale.ts";

const DEFAULT: PathOptions = { mergeSlashes: true, escapedSlashes: "REFUSE", params: "CUT" };
const read = (path: string, change: Partial<PathOptions> = {}) => canonicalPath(path, { ...DEFAULT, ...change });

describe("canonicalPath", () => {
  it.each([
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["//a///b//", "/a/b/"],
    ["/a/./b/../c", "/a/c"],
    ["/%61%2D%7E", "/a-~"],
    ["/%7eroot/%5f%2Dx", "/~root/_-x"],
    ["/a/%2e%2e/b", "/b"],
    ["/a/.%2e/b", "/b"],
    ["/a\\b", "/a/b"],
    ["/%zz".replace("zz", "C3%A9"), "/%C3%A9"],
    ["/a%20b", "/a%20b"],
    ["/a%0Ab", "/a%0Ab"],
    ["/../../a", "/a"],
    ["/a/..", "/"],
  ])("of %s is %s", (path, canonical) => {
    expect(read(path)).toEqual({ ok: true, value: { match: canonical, forward: canonical } });
  });

  it.each([
    ["/a%00b", "path_null"],
    ["/a%2", "path_escape_malformed"],
    ["/a%zz", "path_escape_malformed"],
    ["/a\tb", "path_control_byte"],
    ["/a\u007fb", "path_control_byte"],
    ["/a%2fb", "path_escaped_slash"],
    ["/a%5Cb", "path_escaped_slash"],
    ["/a%c0%af", "path_overlong_utf8"],
    ["/a%E0%80%AF", "path_overlong_utf8"],
    ["/a/..;/b", "path_params"],
    ["/a/;x/b", "path_params"],
    ["/a/.;/b", "path_params"],
    [`/${"a".repeat(20_000)}`, "path_too_long"],
  ])("of %s is refused: %s", (path, code) => {
    expect(read(path)).toMatchObject({ ok: false, error: { code } });
  });

  it("has no escapes of unreserved characters and keeps all others, in every mode", () => {
    const unreserved = /^[A-Za-z0-9\-._~]$/;
    for (let code = 1; code < 256; code += 1) {
      if ([0x2e, 0x2f, 0x3b, 0x5c, 0xc0, 0xc1].includes(code)) continue;
      const hex = code.toString(16).padStart(2, "0");
      const character = String.fromCharCode(code);
      for (const escape of [`%${hex}`, `%${hex.toUpperCase()}`]) {
        const plain = unreserved.test(character);
        const value = {
          match: `/a${plain ? character : escape.toUpperCase()}b`,
          forward: `/a${plain ? character : escape}b`,
        };
        for (const escapedSlashes of ["REFUSE", "KEEP", "DECODE"] as const)
          for (const mergeSlashes of [true, false])
            expect(read(`/a${escape}b`, { escapedSlashes, mergeSlashes })).toEqual({ ok: true, value });
      }
    }
  });

  it("is the same however many unreserved characters were escaped", () => {
    const plain = fc
      .array(fc.constantFrom("a", "Z", "0", "9", "-", ".", "_", "~", "/"), { maxLength: 12 })
      .map((all) => `/${all.join("")}`);
    const escaped = fc.tuple(plain, fc.infiniteStream(fc.constantFrom("plain", "lower", "upper")));
    fc.assert(
      fc.property(escaped, ([path, stream]) => {
        const written = path.split("").map((character) => {
          const [how] = stream.take(1);
          if (character === "/" || how === "plain") return character;
          const hex = character.charCodeAt(0).toString(16);
          return `%${how === "lower" ? hex : hex.toUpperCase()}`;
        });
        expect(read(written.join(""))).toEqual(read(path));
      }),
    );
  });

  it("decodes nothing twice", () => {
    expect(read("/a/%252e%252e/b")).toMatchObject({ value: { match: "/a/%252e%252e/b" } });
    expect(read("/a%252fb")).toMatchObject({ value: { match: "/a%252fb" } });
  });

  it("cuts parameters for matching and forwards them, or refuses them", () => {
    expect(read("/a;v=1/b;c")).toEqual({ ok: true, value: { match: "/a/b", forward: "/a;v=1/b;c" } });
    for (const path of ["/a;v=1", "/a%3bv=1", "/a%3B"])
      expect(read(path, { params: "REFUSE" })).toMatchObject({ error: { code: "path_params" } });
    expect(read("/a%3bv")).toMatchObject({ value: { match: "/a%3Bv", forward: "/a%3bv" } });
  });

  it("treats escaped slashes as its host's option says", () => {
    expect(read("/a%2Fb", { escapedSlashes: "KEEP" })).toMatchObject({ value: { match: "/a%2Fb" } });
    expect(read("/a%2F..%5cb", { escapedSlashes: "DECODE" })).toMatchObject({ value: { match: "/b" } });
    expect(read("/a//b", { mergeSlashes: false })).toMatchObject({ value: { match: "/a//b" } });
  });

  it("changes nothing of its own results, which hold nothing that two readers could read in two ways", () => {
    const piece = fc.constantFrom(
      "/",
      "//",
      ".",
      "..",
      "a",
      "B",
      "%2e",
      "%2E",
      "%61",
      "%2f",
      "%5c",
      "\\",
      ";",
      "%3b",
      "%25",
      "%252e",
      "é",
      "%c3%a9",
    );
    const options = fc.record({
      mergeSlashes: fc.boolean(),
      escapedSlashes: fc.constantFrom("REFUSE", "KEEP", "DECODE"),
      params: fc.constantFrom("CUT", "REFUSE"),
    }) as fc.Arbitrary<PathOptions>;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), options, (pieces, settings) => {
        const once = canonicalPath(`/${pieces.join("")}`, settings);
        if (!once.ok) return;
        const { match, forward } = once.value;
        expect(canonicalPath(forward, settings)).toEqual(once);
        expect(match.split("/")).not.toContain("..");
        expect(match.split("/")).not.toContain(".");
        if (settings.mergeSlashes) expect(match).not.toContain("//");
        if (settings.escapedSlashes !== "KEEP") expect(match).not.toMatch(/%2f|%5c|\\/i);
      }),
      { numRuns: times(1_000, 20_000) },
    );
  });
});
