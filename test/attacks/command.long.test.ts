import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "tulle-corpus-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CASE = {
  id: "X-001",
  title: "a typo",
  class: "x",
  kind: "attack",
  target: "compile",
  setup: { document: "kind: Nothing\n" },
  requests: [{ apply: true }],
  must: { apply: "rejected" },
};

/** As `npm run attacks -- --cases FOLDER` runs it. */
function tried(...cases: readonly object[]) {
  writeFileSync(join(folder, "x.json"), JSON.stringify({ class: "x", count: cases.length, cases }));
  const command = join(import.meta.dirname, "main.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, "--cases", folder, "--json"], {
    encoding: "utf8",
  });
  return { status, lines: stdout.trim().split("\n"), stderr };
}

describe("npm run attacks", () => {
  it("tries a corpus that is none of ours, and says how many cases passed, failed and were skipped", () => {
    const { status, lines } = tried(CASE, { ...CASE, id: "X-002" });
    expect(lines.at(-1)).toBe("2 passed, 0 failed, 0 skipped");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      passed: 2,
      cases: [
        { id: "X-001", kind: "passed" },
        { id: "X-002", kind: "passed" },
      ],
    });
    expect(status).toBe(0);
  });

  it("fails where a case does not hold, and where it is not covered", () => {
    const wrong = { ...CASE, id: "X-002", must: { apply: "accepted" } };
    const uncovered = { ...CASE, id: "X-003", must: { words: "it is well" } };
    const { status, lines } = tried(CASE, wrong, uncovered);
    expect(lines.at(-1)).toBe("1 passed, 2 failed, 0 skipped");
    expect(status).toBe(1);
  });

  it("ends with an error where a case has a field that nobody knows, and where there are no cases", () => {
    expect(tried({ ...CASE, must: { moon: "full" } })).toMatchObject({ status: 2 });
    expect(tried()).toMatchObject({ status: 2, stderr: `no cases in ${folder}\n` });
  });
});
