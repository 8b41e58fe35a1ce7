import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { leavesOf } from "../../cli/docs/cli-page.ts";
import { tulleProgram } from "../../cli/tulle/program.ts";

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

  it("names commands that there are", () => {
    const { scripts } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const scriptsNamed = [...text.matchAll(/npm run (?:-s )?([\w:]+)/g)].map(([, script = ""]) => script);
    expect(scriptsNamed.filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
    const paths = leavesOf(tulleProgram()).map(({ path }) => path);
    const words = [...text.matchAll(/(?:npx|\$|`) ?tulle ((?:[a-z][a-z-]* ?)+)/g)].map(([, command = ""]) =>
      command.trim(),
    );
    // `tulle revisions` alone lists them.
    const isThere = (command: string) =>
      paths.some((path) => `tulle ${command} `.startsWith(`${path} `) || path.startsWith(`tulle ${command} `));
    expect(words.filter((command) => !command.startsWith("-") && !isThere(command))).toEqual([]);
  });

  it("names files that are there", () => {
    const files = [...text.matchAll(/`((?:src|workers|edge|cli|test|bench|docs|examples|migrations)\/[\w./-]*)`/g)];
    expect(files.map(([, file = ""]) => file).filter((file) => !existsSync(join(PROJECT, file)))).toEqual([]);
  });
});
