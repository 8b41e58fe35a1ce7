import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { toolPath } from "../support/tools.ts";

const promtool = toolPath("promtool");
const PROJECT = join(import.meta.dirname, "../..");
const ALERTS = join(PROJECT, "examples/observe/alerts.yaml");

describe("the alerts of examples/observe", () => {
  it.skipIf(promtool === null)("are what Prometheus reads", () => {
    const { status, stderr } = spawnSync(promtool ?? "", ["check", "rules", ALERTS], { encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
  });

  it.skipIf(promtool === null)("fire for their causes, and not without them", () => {
    const trials = join(import.meta.dirname, "alerts.test.yaml");
    const { status, stdout, stderr } = spawnSync(promtool ?? "", ["test", "rules", trials], { encoding: "utf8" });
    expect(status, stdout + stderr).toBe(0);
  });

  it("each have a page that says what to do, and a trial", () => {
    const { groups } = parse(readFileSync(ALERTS, "utf8")) as {
      readonly groups: readonly {
        readonly rules: readonly { readonly alert: string; readonly annotations: { readonly runbook_url: string } }[];
      }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    const pages = readFileSync(join(PROJECT, "docs/runbooks.md"), "utf8");
    const titles = [...pages.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    expect(titles).toEqual(rules.map(({ alert }) => alert));
    for (const { alert, annotations } of rules)
      expect(annotations.runbook_url).toBe(`docs/runbooks.md#${alert.toLowerCase()}`);
    const trials = readFileSync(join(import.meta.dirname, "alerts.test.yaml"), "utf8");
    for (const { alert } of rules) expect(trials).toContain(`alertname: ${alert}\n`);
  });
});
