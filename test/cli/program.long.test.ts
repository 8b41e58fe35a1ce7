import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readDuration, shortDuration } from "../../cli/tulle/duration.ts";
import { VERSION } from "../../src/version.ts";
import { MAIN, tulle, write } from "./tulle.ts";

const PROJECT = join(import.meta.dirname, "../..");

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("tulle", () => {
  it("is run by npx: an executable with the package's node", () => {
    const { version, bin } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as {
      version: string;
      bin: Record<string, string>;
    };
    const program = join(PROJECT, bin["tulle"] ?? "");
    expect(() => accessSync(program, constants.X_OK)).not.toThrow();
    const path = `${join(PROJECT, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
    expect(spawnSync(program, ["version"], { encoding: "utf8", env: { PATH: path } }).stdout).toBe(`${version}\n`);
    // A Node that does not read TypeScript, as 20 does not, hands over to the project's own.
    const older = ["--no-experimental-strip-types", program];
    const run = (...args: readonly string[]) => spawnSync(process.execPath, [...older, ...args], { encoding: "utf8" });
    expect(run("version").stdout).toBe(`${version}\n`);
    expect(run("aply")).toMatchObject({ status: 2, stderr: expect.stringContaining("Did you mean apply?") });
  });

  it("says which file of a folder cannot be read", async () => {
    write(folder, "links/a.yaml", "");
    symlinkSync("loop.yaml", join(folder, "links/loop.yaml"));
    const { code, stderr } = await tulle(folder, ["analyze", "-f", "links"]);
    expect([code, stderr]).toEqual([1, "error: -f: `links/loop.yaml` is a link that leads back to itself\n"]);
  });

  it("says where nothing can be printed, and does not end well", () => {
    const to = spawnSync("bash", ["-c", '"$0" "$1" version > /dev/full', process.execPath, MAIN], { encoding: "utf8" });
    expect([to.status, to.stderr]).toEqual([1, expect.stringMatching(/^error: .*ENOSPC[^\n]*\n$/)]);
  });

  it("prints its version in each format", async () => {
    const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { version: string };
    // The Workers say this one.
    expect(VERSION).toBe(version);
    expect((await tulle(folder, ["--version"])).stdout).toBe(`${version}\n`);
    expect((await tulle(folder, ["version", "-o", "yaml"])).stdout).toBe(`version: ${version}\n`);
  });

  it.each([
    { args: [], code: 2, says: "Usage: tulle" },
    { args: ["token"], code: 2, says: "Usage: tulle token" },
    { args: ["aply"], code: 2, says: "error: unknown command `aply`\n(Did you mean apply?)\n" },
    { args: ["token", "creat"], code: 2, says: "(Did you mean create?)" },
    { args: ["status", "--wiat"], code: 2, says: "(Did you mean --wait?)" },
    { args: ["version", "-o", "xml"], code: 2, says: "table, json, yaml" },
    { args: ["version", "-o", "kubeconfig"], code: 2, says: "is for `tulle login`, `tulle token create`" },
    { args: ["version", "--timeout", "0s"], code: 2, says: "Give a duration" },
    { args: ["completion", "sh"], code: 2, says: "bash, zsh, fish" },
  ])("refuses $args", async ({ args, code, says }) => {
    const ended = await tulle(folder, args);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(says);
  });

  it("shows help with an example for every command", async () => {
    const commands = [
      "init",
      "apply",
      "analyze",
      "status",
      "check",
      "mode",
      "revisions show",
      "revisions list",
      "rollback",
      "token create",
      "token list",
    ];
    const more = ["token revoke", "cert enrol", "cert show", "completion", "version", ""];
    const helps = await Promise.all(
      [...commands, ...more].map(async (command) => {
        const { code, stdout } = await tulle(folder, [...command.split(" ").filter((word) => word !== ""), "--help"]);
        return { command, code, isWhole: stdout.includes("--kubeconfig") && stdout.includes("\nExample:\n  $ ") };
      }),
    );
    expect(helps.filter(({ code, isWhole }) => code !== 0 || !isWhole)).toEqual([]);
  });

  it("ends quietly where its reader has gone", () => {
    const script = `"${process.execPath}" "${MAIN}" completion bash | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr, error } = spawnSync("bash", ["--norc", "-c", script], { encoding: "utf8", env: {} });
    if (error) return;
    // As of any program that a SIGPIPE ends: what it would have come to nobody knows, so that `analyze | head` is no pass.
    expect({ stdout, stderr }).toEqual({ stdout: "141\n", stderr: "" });
  });
});

describe("tulle completion", () => {
  it("knows the commands, options and choices in bash", async () => {
    const { stdout } = await tulle(folder, ["completion", "bash"]);
    const file = write(folder, "tulle.bash", stdout);
    const completed = (...words: readonly string[]) => {
      const script = `source "$0"; COMP_WORDS=(tulle "$@"); COMP_CWORD=$#; _tulle; echo "\${COMPREPLY[*]}"`;
      return spawnSync("bash", ["--norc", "-c", script, file, ...words], { encoding: "utf8" });
    };
    const first = completed("tok");
    if (first.error) return; // No bash here.
    expect(spawnSync("bash", ["-n", file]).status).toBe(0);
    expect(first.stdout).toBe("token\n");
    expect(completed("token", "").stdout).toMatch(/^create bootstrap list revoke help /);
    expect(completed("-n", "apply", "status", "--w").stdout).toBe("--wait\n");
    expect(completed("token", "create", "x", "--role", "").stdout).toBe("viewer editor admin\n");
    expect(completed("version", "-o", "").stdout).toBe("table json yaml kubeconfig text sarif\n");
    expect(completed("analyze", "--fail-on", "").stdout).toBe("error warning info never\n");
    expect(completed("completion", "z").stdout).toBe("zsh\n");
    expect(completed("apply", "-f", "").stdout).toBe("\n");
  });

  it.each(["zsh", "fish"])("has the whole tree for %s", async (shell) => {
    const { code, stdout, stderr } = await tulle(folder, ["completion", shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const word of ["token create", "cert enrol", "viewer editor admin", "kubeconfig", "field-manager"])
      expect(stdout).toContain(word);
    const check = spawnSync(shell, ["-n", write(folder, `tulle.${shell}`, stdout)]);
    if (!check.error) expect(check.status).toBe(0);
  });
});

describe("durations", () => {
  it.each([
    { text: "90s", want: 90_000 },
    { text: "10m", want: 600_000 },
    { text: "24h", want: 86_400_000 },
    { text: "7d", want: 604_800_000 },
    { text: "1h30m", want: 5_400_000 },
    { text: "7", want: null },
    { text: "1d2h", want: null },
    { text: "-1s", want: null },
    { text: "", want: null },
  ])("reads `$text`", ({ text, want }) => expect(readDuration(text)).toBe(want));

  it.each([
    { ms: -1, want: "0s" },
    { ms: 999, want: "0s" },
    { ms: 45_000, want: "45s" },
    { ms: 200_000, want: "3m20s" },
    { ms: 7_200_000, want: "2h" },
    { ms: 90_061_000, want: "1d1h" },
  ])("writes $ms ms as $want", ({ ms, want }) => expect(shortDuration(ms)).toBe(want));
});
