import { describe, expect, it } from "vitest";
import { whileBusy } from "../../edge/dev/while-busy.ts";

const BUSY = new Error("workerd/util/sqlite.c++:1757: failed: SQLite failed; database is locked: SQLITE_BUSY");

function failing(times: number, error: Error) {
  let tried = 0;
  const attempt = async () => {
    tried += 1;
    if (tried <= times) throw error;
    return "up";
  };
  return { attempt, tried: () => tried };
}

describe("a runtime that starts beside others", () => {
  it("starts again where another process held a database", async () => {
    const { attempt, tried } = failing(3, BUSY);
    expect(await whileBusy(attempt, 0)).toBe("up");
    expect(tried()).toBe(4);
  });

  it("does not where it ended for another reason", async () => {
    const { attempt, tried } = failing(1, new Error("SyntaxError: no such export"));
    await expect(whileBusy(attempt, 0)).rejects.toThrow("no such export");
    expect(tried()).toBe(1);
  });

  it("tells of it at last", async () => {
    await expect(whileBusy(failing(1_000, BUSY).attempt, 0)).rejects.toThrow("SQLITE_BUSY");
  });
});
