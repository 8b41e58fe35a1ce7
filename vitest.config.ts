import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What drives system tools runs by `npm run test:tools`, which lists a missing tool.
    exclude: ["test/tools/**", "node_modules/**"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Tests start real runtimes; more than one a core only makes them time out.
    maxWorkers: 2,
  },
});
