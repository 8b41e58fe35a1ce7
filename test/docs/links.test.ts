import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const PROJECT = join(import.meta.dirname, "../..");
const PAGES = ["*.md", "docs/**/*.md", "examples/**/*.md", "test/**/*.md"].flatMap((pattern) =>
  globSync(pattern, { cwd: PROJECT }),
);

function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(PAGES)("%s", (page) => {
  const text = readFileSync(join(PROJECT, page), "utf8");

  it("links to what is there", () => {
    const prose = text.replaceAll(/^```[^]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
    const links = [...prose.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link = ""]) => link);
    const broken = links.filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? join(PROJECT, page) : join(PROJECT, dirname(page), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, "utf8")).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it("names files that are there", () => {
    const files = [...text.matchAll(/`((?:src|workers|edge|cli|test|bench|docs|examples|migrations)\/[\w./-]*)`/g)];
    expect(files.map(([, file = ""]) => file).filter((file) => !existsSync(join(PROJECT, file)))).toEqual([]);
  });
});
