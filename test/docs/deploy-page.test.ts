import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { analyzeFiles } from "../../cli/tulle/analyze-files.ts";
import { parseMeshFile } from "../../project/mesh-file.ts";
import { meshResources } from "../../src/deployment/mesh-resources.ts";
import { inEnvironment } from "../../src/deployment/mesh-environment.ts";
import { topologyOf } from "../../src/deployment/topology.ts";
import { digest } from "../../project/digest.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/deploy.md"), "utf8");

const sample = (kind: string) => new RegExp(`\`\`\`${kind}\\n([^]*?)\`\`\``).exec(PAGE)?.[1] ?? "";

const ORDERS = `"mesh": "shop", "namespaces": { "default": { "services": {
  "web": { "versions": { "v1": { "config": "web" } } }, "orders": { "versions": { "v1": { "config": "orders" } } } } } }`;

describe("docs/deploy.md", () => {
  it("has a sample of a stable key in which nothing is wrong", async () => {
    const { file } = parseMeshFile(`{ ${ORDERS} }`, "/tulle.jsonc", "tulle.jsonc");
    const topology = topologyOf(file, (_, name) => ({ name, services: [] }), digest);
    expect(topology.ok).toBe(true);
    if (!topology.ok) return;
    const folder = mkdtempSync(join(tmpdir(), "tulle-docs-"));
    const objects = meshResources(topology.value, false).map((object) => JSON.stringify(object));
    writeFileSync(join(folder, "all.yaml"), [...objects, sample("yaml")].join("\n---\n"));
    const { findings } = await analyzeFiles([folder], false, "default");
    rmSync(folder, { recursive: true });
    expect(sample("yaml")).toContain("Cloudflare-Workers-Version-Key");
    expect(findings.filter(({ severity }) => severity !== "info")).toEqual([]);
  });

  it("has a sample of an environment that is read", () => {
    const { file } = parseMeshFile(`{ ${ORDERS}, ${sample("jsonc")} }`, "/tulle.jsonc", "tulle.jsonc");
    const staging = inEnvironment(file, "staging");
    expect(staging.ok && staging.value.namespaces["default"]?.services["web"]?.public).toEqual(["staging.example.com"]);
  });
});
