import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { declareInto } from "../../cli/package/declarations.ts";
import { manifestOf } from "../../cli/package/manifest.ts";
import { cutLock } from "../support/cut-lock.ts";

const folder = mkdtempSync(join(tmpdir(), "tulle-declarations-"));
afterAll(() => rmSync(folder, { recursive: true }));

function source(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("the package that is built", () => {
  it("has no dependency that the checkout does not name for what runs", () => {
    expect(() => manifestOf(["zod", "left-pad"])).toThrow("not among `dependencies` of package.json: left-pad");
    expect(manifestOf(["zod"])).toMatchObject({ dependencies: { wrangler: expect.any(String) as string } });
  });

  it("has declarations that need no file which it lacks", () => {
    const other = source("other.ts", "export interface Other { readonly a: 1 }");
    const needs = source("needs.ts", 'import type { Other } from "./other.ts";\nexport function f(_: Other): void {}');
    expect(() => declareInto(folder, { needs })).toThrow(`the types of ${needs} name those of another file`);
    declareInto(folder, { alone: other });
    expect(readFileSync(join(folder, "alone.d.ts"), "utf8")).toContain("export interface Other");
  });
});

describe("a lock cut from ours", () => {
  const zod = { version: "4.0.0" };
  const ours = {
    lockfileVersion: 3,
    packages: {
      "node_modules/a": { dependencies: { b: "1", c: "2" }, optionalDependencies: { absent: "1" } },
      "node_modules/a/node_modules/c": { dependencies: { zod: "4" } },
      "node_modules/b": { dependencies: { c: "1", a: "1" } },
      "node_modules/c": {},
      "node_modules/unused": {},
      "node_modules/zod": zod,
    },
  };

  it("has what is needed, where it is found there, and nothing else", () => {
    const { packages } = cutLock(ours, {}, "tulle", { dependencies: { a: "1" } });
    expect(Object.keys(packages).toSorted()).toEqual([
      "",
      "node_modules/a",
      "node_modules/a/node_modules/c",
      "node_modules/b",
      "node_modules/c",
      "node_modules/tulle",
      "node_modules/zod",
    ]);
    expect(packages["node_modules/zod"]).toBe(zod);
  });

  it("cannot be had where ours lacks something", () => {
    expect(() => cutLock(ours, {}, "tulle", { dependencies: { d: "1" } })).toThrow("our lock has no d");
  });
});
