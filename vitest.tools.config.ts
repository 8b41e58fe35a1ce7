import { defineConfig } from "vitest/config";

/** The tests that drive system tools; a missing tool is listed, its tests are skipped. */
export default defineConfig({
  test: {
    include: ["test/tools/**/*.test.ts"],
    globalSetup: ["test/tools/missing-tools.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
