import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { tooLarge } from "../../src/telemetry/graph.ts";
import { Rollups } from "../../workers/control/rollups.ts";

const DAY_S = 86_400;
const DAY_MS = DAY_S * 1_000;
const MINUTE_MS = 60_000;

/** SQLite as a Durable Object has it, as far as the rollups use it. */
function sqlOf(database: DatabaseSync): SqlStorage {
  const exec = (query: string, ...values: SQLInputValue[]) => {
    const rows = database.prepare(query).all(...values);
    return { one: () => rows[0], toArray: () => rows, [Symbol.iterator]: () => rows[Symbol.iterator]() };
  };
  return { exec } as unknown as SqlStorage;
}

describe("a graph of a long window", () => {
  it("is refused before anything is read where that would be too much, with a window that is not", () => {
    const database = new DatabaseSync(":memory:");
    const rollups = new Rollups(sqlOf(database));
    const now = Date.UTC(2026, 0, 2);
    const put = database.prepare("INSERT INTO rollups_coarse (end, data) VALUES (?, zeroblob(?))");
    // A mesh of a few thousand series that are all in use.
    for (let end = now - DAY_MS + MINUTE_MS; end <= now; end += MINUTE_MS) put.run(end, 200_000);
    database.prepare("INSERT INTO rollups_fine (end, data) VALUES (?, zeroblob(?))").run(now, 50_000);
    expect(rollups.size(now - DAY_MS)).toBe(1_440 * 200_000 + 50_000);
    const refused = tooLarge(rollups.size(now - DAY_MS), DAY_S, true) ?? "";
    expect(refused).toContain("a graph of 86400 s reads 288 MB here, and 36 MB is the most");
    const [, window] = /such as (\d+)/.exec(refused) ?? [];
    expect(Number(window)).toBeGreaterThan(3_600);
    expect(tooLarge(rollups.size(now - Number(window) * 1_000), Number(window), true)).toBeNull();
    database.close();
  });

  it("tells a namespace nothing of how much the others have", () => {
    const told = tooLarge(288_000_000, DAY_S, false);
    expect(told).toBe(tooLarge(40_000_000, DAY_S, false));
    expect(told).not.toMatch(/\d+ (s|MB)\b|such as/);
  });

  it("is drawn for a mesh of some hundred series, and of any size for the last minutes", () => {
    expect(tooLarge(1_620 * 20_000, DAY_S, true)).toBeNull();
    expect(tooLarge(20 * 1_200_000, 300, true)).toBeNull();
  });
});
