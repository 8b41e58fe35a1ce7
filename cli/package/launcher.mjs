#!/usr/bin/env node
// What `npx tulle` runs. Plain enough for a Node that is too old for the rest, which it tells so.
import { readFileSync } from "node:fs";
import module from "node:module";
import process from "node:process";

const { engines } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const needed = engines.node.replace(">=", "");
const [major, minor] = needed.split(".").map(Number);
const [ownMajor, ownMinor] = process.versions.node.split(".").map(Number);

if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) {
  // From the second run on a third of the start is saved.
  module.enableCompileCache();
  // Top-level `await` is what the oldest do not know; what cannot be loaded ends the program with its reason.
  // oxlint-disable-next-line typescript/no-floating-promises
  import("./cli.js");
} else {
  process.stderr.write(`error: tulle needs Node ${needed} or newer; this is ${process.version}\n`);
  process.exitCode = 1;
}
