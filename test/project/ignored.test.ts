import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ignoreAllBut } from "../../project/ignored.ts";
import { folderOf } from "./folders.ts";

it("keeps all of a local mesh's folder out of a repository, and lets a deployment's say for itself", () => {
  const folder = folderOf("shop", {
    ".tulle/token": "secret",
    ".tulle/storage/kv/blob": "data",
    ".tulle/deploy/shop/deployed.json": {},
    ".tulle/deploy/shop/kubeconfig": "secret",
  });
  ignoreAllBut(join(folder, ".tulle"), ["deploy/"]);
  ignoreAllBut(join(folder, ".tulle/deploy/shop"), ["deployed.json"]);
  const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: folder, encoding: "utf8" });
  git("init", "--quiet");
  expect(git("add", "--all", "--dry-run", ".").split("\n").filter(Boolean).toSorted()).toEqual([
    "add '.tulle/.gitignore'",
    "add '.tulle/deploy/shop/.gitignore'",
    "add '.tulle/deploy/shop/deployed.json'",
  ]);
});

it("leaves a .gitignore that is there", () => {
  const folder = folderOf("shop", { ".gitignore": "mine\n" });
  ignoreAllBut(folder, []);
  expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe("mine\n");
});
