import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { METRIC_LABELS } from "../../src/telemetry/metrics.ts";
import { until } from "../support/until.ts";
import { Heap } from "./heap.ts";
import { RunningControl } from "./running.ts";

const MAX_SERIES = 4_000;
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

const BUCKETS = Array.from({ length: 20 }, (_, at) => at + 1);

/** As long as the labels of a real mesh are: 850 characters as text. */
function series(at: number) {
  return {
    labels: JSON.stringify(["source", ...METRIC_LABELS.slice(1).map((name) => `${name}-${at}`)]),
    requests: 210,
    durationMsSum: 1,
    durationBuckets: BUCKETS,
    requestBytes: { sum: 1, buckets: BUCKETS },
    responseBytes: { sum: 1, buckets: BUCKETS },
    exemplar: { traceId: at.toString(16).padStart(32, "0"), durationMs: at % 2_000, at: 1_700_000_000_000 },
  };
}

const route = (at: number) => ({
  labels: JSON.stringify([
    `default/a-virtual-service/${at}`,
    "",
    `outbound|80|v1|service-${at}.default.svc.cluster.local`,
  ]),
  requests: 210,
  durationMsSum: 1,
  durationBuckets: BUCKETS,
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
async function read(response: IncomingMessage): Promise<{ bytes: number; seconds: number; peak: number; end: string }> {
  const startedAt = performance.now();
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
  return { bytes, seconds: (performance.now() - startedAt) / 1_000, peak, end };
}

describe("a scrape of as many series as there may be", () => {
  beforeAll(async () => {
    const atOnce = 500;
    for (let sequence = 1; sequence <= (MAX_SERIES * 1.25) / atOnce; sequence += 1) {
      const [metrics, routes] = [series, route].map((make) =>
        Array.from({ length: atOnce }, (_, at) => make(sequence * atOnce + at)),
      );
      await control.rpc("STATE", "report", { source: "many", sequence, metrics, routes, dropped: {} });
    }
  });

  it("is whole within ten seconds, and takes no more than 100 MB of the isolate", async () => {
    // Of three, that of the least busy moment: other trials run beside this one.
    const scrapes = [await read(await scrape()), await read(await scrape()), await read(await scrape())];
    const { bytes, end } = scrapes[0] ?? { bytes: 0, end: "" };
    const seconds = Math.min(...scrapes.map((one) => one.seconds));
    const peak = Math.max(...scrapes.map((one) => one.peak));
    console.log(
      `scrape at the cap: ${Math.round(bytes / MEGABYTE)} MB, ${seconds.toFixed(1)} s, ${Math.round(peak / MEGABYTE)} MB`,
    );
    expect(bytes).toBeGreaterThan(100 * MEGABYTE);
    expect(end.endsWith("# EOF\n")).toBe(true);
    expect(seconds).toBeLessThan(10);
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
