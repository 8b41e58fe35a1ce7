import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const PROJECT = join(import.meta.dirname, "../..");

// The linter for dead code keeps quiet about what could be another dependency's peer.
it("each dependency is imported by what runs", () => {
  const { dependencies } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const sources = ["src", "workers", "project", "edge", "cli"].flatMap((top) =>
    readdirSync(join(PROJECT, top), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => readFileSync(join(PROJECT, top, file), "utf8")),
  );
  const isUsed = (name: string) => sources.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`));
  expect(Object.keys(dependencies).filter((name) => !isUsed(name))).toEqual([]);
  expect(Object.values(dependencies).filter((version) => !/^\d+\.\d+\.\d+(-[\w.-]+)?$/.test(version))).toEqual([]);
});
