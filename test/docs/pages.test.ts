import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { apiPage } from "../../cli/docs/api-page.ts";
import { checksPage } from "../../cli/docs/checks-page.ts";
import { cliPage, leavesOf } from "../../cli/docs/cli-page.ts";
import { meshFilePage } from "../../cli/docs/mesh-file-page.ts";
import { type JsonSchema, meshFileSchema } from "../../cli/docs/mesh-file-schema.ts";
import { tulleProgram } from "../../cli/tulle/program.ts";
import { parseMeshFile } from "../../project/mesh-file.ts";
import { openApiDocument } from "../../src/api/openapi.ts";

function page(name: string): string {
  return readFileSync(join(import.meta.dirname, "../../docs", name), "utf8");
}

/** Where one fails: `npm run docs` makes the page anew. */
describe("the pages that `npm run docs` makes", () => {
  it("docs/api.md is what the OpenAPI document says", () => {
    expect(page("api.md")).toBe(apiPage(openApiDocument()));
  });

  it("docs/cli.md is what the commands' help says", () => {
    expect(page("cli.md")).toBe(cliPage(tulleProgram()));
  });

  it("docs/checks.md is what the table of checks says", () => {
    expect(page("checks.md")).toBe(checksPage());
  });

  it("docs/cli.md has every command, with an example", () => {
    const sections = page("cli.md").split("\n## ").slice(2);
    const commands = leavesOf(tulleProgram()).map(({ path }) => path);
    expect(sections.map((section) => section.split("\n", 1)[0])).toEqual(commands);
    for (const section of sections) expect(section).toContain("\n$ ");
    expect(commands).toContain("tulle token create");
  });

  it("tulle.schema.json and docs/mesh-file.md are what the mesh file's schema says", () => {
    expect(JSON.parse(page("../tulle.schema.json"))).toEqual(meshFileSchema());
    expect(page("mesh-file.md")).toBe(meshFilePage(meshFileSchema()));
  });

  it("docs/mesh-file.md has a meaning for every field, and a sample that is read", () => {
    const fields = (schema: JsonSchema): readonly JsonSchema[] => {
      const entry = typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
      const own = Object.values(schema.properties ?? {});
      return [...own, ...[...own, ...entry].flatMap(fields)];
    };
    expect(fields(meshFileSchema()).length).toBeGreaterThan(20);
    expect(fields(meshFileSchema()).filter(({ description }) => description === undefined)).toEqual([]);
    const [, sample = ""] = /```jsonc\n([^]*?)```/.exec(page("mesh-file.md")) ?? [];
    const { file } = parseMeshFile(sample, "/shop/tulle.jsonc", "tulle.jsonc");
    expect(Object.keys(file.namespaces["default"]!.services)).toEqual(["web", "prices"]);
  });
});
