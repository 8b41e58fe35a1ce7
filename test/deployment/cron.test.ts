import { describe, expect, it } from "vitest";
import { readCron } from "../../src/deployment/cron.ts";

function fires(cron: string, time: string): boolean {
  const read = readCron(cron);
  if (read === null) throw new Error(`${cron} was not read`);
  return read(new Date(`${time}Z`));
}

describe("a cron trigger", () => {
  it.each([
    ["* * * * *", "2026-11-29T12:34", true],
    ["*/15 * * * *", "2026-11-29T12:45", true],
    ["*/15 * * * *", "2026-11-29T12:46", false],
    ["5/20 * * * *", "2026-11-29T12:25", true],
    ["5/20 * * * *", "2026-11-29T12:20", false],
    ["10 7 * * mon-fri", "2026-11-27T07:10", true],
    ["10 7 * * mon-fri", "2026-11-28T07:10", false],
    ["0 0 * * 1", "2026-11-29T00:00", true],
    ["0 0 * * 7", "2026-11-28T00:00", true],
    ["0 0 1,15 * *", "2026-11-15T00:00", true],
    ["0 0 1-5 JAN,NOV *", "2026-11-03T00:00", true],
    ["0 0 1-5 JAN *", "2026-11-03T00:00", false],
    ["0 0 L * *", "2026-11-30T00:00", true],
    ["0 0 L * *", "2024-02-29T00:00", true],
    ["0 0 L-1 * *", "2026-11-29T00:00", true],
    ["0 0 LW * *", "2026-10-30T00:00", true],
    ["0 0 1W * *", "2026-11-02T00:00", true],
    ["0 0 1W * *", "2026-08-03T00:00", true],
    ["0 0 15W * *", "2026-11-16T00:00", true],
    ["0 0 * * MON#2", "2026-11-09T00:00", true],
    ["0 0 * * MON#2", "2026-11-16T00:00", false],
    ["0 0 * * FRIL", "2026-11-27T00:00", true],
    ["0 0 * * 6L", "2026-11-20T00:00", false],
    ["0 0 * * L", "2026-11-28T00:00", true],
  ])("%s at %s: %s", (cron, time, expected) => {
    expect(fires(cron, time)).toBe(expected);
  });

  it("that names days of the month and of the week fires on either", () => {
    expect(fires("0 0 13 * FRI", "2026-11-13T00:00")).toBe(true);
    expect(fires("0 0 13 * FRI", "2026-11-20T00:00")).toBe(true);
    expect(fires("0 0 13 * FRI", "2026-12-13T00:00")).toBe(true);
    expect(fires("0 0 13 * FRI", "2026-12-14T00:00")).toBe(false);
  });

  it.each([
    "",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 0",
    "* * * * 8",
    "a * * * *",
    "5-1 * * * *",
    "*/0 * * * *",
    "*-5 * * * *",
    "1-2-3 * * * *",
    "* * LX * *",
    "* * * * MON#6",
    "* * 32W * *",
    "1/ * * * *",
    "@daily",
  ])("is not `%s`", (cron) => {
    expect(readCron(cron)).toBeNull();
  });
});
