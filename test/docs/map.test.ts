import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = join(import.meta.dirname, "../../src");
const PAGE = readFileSync(join(import.meta.dirname, "../../docs/map.md"), "utf8");

const [upper = [], lower = []] = PAGE.split("| folder |")
  .slice(1)
  .map((table) =>
    [
      ...table
        .split("\n\n", 1)
        .join("")
        .matchAll(/^\| `src\/([\w-]+)`/gm),
    ].map(([, folder = ""]) => folder),
  );

/** The other folders of `src/` that the files of one name, types too. */
function usedBy(folder: string): readonly string[] {
  const files = readdirSync(join(SRC, folder), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const used = files.flatMap((file) => {
    const up = file.split(/[\\/]/).length;
    const imports = readFileSync(join(SRC, folder, file), "utf8").matchAll(/from "((?:\.\.\/)+)([\w-]+)\//g);
    return [...imports].flatMap(([, dots = "", other = ""]) => (dots.length / 3 === up ? [other] : []));
  });
  return [...new Set(used)].toSorted();
}

describe("docs/map.md", () => {
  it("has every folder of src/", () => {
    const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...upper, ...lower].toSorted()).toEqual(folders.map(({ name }) => name).toSorted());
  });

  it("has each above those that it uses", () => {
    expect(upper.flatMap(usedBy).length).toBeGreaterThan(20);
    const ups = upper.flatMap((folder, at) => {
      const below = new Set([...upper.slice(at + 1), ...lower]);
      return usedBy(folder)
        .filter((used) => !below.has(used))
        .map((used) => `${folder} -> ${used}`);
    });
    const fromBelow = lower.flatMap((folder) =>
      usedBy(folder)
        .filter((used) => !lower.includes(used))
        .map((used) => `${folder} -> ${used}`),
    );
    expect([...ups, ...fromBelow]).toEqual([]);
  });
});
