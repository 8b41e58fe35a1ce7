import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Watch, watchBelow } from "../../edge/dev/watch.ts";
import { until } from "../support/until.ts";

let folder: string;
let watch: Watch | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-watch-"));
});
afterEach(() => {
  watch?.close();
  rmSync(folder, { recursive: true });
});

it("sees a folder that is made later, and what is saved in it", async () => {
  let changes = 0;
  watch = watchBelow(join(folder, "policies"), () => (changes += 1));
  mkdirSync(join(folder, "policies"));
  await until("the folder to be seen", () => changes > 0);
  for (const file of ["a.yaml", "below/b.yaml"]) {
    const before = changes;
    mkdirSync(join(folder, "policies/below"), { recursive: true });
    writeFileSync(join(folder, "policies", file), file);
    await until(`${file} to be seen`, () => changes > before);
  }
  expect(changes).toBeGreaterThanOrEqual(3);
});

it("sees a file that is made later, and each save of it", async () => {
  let changes = 0;
  const file = join(folder, "policies.yaml");
  watch = watchBelow(file, () => (changes += 1));
  for (const text of ["one", "two"]) {
    const before = changes;
    writeFileSync(file, text);
    await until(`${text} to be seen`, () => changes > before);
  }
  expect(changes).toBeGreaterThanOrEqual(2);
});
