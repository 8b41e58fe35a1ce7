import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "tulle-launcher-"));
const launcher = join(folder, "dist/tulle.mjs");
mkdirSync(join(folder, "dist"));
cpSync(join(import.meta.dirname, "../../cli/package/launcher.mjs"), launcher);
writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", engines: { node: ">=22.12" } }));
writeFileSync(join(folder, "dist/cli.js"), "console.log(process.argv.slice(2).join());");
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs it under a Node that calls itself this. */
function under(version: string) {
  const versions = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });`;
  const named = `Object.defineProperty(process, "version", { value: "v${version}" });`;
  const claim = `data:text/javascript,${encodeURIComponent(versions + named)}`;
  return spawnSync(process.execPath, ["--import", claim, launcher, "status", "-h"], { encoding: "utf8" });
}

describe("the package's launcher", () => {
  it.each(["22.12.0", "22.13.1", "24.0.0"])("runs the command line under Node %s", (version) => {
    expect(under(version)).toMatchObject({ status: 0, stdout: "status,-h\n", stderr: "" });
  });

  it.each(["12.22.12", "20.20.2", "22.11.0"])("says which Node is needed under %s", (version) => {
    const stderr = `error: tulle needs Node 22.12 or newer; this is v${version}\n`;
    expect(under(version)).toMatchObject({ status: 1, stdout: "", stderr });
  });
});
