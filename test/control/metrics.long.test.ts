import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/until.ts";
import { fillTelemetry, MAX_SERIES } from "./full-telemetry.ts";
import { Heap } from "./heap.ts";
import { RunningControl } from "./running.ts";

const MEGABYTE = 1_000_000;

let control: RunningControl;
let heap: Heap;
beforeAll(async () => {
  control = await RunningControl.start({ inspect: true });
  heap = await Heap.open(await control.inspector());
});
afterAll(async () => {
  heap.close();
  await control.stop();
});

/** Opens a scrape over a real connection. */
async function scrape(): Promise<IncomingMessage> {
  const accept = "application/openmetrics-text;version=1.0.0";
  const request = get(`${(await control.url()).origin}/metrics`, { headers: { ...control.auth(), accept } });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  return response;
}

/** Reads it to its end. */
async function read(response: IncomingMessage): Promise<{ bytes: number; peak: number; end: string }> {
  let [bytes, peak, end] = [0, 0, ""];
  const over = new AbortController();
  const watched = (async () => {
    for (; !over.signal.aborted; await setTimeout(50)) peak = Math.max(peak, await heap.bytes());
  })();
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    end = (chunk as Buffer).subarray(-6).toString();
  }
  over.abort();
  await watched;
  return { bytes, peak, end };
}

describe("a scrape of as many series as there may be", () => {
  beforeAll(async () => fillTelemetry(control));

  it("is whole, and takes no more than 100 MB of the isolate", async () => {
    const scrapes = [await read(await scrape()), await read(await scrape()), await read(await scrape())];
    const { bytes, end } = scrapes[0] ?? { bytes: 0, end: "" };
    const peak = Math.max(...scrapes.map((one) => one.peak));
    console.log(`scrape at the cap: ${Math.round(bytes / MEGABYTE)} MB, ${Math.round(peak / MEGABYTE)} MB held`);
    expect(bytes).toBeGreaterThan(100 * MEGABYTE);
    expect(end.endsWith("# EOF\n")).toBe(true);
    expect(peak).toBeLessThan(100 * MEGABYTE);
  });

  it("shows the first 4,000 of each kind and folds the rest, which is counted", async () => {
    const answer = await control.raw("GET", "/metrics", control.auth());
    let [counts, folded, left] = [new Map<string, number>(), "", ""];
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      const lines = (left + decoder.decode(chunk, { stream: true })).split("\n");
      left = lines.pop() ?? "";
      for (const line of lines) {
        const name = line.split("{", 1)[0] ?? "";
        if (name.endsWith("_requests_total")) counts.set(name, (counts.get(name) ?? 0) + 1);
        if (line.startsWith("tulle_telemetry_folded_total ")) folded = line;
      }
    }
    expect(Object.fromEntries(counts)).toEqual({
      istio_requests_total: MAX_SERIES + 1,
      tulle_route_requests_total: MAX_SERIES + 1,
    });
    expect(folded).toBe(`tulle_telemetry_folded_total ${2 * 210 * 1_000}`);
  });

  it("costs nothing where its reader stops reading, and is let go of where the reader goes away", async () => {
    heap.collectGarbage();
    const before = await heap.bytes();
    const idle = await Promise.all(Array.from({ length: 10 }, async () => scrape()));
    // They wait for their readers: nothing of the text is made ahead of them.
    heap.collectGarbage();
    expect(await heap.bytes()).toBeLessThan(100 * MEGABYTE);
    for (const response of idle) response.destroy();
    for (let round = 0; round < 50; round += 1) {
      const response = await scrape();
      await once(response, "data");
      response.destroy();
    }
    await until("what the scrapes held to be gone", async () => {
      heap.collectGarbage();
      return (await heap.bytes()) < before + 10 * MEGABYTE;
    });
    const { end } = await read(await scrape());
    expect(end.endsWith("# EOF\n")).toBe(true);
  });
});
