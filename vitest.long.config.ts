import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The long run of the tests that have one: those whose counts come from `test/support/scale.ts`, which gives them the
 * large ones here, and those that are too heavy for `npm test` (`NAME.long.test.ts`).
 */
const include = readdirSync("test", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .map((file) => `test/${file}`)
  .filter((file) => file.endsWith(".long.test.ts") || readFileSync(file, "utf8").includes("/support/scale.ts"));

/** Those that take longest, so that none of them runs at last alone. Vitest knows nothing of a file but its size at first. */
const LONGEST = [
  "deploy/dry-run.long",
  "e2e/changes.long",
  "compile/visibility",
  "compile/incremental",
  "e2e/start.long",
  "e2e/informer.long",
  "attacks/command.long",
  "gateway/bodies",
  "control/access",
  "e2e/examples-dev.long",
  "cli/adoption.long",
  "control/metrics.long",
  "dev/dev.long",
  "cli/tokens.long",
  "routing/route-tables",
  "compile/ways.long",
  "docs/api.long",
  "cli/init.long",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at === -1 ? LONGEST.length : at;
    };
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    include,
    globalSetup: ["test/support/bundles.ts"],
    sequence: { sequencer: LongestFirst },
    exclude: ["test/tools/**", "test/workerd/**"],
    // Programs that tests start, meshes and commands, start in two thirds of the time where they are kept compiled.
    env: { TULLE_TESTS: "long", NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") },
    // As in `npm test`.
    isolate: false,
    setupFiles: ["test/support/put-back.ts"],
    testTimeout: 600_000,
    hookTimeout: 240_000,
    // Half of their time they wait.
    maxWorkers: 3,
  },
});
