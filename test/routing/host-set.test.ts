import { describe, expect, it } from "vitest";
import { HostSet } from "../../src/routing/host-set.ts";

describe("HostSet", () => {
  const set = new HostSet(["a.test", "*.b.test", "*.c.b.test", "*-d.test"]);

  it.each([
    ["a.test", true],
    ["x.a.test", false],
    ["b.test", false],
    [".b.test", false],
    ["x.b.test", true],
    ["y.x.b.test", true],
    ["x.c.b.test", true],
    ["xb.test", false],
    ["test", false],
    ["x-d.test", true],
    ["y.x-d.test", true],
    ["-d.test", false],
    ["d.test", false],
    ["10.0.0.1", false],
  ])("%s: %s", (host, isIn) => {
    expect(set.has(host)).toBe(isIn);
  });
});
