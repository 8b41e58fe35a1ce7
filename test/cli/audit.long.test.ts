import { beforeEach, describe, expect, it } from "vitest";
import { useFakeControl } from "./fake-control.ts";
import { tulle } from "./tulle.ts";

const ROW = {
  id: 7,
  at: Date.UTC(2026, 0, 31, 12),
  actor: "ci",
  verb: "apply",
  targets: ["a/B/c/d", "a/B/c/e"],
  account: "token/id-1",
  detail: null,
  generation: 3,
  previous: "ab",
  hash: "cd",
};
const HEAD = { id: 7, hash: "cd" };
const HOLDS = { intact: true, checked: 5_000, last: HEAD, broken: null, breaks: [], next: null };

const control = useFakeControl("team");
beforeEach(() => {
  control.asked.length = 0;
});

describe("tulle audit", () => {
  it("lists who did what, and tells of older ones", async () => {
    const hostile = { ...ROW, id: 6, verb: "sign-in", actor: "x\u001b[2J\ny", targets: [], detail: { issuer: "i" } };
    control.routes = { "GET /api/v1/audit": () => ({ body: { entries: [ROW, hostile], next: 6 } }) };
    const { code, stdout, stderr } = await tulle(control.folder, [
      "audit",
      "--actor",
      "ci",
      "--target",
      "a/B/c/d",
      "--limit",
      "2",
    ]);
    expect([code, stderr]).toEqual([0, "older ones: tulle audit --before 6\n"]);
    expect(stdout).toBe(
      [
        "ID   AT                     ACTOR        VERB      TARGETS              MORE",
        "7    2026-01-31T12:00:00Z   ci           apply     a/B/c/d and 1 more",
        '6    2026-01-31T12:00:00Z   x\\x1b[2J y   sign-in                        {"issuer":"i"}',
        "",
      ].join("\n"),
    );
    expect(control.asked[0]?.path).toContain("limit=2&actor=ci&target=a%2FB%2Fc%2Fd");
  });

  it("exports all rows as they are kept, oldest first, and at last the head of their chain", async () => {
    const rows = Array.from({ length: 1_001 }, (_, at) => ({
      ...ROW,
      id: at + 1,
      previous: at === 0 ? "" : `hash-${at}`,
      hash: `hash-${at + 1}`,
    }));
    const pages = [rows.slice(0, 1_000), rows.slice(1_000)];
    control.routes = { "GET /api/v1/audit": () => ({ body: { entries: pages.shift(), next: null } }) };
    const { code, stdout } = await tulle(control.folder, ["audit", "--export"]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect([code, lines.slice(0, -1), lines.at(-1)]).toEqual([
      0,
      rows,
      { head: { id: 1_001, hash: "hash-1001" }, rows: 1_001 },
    ]);
    expect(control.asked.map(({ path }) => path.split("?")[1])).toEqual([
      "after=0&limit=1000",
      "after=1000&limit=1000",
    ]);
  });

  it("stops an export where a row does not follow on the one before it", async () => {
    const first = { ...ROW, id: 1, previous: "", hash: "one" };
    const entries = [first, { ...ROW, id: 2, previous: "other" }];
    control.routes = { "GET /api/v1/audit": () => ({ body: { entries, next: null } }) };
    const { code, stdout, stderr } = await tulle(control.folder, ["audit", "--export"]);
    expect([code, JSON.parse(stdout)]).toEqual([1, first]);
    expect(stderr).toContain("row 2 of the audit does not follow on row 1: tulle audit --verify tells more");
  });

  it("verifies from page to page, and says up to where the chain holds", async () => {
    const pages = [{ ...HOLDS, next: 5_000 }, HOLDS];
    control.routes = { "GET /api/v1/audit/verify": () => ({ body: pages.shift() }) };
    const { code, stdout } = await tulle(control.folder, ["audit", "--verify"]);
    expect([code, stdout]).toEqual([0, "10000 rows hold, up to row 7, cd\n"]);
    expect(control.asked.map(({ path }) => path.split("?")[1])).toEqual(["after=0", "after=5000"]);
  });

  it.each([
    {
      name: "a row that was changed",
      found: { broken: { id: 3, problem: "changed" } },
      says: "row 3 of the audit is changed",
    },
    {
      name: "rows that were lost",
      found: { breaks: [{ at: ROW.at, seen: HEAD, found: null }] },
      says: "row 7, seen before",
    },
  ])("fails of $name", async ({ found, says }) => {
    control.routes = { "GET /api/v1/audit/verify": () => ({ body: { ...HOLDS, ...found, intact: false } }) };
    const { code, stderr } = await tulle(control.folder, ["audit", "--verify"]);
    expect(code).toBe(1);
    expect(stderr).toContain(says);
    expect((await tulle(control.folder, ["audit", "--verify", "-o", "json"])).code).toBe(1);
  });

  it("takes a break for a restore by the row that was seen before, and tells what is left", async () => {
    const kept = { id: 5, hash: "aa" };
    const told = { at: ROW.at, seen: HEAD, found: { id: 6, hash: "bb" }, kept, accepted: null };
    const accepted = { ...told, accepted: { id: 8, hash: "ee" } };
    control.routes = {
      "GET /api/v1/audit/verify": () => ({ body: { ...HOLDS, intact: false, breaks: [told] } }),
      "POST /api/v1/audit/restores": () => ({ status: 201, body: accepted }),
    };
    const broken = await tulle(control.folder, ["audit", "--verify"]);
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining("say so with --accept-restore")]);
    const { code, stdout } = await tulle(control.folder, ["audit", "--accept-restore", "7", "--reason", "to noon"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("a restore to row 5, as row 8 says")]);
    expect(JSON.parse(control.asked.at(-1)?.body ?? "")).toEqual({ seen: HEAD, reason: "to noon" });
    expect((await tulle(control.folder, ["audit", "--accept-restore", "3"])).stderr).toContain("no break is known");
    const asked = control.asked.length;
    for (const alone of [[], ["--verify"], ["--export"]])
      expect(await tulle(control.folder, ["audit", ...alone, "--reason", "to noon"])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("give --accept-restore and the row") as string,
      });
    expect(control.asked).toHaveLength(asked);
    control.routes = { "GET /api/v1/audit/verify": () => ({ body: { ...HOLDS, breaks: [accepted] } }) };
    expect((await tulle(control.folder, ["audit", "--verify"])).code).toBe(0);
  });

  it("verifies all or lists some", async () => {
    const { code, stderr } = await tulle(control.folder, ["audit", "--verify", "--actor", "ci"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--verify");
  });
});
