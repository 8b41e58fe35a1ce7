import { beforeEach, describe, expect, it } from "vitest";
import { Scrapes } from "../../workers/control/scrapes.ts";

const MOST = 64;

let now: number;
let scrapes: Scrapes;
beforeEach(() => {
  now = 1_000_000;
  scrapes = new Scrapes(
    () => new TransformStream<Uint8Array, Uint8Array>(),
    () => now,
  );
});

function* text(): Generator<Uint8Array, undefined> {
  for (let at = 0; at < 10; at += 1) yield new Uint8Array([at]);
}

function started() {
  const scrape = scrapes.start(text);
  if (scrape === null) throw new Error("there was no room");
  return scrape;
}

async function read(readable: ReadableStream<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of readable) length += chunk.length;
  return length;
}

describe("scrapes at once", () => {
  it("are so many and no more, and make room when they end and when their readers leave", async () => {
    const open = Array.from({ length: MOST }, started);
    let isMade = false;
    const late = scrapes.start(() => {
      isMade = true;
      return text();
    });
    expect([late, isMade]).toEqual([null, false]);
    const [first, second] = open;
    expect(await read(first!.readable)).toBe(10);
    await first!.done;
    expect(scrapes.size).toBe(MOST - 1);
    await second!.readable.cancel();
    await second!.done;
    expect(scrapes.size).toBe(MOST - 2);
    expect(await read(started().readable)).toBe(10);
  });

  it("give their places to others where they have stalled, the longest first", async () => {
    const oldest = started();
    now += 3_000;
    for (let index = 1; index < MOST; index += 1) started();
    now += 2_000;
    const next = started();
    await expect(read(oldest.readable)).rejects.toThrow("another scrape");
    await oldest.done;
    // The others have waited for 2 s alone.
    expect([scrapes.start(text), scrapes.size]).toEqual([null, MOST]);
    expect(await read(next.readable)).toBe(10);
  });
});
