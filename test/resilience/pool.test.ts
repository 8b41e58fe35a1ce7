import { describe, expect, it } from "vitest";
import { isBounded, Pool } from "../../src/resilience/pool.ts";

const ONE = { maxConnections: 1, maxPending: 2 };

describe("Pool", () => {
  it("lets one run, two wait, and refuses the next", () => {
    const pool = new Pool();
    expect([1, 2, 3, 4].map(() => pool.enter(ONE, 0, 1_000).kind)).toEqual([
      "running",
      "waiting",
      "waiting",
      "overflow",
    ]);
  });

  it("gives a slot that comes back to whoever waits the longest, and wakes it", () => {
    const pool = new Pool();
    const first = pool.enter(ONE, 0, 1_000);
    const second = pool.enter(ONE, 0, 1_000);
    const third = pool.enter(ONE, 0, 1_000);
    if (first.kind === "overflow" || second.kind === "overflow" || third.kind === "overflow") throw new Error("full");
    let woken = "";
    second.ticket.wake = () => (woken += "second");
    third.ticket.wake = () => (woken += "third");
    pool.leave(first.ticket, ONE, 1);
    expect([woken, second.ticket.granted, third.ticket.granted]).toEqual(["second", true, false]);
    pool.leave(first.ticket, ONE, 1);
    expect(pool.running).toBe(1);
  });

  it("forgets one that went away while it waited", () => {
    const pool = new Pool();
    const first = pool.enter(ONE, 0, 1_000);
    const second = pool.enter(ONE, 0, 1_000);
    if (first.kind === "overflow" || second.kind === "overflow") throw new Error("full");
    pool.leave(second.ticket, ONE, 1);
    expect([pool.running, pool.waiting]).toEqual([1, 0]);
  });

  it("counts no slot past its deadline", () => {
    const pool = new Pool();
    pool.enter(ONE, 0, 1_000);
    expect(pool.enter(ONE, 999, 1_000).kind).toBe("waiting");
    expect(new Pool().enter(ONE, 0, 1).kind).toBe("running");
    const late = new Pool();
    late.enter(ONE, 0, 1_000);
    expect(late.enter(ONE, 1_000, 1_000).kind).toBe("running");
  });

  it("is bounded by the smaller of connections and requests, and by nothing where neither is set", () => {
    const pool = new Pool();
    const two = { maxConnections: 5, maxRequests: 1 };
    expect([pool.enter(two, 0, 1).kind, pool.enter(two, 0, 1).kind]).toEqual(["running", "waiting"]);
    expect([isBounded({}), isBounded({ maxPending: 1 }), isBounded({ maxRequests: 1 })]).toEqual([false, false, true]);
  });
});
