import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fittingLines, printable, printableJson, printableYaml } from "../../cli/tulle/output.ts";
import { tailLine } from "../../cli/tulle/tail-line.ts";

/** Those that turn the direction of what follows (Unicode's property Bidi_Control). */
const TURNING = "\u061C\u200E\u200F\u202A\u202B\u202C\u202D\u202E\u2066\u2067\u2068\u2069";
const OBEYED = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

const text = fc
  .array(fc.oneof(fc.constantFrom(...TURNING.split(""), "\u001B", "\u009B", "\r", "\\"), fc.string()))
  .map((parts) => parts.join(""));

const RECORD = {
  time: "2026-01-31T12:00:00.000Z",
  method: "GET",
  protocol: "http",
  authority: "shop.test",
  path: "/\u202Etxt.exe",
  status: 403,
  response_flags: "UAEX",
  details: "rbac_denied",
  policy: "shop/\u2066deny",
  source_principal: "cluster.local/ns/web/sa/\u200Fpage",
  source_workload: "page",
  destination_service: null,
  duration_ms: 3,
  request_id: "6f1c6c1e-7d0a-4a53-9f3c-0a5d0c8f1c11",
};

describe("text that others wrote, on a terminal", () => {
  it("shows a control that turns the direction of what follows, and does not obey it", () => {
    for (const control of TURNING)
      expect(printable(`a${control}b`)).toBe(`a\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}b`);
    expect(fittingLines([{ head: "NAME", cells: ["a\u202Eb"] }], 80)).toEqual(["NAME", "a\\u202eb"]);
  });

  it("shows it in a line of a tail, wherever a caller put it", () => {
    const line = tailLine(RECORD, 200);
    expect(line).toContain("/\\u202etxt.exe");
    expect(line).not.toMatch(OBEYED);
  });

  it("leaves text without controls as it is, in any writing", () => {
    for (const plain of ["סל קניות", "سلة", "カート\nzwei"]) expect(printable(plain)).toBe(plain);
  });

  it("holds nothing that a terminal obeys, whatever it is", () => {
    fc.assert(fc.property(text, (any) => !OBEYED.test(printable(any))));
  });

  it("is the same value in YAML, be it a name or a value", async () => {
    const { parse } = await import("yaml");
    await fc.assert(
      fc.asyncProperty(text, async (any) => {
        const value = { any, [`k${any}`]: [any, `${any}\n${"long ".repeat(20)}${any}`] };
        const yaml = await printableYaml(value);
        expect(yaml).not.toMatch(OBEYED);
        expect(parse(yaml)).toEqual(value);
      }),
    );
    expect(await printableYaml({ a: "x\ty", b: "plain" })).toBe('a: "x\\ty"\nb: plain\n');
  });

  it("is the same value in JSON", () => {
    fc.assert(
      fc.property(text, (any) => {
        const json = printableJson(JSON.stringify({ any }, null, 2));
        expect(json).not.toMatch(OBEYED);
        expect(JSON.parse(json)).toEqual({ any });
      }),
    );
  });
});
