import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { analyzeFiles } from "../../cli/tulle/analyze-files.ts";
import { RUNGS } from "../../src/deployment/adoption.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/adoption.md"), "utf8");

describe("docs/adoption.md", () => {
  it("has a part for every rung, in their order", () => {
    expect([...PAGE.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual(Object.keys(RUNGS));
  });

  it("has samples in which nothing is wrong", async () => {
    const samples = [...PAGE.matchAll(/```yaml\n([^]*?)```/g)].map(([, sample = ""]) => sample);
    const folder = mkdtempSync(join(tmpdir(), "tulle-docs-"));
    const services = ["web", "api"].map(
      (name) =>
        `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }\n`,
    );
    const entries = ["web", "api"].map(
      (name) =>
        `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: { name: ${name} }\nspec: { address: "binding:EP_${name.toUpperCase()}", labels: { app: ${name} } }\n`,
    );
    writeFileSync(join(folder, "all.yaml"), [...services, ...entries, ...samples].join("---\n"));
    const { objects, findings } = await analyzeFiles([folder], false, "default");
    rmSync(folder, { recursive: true });
    expect(objects).toBe(4 + 8);
    expect(findings.filter(({ severity }) => severity !== "info")).toEqual([]);
  });
});
