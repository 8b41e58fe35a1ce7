import { beforeEach, describe, expect, it } from "vitest";
import { Journal } from "../../src/telemetry/journal.ts";
import { SendQueue } from "../../src/telemetry/send-queue.ts";
import { bytesHeld, type Kept, type KeptCall, spanCount } from "../../src/telemetry/spans.ts";
import type { TracePlan } from "../../src/telemetry/trace-plan.ts";

const PLAN = {} as TracePlan;

/** A call of so many spans, with a path of so many characters. */
function call(spans = 2, length = 10): KeptCall {
  const journal = Object.assign(new Journal(0, "id", "GET"), { attempts: spans - 1, path: "/".repeat(length) });
  return { kind: "call", journal, plan: PLAN, endedAt: 1, why: "sampled" };
}

let queue: SendQueue<Kept>;
beforeEach(() => {
  queue = new SendQueue({ count: spanCount, bytes: bytesHeld });
});

const fill = (kept: () => KeptCall): number => {
  let count = 0;
  while (queue.add(kept())) count += 1;
  return count;
};

describe("SendQueue", () => {
  it("holds so many spans and no more", () => {
    expect(fill(() => call(2))).toBe(1_024);
    queue.take(0, 1_000);
    expect(fill(() => call(2))).toBe(128);
  });

  it("holds so many bytes and no more", () => {
    expect(fill(() => call(1, 100_000))).toBe(10);
    // Of half a megabyte, and what goes over it.
    expect(queue.take(0, 1_000)).toHaveLength(3);
    expect(fill(() => call(1, 100_000))).toBe(3);
  });

  it("sends one batch after the other", () => {
    fill(() => call(2));
    const batch = queue.take(0, 1_000);
    expect(batch).toHaveLength(128);
    expect(queue.isDue(10)).toBe(false);
    expect(queue.ended(batch, 10, true)).toBe(0);
    expect(queue.isDue(10)).toBe(true);
  });

  it("tells what a failure lost, and waits twice as long after each, up to half a minute", () => {
    let now = 0;
    const waits: number[] = [];
    for (let failure = 0; failure < 8; failure += 1) {
      queue.add(call(3));
      expect(queue.ended(queue.take(now, 1_000), now, false)).toBe(3);
      queue.add(call(1));
      const from = now;
      while (!queue.isDue(now)) now += 500;
      waits.push(now - from);
      queue.ended(queue.take(now, 1_000), now, false);
      queue.add(call(1));
      while (!queue.isDue(now)) now += 500;
      queue.take(now, 0);
      now += 4_000;
      queue.lost(now);
      now += 60_000;
    }
    expect(waits[0]).toBe(1_000);
    expect(Math.max(...waits)).toBe(30_000);
    queue.add(call(1));
    expect(queue.ended(queue.take(now, 0), now, true)).toBe(0);
    queue.add(call(1));
    expect(queue.isDue(now)).toBe(true);
  });

  it("forgets a batch that the platform ended, and counts it once", () => {
    queue.add(call(2));
    const batch = queue.take(0, 1_000);
    queue.add(call(2));
    expect(queue.lost(4_000)).toBe(0);
    expect(queue.lost(4_001)).toBe(2);
    expect(queue.ended(batch, 5_000, true)).toBe(0);
    expect(queue.ended(batch, 5_000, false)).toBe(0);
    expect(queue.isDue(10_000)).toBe(true);
  });
});
