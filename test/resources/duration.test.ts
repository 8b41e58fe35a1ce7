import { describe, expect, it } from "vitest";
import { parseDuration } from "../../src/resources/duration.ts";

describe("parseDuration", () => {
  it.each([
    ["30s", 30_000],
    ["1.5s", 1_500],
    [".5s", 500],
    ["100ms", 100],
    ["1h30m", 5_400_000],
    ["1m", 60_000],
    ["0s", 0],
    ["1.001s", 1_001],
    ["1000us", 1],
    ["0.1ms900us", 1],
  ])("reads %s as %d ms", (input, milliseconds) => {
    expect(parseDuration(input)).toBe(milliseconds);
  });

  it.each([
    "",
    "30",
    "s",
    "1.5",
    "-1s",
    "+1s",
    "1 s",
    "1d",
    "1s ",
    "0.5ms",
    "1ns",
    "1e3s",
    "1..5s",
    "9999999999999h",
    "1s1",
  ])("refuses `%s`", (input) => {
    expect(parseDuration(input)).toBeNull();
  });
});
