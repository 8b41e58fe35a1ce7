import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectPrinted, ReadersFolder, samplesOf } from "../docs/samples.ts";
import { RunningMesh } from "../support/mesh.ts";
import { type Tool, toolPath } from "../support/tools.ts";

const PORTS = ["--only", "control", "--empty", "--port-base", "29200", "--loopback", "127.0.34.0/24"];
const TOOLS = ["curl", "kubectl", "openssl"] as const satisfies readonly Tool[];

/** A sample may drive several. */
function hasTools(source: string): boolean {
  return TOOLS.every((name) => !new RegExp(`\\b${name}\\b`).test(source) || toolPath(name) !== null);
}

describe("the samples of docs/api.md for the shell", () => {
  let mesh: RunningMesh;
  let folder: ReadersFolder;
  let env: Record<string, string>;
  beforeAll(async () => {
    mesh = await RunningMesh.start(PORTS);
    folder = new ReadersFolder(mesh.info.stateDir);
    // Those of this machine may be older than the ones that were unpacked.
    const bin = join(folder.path, "bin");
    mkdirSync(bin);
    for (const name of TOOLS) {
      const path = toolPath(name);
      if (path !== null) symlinkSync(path, join(bin, name));
    }
    env = {
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      HOME: folder.path,
      TULLE: mesh.info.control,
      KUBECONFIG: ".tulle/kubeconfig",
    };
  });
  afterAll(async () => {
    await mesh.stop();
    folder.remove();
  });

  // Each works with what the ones before it have made.
  for (const { name, source, "x-expect": expected } of samplesOf("curl", "kubectl"))
    it.skipIf(!hasTools(source))(name, async () => {
      const { code, stdout, stderr } = await folder.run("bash", ["-euo", "pipefail", "-c", source], { env });
      expect({ code, stderr: code === 0 ? "" : stderr, stdout: code === 0 ? "" : stdout }).toEqual({
        code: 0,
        stderr: "",
        stdout: "",
      });
      expectPrinted(stdout, expected);
    });
});
