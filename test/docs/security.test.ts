import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const PROJECT = join(import.meta.dirname, "../..");
const PAGE = readFileSync(join(PROJECT, "docs/security.md"), "utf8");

/** Rule -> its text, without the heading. */
const ENTRIES = new Map(
  PAGE.split(/^#{2,3} /m).flatMap((section) => {
    const [, rule] = /^(R\d+): /.exec(section) ?? [];
    return rule === undefined ? [] : [[rule, section] as const];
  }),
);

function filesIn(text: string): readonly string[] {
  return [...text.matchAll(/`((?:src|workers|edge|cli|test)\/[^`]+)`/g)].map(([, file = ""]) => file);
}

/** Rule -> the files whose comments name it. */
function cited(): ReadonlyMap<string, readonly string[]> {
  const files = ["src", "workers", "edge", "cli"].flatMap((top) =>
    readdirSync(join(PROJECT, top), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `${top}/${file.replaceAll("\\", "/")}`),
  );
  const found = files.flatMap((file) =>
    [...readFileSync(join(PROJECT, file), "utf8").matchAll(/\((R\d+[^)]*)\)/g)].flatMap(([, names = ""]) =>
      [...names.matchAll(/\bR\d+\b/g)].map(([rule]) => ({ rule, file })),
    ),
  );
  return new Map(
    [...Map.groupBy(found, ({ rule }) => rule)].map(([rule, uses]) => [rule, uses.map(({ file }) => file)]),
  );
}

describe("docs/security.md", () => {
  it("has each rule that the code names, with every file that names it", () => {
    const missing = [...cited()].flatMap(([rule, files]) => {
      const named = filesIn(ENTRIES.get(rule) ?? "");
      return files.filter((file) => !named.includes(file)).map((file) => `${rule}: ${file}`);
    });
    expect(missing).toEqual([]);
    expect(cited().size).toBeGreaterThan(20);
  });

  it("says of each rule where it is kept and what tests it", () => {
    for (const [rule, text] of ENTRIES) {
      const [kept = "", tested = ""] = text.split(/Tested\s+in/);
      expect(filesIn(kept), rule).not.toEqual([]);
      expect(
        filesIn(tested).filter((file) => file.startsWith("test/")),
        rule,
      ).not.toEqual([]);
    }
  });

  it("names each rule once, in their order", () => {
    const rules = [...PAGE.matchAll(/^### (R\d+): /gm)].map(([, rule]) => rule);
    expect(rules).toEqual([...ENTRIES.keys()]);
    expect(rules).toEqual(rules.toSorted((a, b) => Number(a?.slice(1)) - Number(b?.slice(1))));
  });
});
