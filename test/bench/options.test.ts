import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";

it.each([
  { args: ["--row", "16"], says: "Unknown option '--row'" },
  { args: ["16"], says: "Unexpected argument '16'" },
  { args: ["--only", "nobody"], says: "no row `nobody`" },
])("the bench refuses $args, and says how it is called", ({ args, says }) => {
  const run = join(import.meta.dirname, "../../bench/run.ts");
  const { status, stderr } = spawnSync(process.execPath, [run, ...args], { encoding: "utf8" });
  expect([status, stderr.slice(0, says.length)]).toEqual([2, says]);
  expect(stderr).toContain("npm run bench -- [--only ROW,ROW]");
});

it.each([
  { program: "api.ts", args: ["--many"], says: "Unknown option '--many'" },
  { program: "api.ts", args: ["--objects", "0"], says: "--objects takes a whole number from 1 to 50000" },
  { program: "simulation/main.ts", args: ["--many"], says: "Unknown option '--many'" },
  { program: "simulation/main.ts", args: ["--rps", "many"], says: "--rps takes a whole number from 1 on" },
])("$program refuses $args, and says how it is called", ({ program, args, says }) => {
  const run = join(import.meta.dirname, "../../bench", program);
  const { status, stderr } = spawnSync(process.execPath, [run, ...args], { encoding: "utf8" });
  expect([status, stderr.slice(0, says.length)]).toEqual([2, says]);
  expect(stderr).toContain("npm run bench:");
});
