import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readMeshFile } from "../../project/mesh-file.ts";
import { policyFiles } from "../../project/policy-files.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "tulle-policies-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function put(path: string, text = ""): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function read(policies?: readonly string[]): readonly (readonly [path: string, text: string])[] {
  put("tulle.jsonc", JSON.stringify({ mesh: "shop", namespaces: {}, policies }));
  const files = policyFiles(readMeshFile(join(folder, "tulle.jsonc")));
  return files.map(({ path, text }) => [relative(folder, path), text]);
}

it("policies are the YAML and JSON below the folder of that name, if there is one", () => {
  expect(read()).toEqual([]);
  put("policies/b.yaml", "b: 1");
  put("policies/a/c.yml", "c: 1");
  put("policies/a/d.json", "{}");
  put("policies/README.md", "text");
  expect(read()).toEqual([
    ["policies/a/c.yml", "c: 1"],
    ["policies/a/d.json", "{}"],
    ["policies/b.yaml", "b: 1"],
  ]);
});

it("policies may be other folders, and files of any name", () => {
  put("rules/a.yaml", "a: 1");
  put("one.txt", "b: 1");
  expect(read(["one.txt", "rules"])).toEqual([
    ["one.txt", "b: 1"],
    ["rules/a.yaml", "a: 1"],
  ]);
});

it("policies that the mesh file names, and that are not there, are missed", () => {
  expect(() => read(["rules"])).toThrow("no such file or folder");
});
