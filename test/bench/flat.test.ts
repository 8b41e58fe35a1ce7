import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadFlat } from "../../bench/flat.ts";

describe("loadFlat", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tulle-flat-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("runs no code that is another than the one that was measured", () => {
    mkdirSync(join(folder, "there"));
    writeFileSync(join(folder, "there", "flat.js"), "export default {};");
    expect(loadFlat([join(folder, "absent"), join(folder, "there")])).toEqual({
      missing: "flat.js is another than expected",
    });
  });

  it("says where it was looked for when it is nowhere", () => {
    expect(loadFlat([join(folder, "absent")])).toEqual({ missing: expect.stringContaining("TULLE_SHARED") });
  });
});
