#!/usr/bin/env node
// Plain JavaScript: the Node that is asked to run this may be too old for TypeScript, as 20 is. Then the project's own takes over.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

if (process.features.typescript) await import("./main.ts");
else {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const node = join(folder, "../../node_modules/.bin/node");
  if (existsSync(node)) {
    const { status } = spawnSync(node, [join(folder, "main.ts"), ...process.argv.slice(2)], { stdio: "inherit" });
    process.exitCode = status ?? 1;
  } else {
    process.stderr.write("error: tulle needs Node 22.18 or newer; `npm ci` in its folder brings one, on Linux\n");
    process.exitCode = 1;
  }
}
