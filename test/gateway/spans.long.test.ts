import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OtlpReceiver } from "../support/otlp-receiver.ts";
import { until } from "../support/until.ts";
import { SendingMesh } from "./sending-mesh.ts";

const CALLERS = 4;

const receiver = new OtlpReceiver();
let mesh: SendingMesh;

beforeAll(async () => {
  await receiver.start();
  mesh = await SendingMesh.start({
    settings: {
      extensionProviders: [
        {
          name: "otel",
          opentelemetry: {
            service: "otel.default.svc.cluster.local",
            port: 80,
            http: { path: "/v1/traces", timeout: "2s" },
          },
        },
      ],
      defaultProviders: { tracing: ["otel"] },
      defaultConfig: { tracing: { sampling: 100 } },
    },
    more: [{ app: "otel", address: "binding:EP_OTEL" }],
    bindings: { EP_OTEL: { external: { address: `127.0.0.1:${receiver.port}`, http: {} } } },
  });
  mesh.origin = (_, response) => response.writeHead(200, { "content-length": "2" }).end("ok");
});
afterAll(async () => {
  await mesh.stop();
  await receiver.kill();
});

/** Calls one after the other, by each of the callers, until what is waited for has come. @param hasCome is told how many were answered; @param call makes one */
async function load(
  what: string,
  hasCome: (answered: number) => boolean | Promise<boolean>,
  call: (caller: number) => Promise<void> = async () => ask(),
): Promise<number> {
  let answered = 0;
  const over = new AbortController();
  const caller = async (_: unknown, index: number): Promise<void> => {
    while (!over.signal.aborted) {
      await call(index);
      answered += 1;
    }
  };
  const callers = Promise.all(Array.from({ length: CALLERS }, caller));
  try {
    await Promise.race([callers, until(what, async () => hasCome(answered))]);
  } finally {
    over.abort();
  }
  await callers;
  return answered;
}

async function ask(): Promise<void> {
  const { status } = await mesh.get("http://private.test/");
  if (status !== 200) throw new Error(`status ${status}`);
}

/** Of the runtime that this test started, in MB. */
function memory(): number {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (!/^Name:\s+workerd/m.test(status) || !new RegExp(`^PPid:\\s+${process.pid}$`, "m").test(status)) continue;
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_024;
    } catch {
      // It has ended.
    }
  }
  throw new Error("no runtime");
}

/** Spans that were lost so far, as operators see it. */
async function dropped(): Promise<number> {
  const lines = (await mesh.metrics())
    .split("\n")
    .filter((line) => line.startsWith('tulle_telemetry_dropped_total{reason="spans_'));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** So many calls that each isolate's caches are filled, and several batches go out. */
const MANY = 1_000;

describe("a collector under load", () => {
  it("gets all spans while it is well", async () => {
    await load("calls", (answered) => answered >= MANY);
    await until("spans", () => receiver.spans.length > 0);
    expect(receiver.problems).toEqual([]);
    expect(await dropped()).toBe(0);
  });

  it.each([
    // One that hangs is row F43 of test/faults.
    ["slow", "no call waits for it", async () => void (receiver.mode = "slow")],
    ["refusing", "no call fails", async () => void (receiver.mode = "refuses")],
    ["killed", "no call fails", async () => receiver.kill()],
  ])("that is %s costs spans, counted, and %s", async (name, _, happens) => {
    const [memoryBefore, droppedBefore] = [memory(), await dropped()];
    await happens();
    // How much later answers come is the bench's to say, in its rows `collector-…`. Here each caller is answered, again and again, while
    // one and the same batch waits for its own answer.
    const during = Array.from({ length: CALLERS }, () => 0);
    const waits = name === "slow";
    const calls = await load(
      waits ? "answers while a batch waits" : "calls",
      (answered) => answered >= MANY && (!waits || during.every((count) => count >= 10)),
      async (caller) => {
        const before = new Set(receiver.waiting);
        await ask();
        if ([...receiver.waiting].some((batch) => before.has(batch))) during[caller] = (during[caller] ?? 0) + 1;
      },
    );
    console.info(`collector ${name}: ${calls} calls, memory +${(memory() - memoryBefore).toFixed(1)} MB`);
    await load("lost spans to be counted", async () => (await dropped()) > droppedBefore);
    receiver.mode = "takes";
    if (name === "killed") await receiver.start();
    const sent = receiver.spans.length;
    await load("spans to come again", () => receiver.spans.length > sent);
  });
});
