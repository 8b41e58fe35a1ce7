import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Around, LiveWorker } from "../../edge/dev/live-worker.ts";
import type { Running } from "../../edge/dev/places.ts";
import { Slots } from "../../edge/dev/slots.ts";
import type { Built } from "../../edge/dev/user-worker.ts";
import type { MeshWorker } from "../../src/deployment/topology.ts";

const WORKER: MeshWorker = {
  name: "orders",
  version: "v1",
  config: "wrangler.jsonc",
  environment: undefined,
  endpoint: "EP_ORDERS",
  bindings: [],
  sidecar: null,
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-instance-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function built(contents: string, options: object = {}): Built {
  const code = { modules: [{ type: "ESModule", path: "index.js", contents }] };
  return { options: { compatibilityDate: "2026-10-01", ...options }, code, beside: [] };
}

/** A Worker as it changes, without gateways: what is done with it, in order, goes into `told`. */
function liveWorker(told: unknown[], around: Partial<Around> = {}, startMs = 100_000): LiveWorker {
  const slots = new Slots(1);
  return new LiveWorker(WORKER, {
    ground: {
      registry: join(folder, "registry"),
      storage: join(folder, "storage"),
      gatewaysAt: "127.0.0.1:1",
      startMs,
      onLine: () => undefined,
    },
    slot: async (start) => slots.run(start),
    moved: async (_, running) => void told.push(running),
    hold: async () => void told.push("held"),
    onRuntimes: () => undefined,
    progress: () => undefined,
    complain: (problem) => told.push(problem),
    ...around,
  });
}

/** Whether a process listens there. */
async function listens({ address }: Running): Promise<boolean> {
  const [host, port] = address.split(":");
  const socket = connect({ host, port: Number(port) });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

it("gives up a version that does not end starting, and starts the next one", async () => {
  const told: unknown[] = [];
  const live = liveWorker(told, {}, 10_000);
  try {
    await live.take(built("while (true) {}\nexport default {};"));
    expect(told).toEqual([
      expect.stringMatching(/^orders does not start; nobody answers.*\n.*look for a loop outside/),
    ]);
    await live.take(built("export default {};"));
    expect(told.slice(1)).toEqual([{ address: expect.any(String), hasAssets: false }]);
  } finally {
    await live.stop();
  }
});

const KEEPING = { kvNamespaces: ["KV"] };

it("ends a version that keeps files before the next one, which keeps some too, is called", async () => {
  const told: unknown[] = [];
  const places: Running[] = [];
  const live = liveWorker(told, {
    hold: async () => void told.push(["held", await Promise.all(places.map(listens))]),
    moved: async (_, running) => {
      places.push(running);
      told.push(["moved", await Promise.all(places.map(listens))]);
    },
  });
  try {
    await live.take(built("export default {};", KEEPING));
    await live.take(built("export default {};\n", KEEPING));
    expect(told).toEqual([
      ["moved", [true]],
      ["held", [true]],
      ["moved", [false, true]],
    ]);
    // What keeps none may end when it wants.
    await live.take(built("export default {};"));
    expect(told.slice(3)).toEqual([["moved", [false, true, true]]]);
  } finally {
    await live.stop();
  }
});

it("goes on with the version before where a gateway does not keep its calls waiting", async () => {
  const told: unknown[] = [];
  const places: Running[] = [];
  const live = liveWorker(told, {
    hold: async () => {
      throw new Error("a gateway is away");
    },
    moved: async (_, running) => void places.push(running),
  });
  try {
    await live.take(built("export default {};", KEEPING));
    await live.take(built("export default {};\n", KEEPING));
    expect(told).toEqual(["orders does not start; the version before it goes on answering:\n  a gateway is away"]);
    expect(await Promise.all(places.map(listens))).toEqual([true]);
  } finally {
    await live.stop();
  }
});
