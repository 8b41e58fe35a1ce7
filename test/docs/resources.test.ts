import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { KINDS } from "../../src/kinds/registry.ts";
import { MeshConfig } from "../../src/resources/mesh-config.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/resources.md"), "utf8");
const cellsOf = (part: string) =>
  [...part.matchAll(/^\| ([^|]*)/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([\w.[\]]+)`/g)].map(([, name = ""]) => name),
  );

describe("docs/resources.md", () => {
  it("has every kind that clients write", () => {
    const kinds = KINDS.filter(({ readOnly }) => !readOnly).map(({ kind }) => kind);
    expect(cellsOf(PAGE.split("\n## ")[0] ?? "")).toEqual(expect.arrayContaining(kinds));
  });

  it("has every field of MeshConfig, and none that is refused", () => {
    const [, section = ""] = /\n## MeshConfig\n([^]*?)\n## /.exec(PAGE) ?? [];
    const fields = cellsOf(section).flatMap((cell) => cell.split(/[.[]/)[0] || []);
    const isRefused = (field: string) =>
      /not supported yet|cannot work here/.test(MeshConfig.safeParse({ [field]: true }).error?.message ?? "");
    const known = Object.keys(MeshConfig.shape).filter((field) => !isRefused(field));
    expect(new Set(fields)).toEqual(new Set(known));
  });
});
