import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { SvidKeeper, type SvidEvent } from "../../net/svid-keeper.ts";
import type { Svid } from "../../net/svid.ts";
import { TestAuthority } from "../identity/svids.ts";
import { svidBy } from "../support/svid.ts";

const ID = "spiffe://cluster.local/ns/default/sa/web";
const HOUR = 3_600_000;

describe("an SVID that is kept fresh", () => {
  let template: Svid;
  beforeAll(async () => {
    template = await svidBy(await TestAuthority.create(), ID);
  });
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const fresh = (): Svid => ({ ...template, issuedAt: Date.now(), expiresAt: Date.now() + HOUR });

  function keeper(obtain: () => Promise<Svid>, kept: Svid | null = null) {
    const events: SvidEvent[] = [];
    const made = new SvidKeeper({ kept, obtain, tell: (event) => events.push(event) });
    return { made, events };
  }

  it("is renewed at about half of its life, again and again", async () => {
    const at: number[] = [];
    const begun = Date.now();
    const { made } = keeper(async () => {
      at.push(Date.now() - begun);
      return fresh();
    });
    await made.start();
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    made.stop();
    expect(at.length).toBeGreaterThanOrEqual(5);
    for (const [index, time] of at.entries())
      if (index > 0) {
        const life = time - (at[index - 1] ?? 0);
        expect(life).toBeGreaterThanOrEqual(0.4 * HOUR);
        expect(life).toBeLessThanOrEqual(0.6 * HOUR);
      }
  });

  it("serves as long as it lives while control is away, and is renewed as soon as it is back", async () => {
    let away = false;
    const { made, events } = keeper(async () => {
      if (away) throw new Error("nobody listens");
      return fresh();
    });
    const first = await made.start();
    away = true;
    await vi.advanceTimersByTimeAsync(0.95 * HOUR);
    expect(made.svid).toBe(first);
    expect(events.filter(({ event }) => event === "svid_renewal_failed").length).toBeGreaterThan(10);
    expect(events.at(-1)).toMatchObject({ reason: "nobody listens", leftSeconds: expect.any(Number) });
    away = false;
    await vi.advanceTimersByTimeAsync(40_000);
    expect(made.svid).not.toBe(first);
    made.stop();
  });

  it("is none once it has expired", async () => {
    let away = false;
    const { made } = keeper(async () => {
      if (away) throw new Error("nobody listens");
      return fresh();
    });
    await made.start();
    away = true;
    await vi.advanceTimersByTimeAsync(HOUR + 1);
    expect(made.svid).toBeNull();
    made.stop();
  });

  it("is taken from an earlier run where it still holds, and asked for where it does not", async () => {
    let asked = 0;
    const obtain = async () => {
      asked += 1;
      return fresh();
    };
    const kept = fresh();
    const good = keeper(obtain, kept);
    expect(await good.made.start()).toBe(kept);
    expect(asked).toBe(0);
    good.made.stop();
    const old = keeper(obtain, { ...kept, expiresAt: Date.now() - 1 });
    expect(await old.made.start()).not.toBe(kept);
    expect(asked).toBe(1);
    old.made.stop();
  });

  it("fails at the start where there is none to be had", async () => {
    const { made } = keeper(async () => Promise.reject(new Error("the join token is unknown")));
    await expect(made.start()).rejects.toThrow("the join token is unknown");
  });
});
