import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

/**
 * The mesh's own Workers are bundled once a run, not at each start of a mesh, here or in a program that a test starts: nobody
 * edits them meanwhile. Whoever watches gets them anew with each rerun.
 *
 * @returns what takes them away at the end; nothing where whoever runs this keeps them
 */
export default function keepBundles(run: TestProject): (() => void) | undefined {
  if (process.env["TULLE_BUNDLES"] !== undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "tulle-bundles-"));
  process.env["TULLE_BUNDLES"] = folder;
  const drop = (): void => rmSync(folder, { recursive: true, force: true });
  run.onTestsRerun(() => {
    drop();
    mkdirSync(folder);
  });
  return drop;
}
