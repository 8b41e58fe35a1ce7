import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findingsPage } from "../../cli/docs/findings-page.ts";
import { ISTIO_CODES } from "../../cli/docs/istio-codes.ts";
import { PROJECT_FINDINGS } from "../../src/deployment/project-finding-codes.ts";
import { FINDINGS, type FindingCode, kindOfFinding } from "../../src/resources/finding-codes.ts";

const PROJECT = join(import.meta.dirname, "../..");
const text = (file: string) => readFileSync(join(PROJECT, file), "utf8");
const codes = Object.keys(FINDINGS) as FindingCode[];

const sources = ["src", "workers", "project", "cli"]
  .flatMap((top) =>
    readdirSync(join(PROJECT, top), { recursive: true, encoding: "utf8" }).map((file) => `${top}/${file}`),
  )
  .filter((file) => file.endsWith(".ts") && !file.endsWith("finding-codes.ts"))
  .map(text)
  .join("\n");

describe("docs/findings.md", () => {
  it("is what the table of findings says", () => {
    expect(text("docs/findings.md")).toBe(findingsPage());
  });

  it.each(codes)("says of %s how to mend it", (code) => {
    const { name, mend } = kindOfFinding(code);
    expect(text("docs/findings.md")).toContain(`| \`${code}\` ${name} | `);
    expect(mend).not.toBe("");
  });
});

const TESTS = ["resources", "compile", "control", "cli", "project"]
  .flatMap((folder) =>
    readdirSync(join(PROJECT, "test", folder), { recursive: true, encoding: "utf8" }).map(
      (file) => `test/${folder}/${file}`,
    ),
  )
  .filter((file) => file.endsWith(".test.ts"))
  .map(text)
  .join("\n");

/** What Istio's analysis says of traffic and policies, and not of how Istio is installed. */
const ISTIO = `0101 0106 0107 0108 0109 0110 0111 0112 0118 0125 0127 0128 0129 0130 0131 0132 0133 0134 0138 0140 0145 0149 0157
  0159 0160 0161 0162 0165 0166 0167 0170 0171 0173 0174 0175 0177`;

describe("the table of findings of a folder of Workers", () => {
  const project = Object.keys(PROJECT_FINDINGS);

  it("has nothing that is never said, and nothing without a test", () => {
    expect(project.filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
    expect(project.filter((code) => !TESTS.includes(code))).toEqual([]);
  });

  it("has each name once, codes in order, and none of an object's", () => {
    const names = [...Object.values(PROJECT_FINDINGS), ...Object.values(FINDINGS)].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(project).toEqual(project.toSorted());
    expect(project.filter((code) => code in FINDINGS)).toEqual([]);
  });
});

describe("the table of findings", () => {
  it("has every code of Istio's that is about traffic and policies", () => {
    expect(Object.keys(ISTIO_CODES)).toEqual(ISTIO.split(/\s+/).map((code) => `IST${code}`));
  });

  it("has nothing that is never said", () => {
    expect(codes.filter((code) => !sources.includes(`"${code}"`))).toEqual([]);
  });

  it("has nothing without a test", () => {
    expect(codes.filter((code) => !TESTS.includes(code))).toEqual([]);
  });

  it("has each name once, and codes in order", () => {
    const names = codes.map((code) => kindOfFinding(code).name);
    expect(new Set(names).size).toBe(names.length);
    expect(codes).toEqual(codes.toSorted());
  });

  it("says of a code of Istio's either who says the same, or why nobody can", () => {
    const met = new Set(codes.flatMap((code) => kindOfFinding(code).istio ?? []));
    const either = Object.entries(ISTIO_CODES).map(([code, { never }]) => [
      code,
      met.has(code) !== (never !== undefined),
    ]);
    expect(either).toEqual(Object.keys(ISTIO_CODES).map((code) => [code, true]));
  });
});
