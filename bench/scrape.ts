import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { fillTelemetry } from "../test/control/full-telemetry.ts";
import { RunningControl } from "../test/control/running.ts";

/** The least busy of so many counts. */
const SCRAPES = 3;

/** How long a scrape takes, in ms, where there are as many series as there may be. */
export async function scrapeAtCap(): Promise<{ readonly ms: number; readonly megabytes: number }> {
  const control = await RunningControl.start();
  try {
    await fillTelemetry(control);
    const url = `${(await control.url()).origin}/metrics`;
    const headers = { ...control.auth(), accept: "application/openmetrics-text;version=1.0.0" };
    let [ms, bytes] = [Number.POSITIVE_INFINITY, 0];
    for (let scrape = 0; scrape < SCRAPES; scrape += 1) {
      const began = performance.now();
      bytes = await read(url, headers);
      ms = Math.min(ms, performance.now() - began);
    }
    return { ms, megabytes: bytes / 1e6 };
  } finally {
    await control.stop();
  }
}

/** @returns how many bytes came; all of them did */
async function read(url: string, headers: Record<string, string>): Promise<number> {
  const [response] = (await once(get(url, { headers }), "response")) as [IncomingMessage];
  let [bytes, end] = [0, ""];
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    end = (chunk as Buffer).subarray(-6).toString();
  }
  if (response.statusCode !== 200 || !end.endsWith("# EOF\n"))
    throw new Error(`the scrape was ${response.statusCode}, and ended with ${JSON.stringify(end)}`);
  return bytes;
}
