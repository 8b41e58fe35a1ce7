import { defineConfig } from "vitest/config";
import { TOOLS, toolPath } from "./test/support/tools.ts";

for (const name of TOOLS) {
  if (toolPath(name) === null) console.log(`not run: ${name}`);
}

/** The tests that drive system tools; a missing tool is listed, its tests are skipped. */
export default defineConfig({
  test: {
    include: ["test/tools/**/*.test.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
