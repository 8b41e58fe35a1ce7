import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, type Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMPATIBILITY_DATE, STATE, stateWorker } from "../../edge/miniflare-workers.ts";
import type { LimitAsk } from "../../src/limits/limit-book.ts";
import type { Taken } from "../../src/limits/limiter.ts";
import type { Rate } from "../../src/limits/rate.ts";
import type { LimitsUp } from "../../src/snapshot/rpc.ts";
import { Limits } from "../../workers/gateway/limits.ts";
import { Runtime } from "../support/runtime.ts";

/** Stands for the gateways' binding: what an isolate asks goes to the state Worker's entrypoint as it does there. */
const WAY = `export default { fetch: async (request, env) => Response.json(await env.STATE.take(await request.json())) };`;

const ISOLATES = 20;
const SECONDS = 3;

let miniflare: Miniflare;
const folder = mkdtempSync(join(tmpdir(), "tulle-limiter-"));

beforeAll(async () => {
  const state = await stateWorker();
  miniflare = new Runtime(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      resourcePersistencePath: folder,
      workers: [
        {
          name: "way",
          modules: [{ type: "ESModule", path: "index.js", contents: WAY }],
          compatibilityDate: COMPATIBILITY_DATE,
          serviceBindings: { STATE: { name: STATE, entrypoint: "State", props: { gateway: "g" } } },
        },
        { ...state, serviceBindings: { CONTROL: "way" } },
      ],
    }),
  );
  await miniflare.ready;
});

afterAll(async () => {
  await miniflare.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function take(up: LimitsUp): Promise<Taken> {
  const response = await miniflare.dispatchFetch("http://way/", { method: "POST", body: JSON.stringify(up) });
  if (response.status !== 200) throw new Error(await response.text());
  return (await response.json()) as Taken;
}

/** Twenty isolates at twice the limit for some seconds. @returns how many were admitted, in how many ms, by how many calls */
async function run(counter: string, rate: Rate, disturb: () => Promise<unknown>) {
  let [admitted, calls, asked] = [0, 0, 0];
  const state = {
    take: async (up: LimitsUp) => {
      calls += 1;
      return take(up);
    },
    charge: async () => undefined,
  };
  const isolates = Array.from(
    { length: ISOLATES },
    () => new Limits({ state, location: () => "LOC", count: () => undefined }),
  );
  // Closed, so that nothing passes by a limit of an isolate's own.
  const how = { scope: "GLOBAL", audit: false, closed: true, missing: false, timeoutMs: 60_000 } as const;
  const ask: LimitAsk = { name: "ns/p/l", counter, shared: `${counter}+`, rates: [rate], cost: 1, ...how };
  const one = async (isolate: Limits): Promise<void> => {
    const { limits } = await isolate.take([ask]);
    if (limits[0]?.verdict === "taken") admitted += 1;
  };
  const startedAt = Date.now();
  const running = new Set<Promise<void>>();
  let disturbedAt = startedAt;
  for (let now = startedAt; now < startedAt + SECONDS * 1_000; now = Date.now()) {
    const due = Math.floor(((now - startedAt) * 2 * rate.limit) / rate.windowMs);
    for (; asked < due; asked += 1) {
      const isolate = isolates[asked % ISOLATES];
      if (isolate === undefined) continue;
      const call = one(isolate).finally(() => running.delete(call));
      running.add(call);
    }
    if (now - disturbedAt >= 1_000) {
      disturbedAt = now;
      running.add(disturb().then(() => undefined));
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(running);
  return { admitted, calls, ms: Date.now() - startedAt };
}

describe("twenty isolates on one key, at twice its limit", () => {
  it.each([
    { name: "100/s with a burst of 20, each a call", rate: { limit: 100, windowMs: 1_000, burst: 20 } },
    { name: "500/s, by leases", rate: { limit: 500, windowMs: 1_000 } },
  ])("$name: never above it, though the object is thrown out every second", async ({ name, rate }) => {
    const digest = createHash("sha256").update(name).digest("hex").slice(0, 4);
    const object = { name: `global/${Number.parseInt(digest, 16) % 64}` };
    const disturb = async () => miniflare.unsafeEvictDurableObject(STATE, "Limiter", object).catch(() => undefined);
    const { admitted, calls, ms } = await run(name, rate, disturb);
    console.log(`${name}: ${admitted} admitted in ${ms} ms, ${calls} calls`);
    expect(admitted).toBeLessThanOrEqual((rate.limit * ms) / 1_000 + (rate.limit === 100 ? 20 : rate.limit));
    // That it was nothing but refusals would show nothing; how near it comes is shown on a model clock (test/limits).
    expect(admitted).toBeGreaterThan(rate.limit);
  });
});
