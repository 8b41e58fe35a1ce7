import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

/**
 * The long run of the tests that have one: those whose counts come from `test/support/scale.ts`, which gives them the
 * large ones here, and those that are too heavy for `npm test` (`NAME.long.test.ts`).
 */
const include = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => `test/${file}`)
  .filter((file) => file.endsWith(".long.test.ts") || readFileSync(file, "utf8").includes("/support/scale.ts"));

export default defineConfig({
  test: {
    include,
    exclude: ["test/tools/**", "test/workerd/**"],
    // Programs that tests start, meshes and commands, start in two thirds of the time where they are kept compiled.
    env: { TULLE_TESTS: "long", NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") },
    // As in `npm test`.
    isolate: false,
    setupFiles: ["test/support/put-back.ts"],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    // Half of their time they wait.
    maxWorkers: 3,
  },
});
