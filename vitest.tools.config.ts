import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

const BROWSER = "test/tools/dashboard.test.ts";

/** The tests that drive system tools; a missing tool is listed, its tests are skipped. */
export default defineConfig({
  test: {
    testTimeout: 240_000,
    hookTimeout: 240_000,
    globalSetup: ["test/support/bundles.ts"],
    // As in `npm run test:long`.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") },
    projects: [
      // It has bounds of its own on how long a page takes: nothing runs beside it.
      { extends: true, test: { name: "browser", include: [BROWSER], maxWorkers: 1, sequence: { groupOrder: 0 } } },
      {
        extends: true,
        test: {
          name: "tools",
          include: ["test/tools/**/*.test.ts"],
          exclude: [BROWSER],
          globalSetup: ["test/tools/missing-tools.ts"],
          // They wait half of their time, for programs and scrapes: one more than there are cores, as elsewhere.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
