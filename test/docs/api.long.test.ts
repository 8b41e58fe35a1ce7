import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RunningMesh } from "../support/mesh.ts";
import { expectPrinted, ReadersFolder, samplesOf } from "./samples.ts";

const PORTS = ["--only", "control", "--empty", "--port-base", "29200", "--loopback", "127.0.34.0/24"];
/** Inside of the checkout, so that imports are found, and where nothing else looks. */
const MODULES = join(import.meta.dirname, "../../node_modules/.docs-samples-");

describe("the JavaScript samples of docs/api.md", () => {
  let mesh: RunningMesh;
  let folder: ReadersFolder;
  let modules: string;
  beforeAll(async () => {
    mesh = await RunningMesh.start(PORTS);
    folder = new ReadersFolder(mesh.info.stateDir);
    modules = mkdtempSync(MODULES);
  });
  afterAll(async () => {
    await mesh.stop();
    folder.remove();
    rmSync(modules, { recursive: true });
  });

  // Each works with what the ones before it have made.
  for (const [index, { name, source, "x-expect": expected }] of samplesOf("javascript").entries())
    it(name, async () => {
      const file = join(modules, `${index}.mjs`);
      writeFileSync(file, source);
      const { code, stdout, stderr } = await folder.run(process.execPath, [file], { env: {} });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expectPrinted(stdout, expected);
    });
});
