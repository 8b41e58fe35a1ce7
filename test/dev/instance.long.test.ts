import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LiveWorker } from "../../edge/dev/live-worker.ts";
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

function built(contents: string): Built {
  const code = { modules: [{ type: "ESModule", path: "index.js", contents }] };
  return { options: { compatibilityDate: "2026-10-01" }, code, beside: [] };
}

it("gives up a version that does not end starting, and starts the next one", async () => {
  const told: string[] = [];
  const moved: Running[] = [];
  const slots = new Slots(1);
  const live = new LiveWorker(WORKER, {
    ground: {
      registry: join(folder, "registry"),
      storage: join(folder, "storage"),
      gatewaysAt: "127.0.0.1:1",
      startMs: 10_000,
      onLine: () => undefined,
    },
    slot: async (start) => slots.run(start),
    moved: async (_, running) => void moved.push(running),
    onRuntimes: () => undefined,
    progress: () => undefined,
    complain: (problem) => told.push(problem),
  });
  try {
    await live.take(built("while (true) {}\nexport default {};"));
    expect(told).toEqual([
      expect.stringMatching(/^orders does not start; nobody answers.*\n.*look for a loop outside/),
    ]);
    expect(moved).toEqual([]);
    await live.take(built("export default {};"));
    expect(moved).toHaveLength(1);
  } finally {
    await live.stop();
  }
});
