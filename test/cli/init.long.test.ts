import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { folderOf, worker } from "../project/folders.ts";
import { tulle } from "./tulle.ts";

const FILES = {
  ...worker("web", "web", {
    services: [
      { binding: "API", service: "api" },
      { binding: "MAIL", service: "mailer" },
    ],
  }),
  ...worker("api", "api"),
};

describe("tulle init", () => {
  it("draws the Workers, tells its findings, and writes the mesh file", async () => {
    const folder = folderOf("shop", FILES);
    const { code, stdout, stderr } = await tulle(folder, ["init", "--yes"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "wrote tulle.jsonc\n" });
    expect(stdout.split("\n")).toEqual([
      "mesh shop: 2 services of 2 Workers",
      "",
      "web   public: *",
      "├─ API ───> api",
      "└─ MAIL ──> mailer (not here)",
      "api",
      "",
      expect.stringMatching(
        /^web\/wrangler\.jsonc: warning: `MAIL` binds `mailer`, which is not here; .* \[TULLE1101\]$/,
      ),
      "",
    ]);
    const again = await tulle(folder, ["init"]);
    expect(again).toMatchObject({ code: 0, stderr: "tulle.jsonc has all of them: nothing was changed\n" });
  });

  it("says which file cannot be read or written, in one line", async () => {
    const folder = folderOf("shop", { ...FILES, "tulle.jsonc/kept": "" });
    const { code, stderr } = await tulle(folder, ["init"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: EISDIR: .*\n$/);
    const other = folderOf("shop", FILES);
    symlinkSync("/no-such-folder/tulle.jsonc", join(other, "tulle.jsonc"));
    expect((await tulle(other, ["init"])).stderr).toMatch(/^error: ENOENT: .*tulle\.jsonc'\n$/);
  });

  it("names a byte order mark, which nobody sees", async () => {
    const folder = folderOf("shop", { ...FILES, "tulle.jsonc": '\u{feff}{ "mesh": "shop", "namespaces": {} }' });
    const { stderr } = await tulle(folder, ["init"]);
    expect(stderr).toBe("error: tulle.jsonc:1:1: it begins with a byte order mark: save it as UTF-8 without one\n");
  });

  it("writes nothing with --dry-run, and prints what it would", async () => {
    const folder = folderOf("shop", FILES);
    const { code, stdout, stderr } = await tulle(folder, ["init", "--dry-run"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "tulle.jsonc was not written: this was a dry run\n" });
    expect(stdout).toContain('"web": {\n          "versions": { "v1": { "config": "web/wrangler.jsonc" } },\n');
    expect(existsSync(join(folder, "tulle.jsonc"))).toBe(false);
  });

  it("prints the same as data, for a folder that is named", async () => {
    const folder = folderOf("shop", FILES);
    const { code, stdout } = await tulle(join(folder, ".."), ["init", "shop", "-o", "json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      mesh: "shop",
      written: true,
      services: [{ name: "api" }, { name: "web", public: ["*"], versions: [{ version: "v1", worker: "web" }] }],
      calls: [
        { from: "web", binding: "API", to: "api" },
        { from: "web", binding: "MAIL", to: null, callee: "mailer" },
      ],
      new: [
        { what: "service", service: "api" },
        { what: "service", service: "web" },
      ],
      findings: [{ code: "TULLE1101", name: "UnknownWorker", severity: "warning", config: "web/wrangler.jsonc" }],
      text: readFileSync(join(folder, "tulle.jsonc"), "utf8"),
    });
  });

  it("ends with 1 for Workers that cannot be told apart, and writes the file to mend", async () => {
    const folder = folderOf("shop", { ...worker("a", "a-b"), ...worker("b", "a_b") });
    const { code, stderr } = await tulle(folder, ["init"]);
    expect(code).toBe(1);
    expect(stderr).toContain("wrote tulle.jsonc\nerror: the mesh file cannot be used yet:\ntulle.jsonc:18:");
  });

  it("tells of a mesh file above", async () => {
    const folder = folderOf("shop", { "tulle.jsonc": "{}", ...worker("team/a", "a") });
    const { stderr } = await tulle(join(folder, "team"), ["init"]);
    expect(stderr).toBe(
      "warning: there is ../tulle.jsonc above; commands below take tulle.jsonc in its place\nwrote tulle.jsonc\n",
    );
  });

  it("refuses a folder that is not there, without a word of where in the code", async () => {
    const { code, stdout, stderr } = await tulle(folderOf("shop", FILES), ["init", "nowhere"]);
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: "", stderr: "error: no such folder: nowhere\n" });
  });
});
