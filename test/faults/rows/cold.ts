import { request } from "node:http";
import { percentile } from "../../../bench/percentile.ts";
import { send } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { cold } from "../fleet.ts";
import type { Loaded } from "../load.ts";
import { others } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";
import { shut } from "../refusals.ts";
import { atLeast, atMost, bestOf, exactly, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { hostOf, world } from "../world.ts";

const TRIES = 3;
const HERD = 300;
/** Longer than cells look at control in. */
const SLOW_MS = 150;
const WITHIN_MS = 1_000;

/** The row's host on a gateway of the fleet, and in its cell. */
async function prepared(mesh: FaultMesh, id: string, port: number): Promise<void> {
  await mesh.mustApply(`${world(id, [port])}\n---\n${shut(id)}`);
  await mesh.settled(["g1"]);
  await until(
    "the host",
    async () => (await send(`http://127.0.0.1:${mesh.portOf("g1")}/`, { host: hostOf(id) })).status === 200,
  );
}

/** All at once. */
async function herd(stage: Stage, port: number, id: string, count: number): Promise<Loaded> {
  const job = { rate: count * 1_000, seconds: 0.001, connections: count };
  return stage.load(port, [{ host: hostOf(id) }], job);
}

/** The machine's own part in a bar of time: what the same load takes where nothing is broken, by the rule for latency. */
const barOf = (baseline: Loaded, promisedMs: number): number => promisedMs + 2 * baseline.maxMs + 10;

interface Thunder {
  readonly loaded: Loaded;
  readonly barMs: number;
  /** Calls of control. */
  readonly control: number;
}

/** So many first requests of a cold isolate at once, where control is slow; in the best of three. */
async function thunder(
  stage: Stage,
  id: string,
  count: number,
  beside: (port: number) => Promise<void>,
): Promise<Thunder> {
  const upstream = await stage.upstream();
  for (let tries = 1; ; tries += 1) {
    const { mesh, isolate } = await cold(stage, "far");
    await prepared(mesh, id, upstream.port);
    const baseline = await herd(stage, mesh.portOf("g1"), id, count);
    await mesh.fault("control", { kind: "waits", ms: SLOW_MS });
    await mesh.fault("registration", { kind: "waits", ms: SLOW_MS }, "g1");
    const before = (await mesh.calls("control"))["slices"] ?? 0;
    const port = mesh.portOf(isolate);
    await beside(port);
    const loaded = await herd(stage, port, id, count);
    const calls = await mesh.calls("control");
    const control = (calls[`roots ${isolate.toUpperCase()}`] ?? 0) + (calls["slices"] ?? 0) - before;
    if (control === 0) throw new Error("control was not asked: the isolate was not cold");
    const barMs = barOf(baseline, WITHIN_MS);
    if (loaded.maxMs <= barMs || tries === TRIES) return { loaded, barMs, control };
    await mesh.mend();
  }
}

export const COLD_ROWS: readonly Row[] = [
  {
    id: "F3",
    fault: "control down, cold, nothing stored",
    promise: "503 with Retry-After, no request reaches a service",
    short: true,
    async run(stage) {
      const upstream = await stage.upstream();
      const { mesh, isolate } = await cold(stage, "new");
      await prepared(mesh, "F3", upstream.port);
      const load = async (port: number) =>
        stage.load(port, [{ host: hostOf("F3") }], { seconds: 0.5, connections: 100 });
      const baseline = await load(mesh.portOf("g1"));
      for (const way of ["control", "registration"] as const) await mesh.fault(way, { kind: "throws" });
      upstream.hits = 0;
      const port = mesh.portOf(isolate);
      const [loaded, { headers }] = await Promise.all([
        load(port),
        send(`http://127.0.0.1:${port}/`, { host: hostOf("F3") }),
      ]);
      return [
        exactly(`of ${loaded.sent} not 503, or at a service`, others(loaded, 503) + upstream.hits, 0),
        exactly("without Retry-After", headers["retry-after"] === undefined ? 1 : 0, 0),
        atMost("slowest answer", loaded.maxMs, barOf(baseline, WITHIN_MS), " ms"),
      ];
    },
  },
  {
    id: "F32",
    fault: `thundering herd on a cold isolate: ${HERD} first requests, control takes ${SLOW_MS} ms`,
    promise: "one load for all",
    short: true,
    async run(stage) {
      const { loaded, barMs, control } = await thunder(stage, "F32", HERD, async () => undefined);
      return [
        // Beside them cells look each second, or half, whether somebody waits or not.
        atMost("calls of control", control, 2 + Math.floor(loaded.maxMs / 500)),
        exactly(`of ${HERD} not answered well`, others(loaded, 200), 0),
        bestOf(atMost("slowest answer", loaded.maxMs, barMs, " ms")),
      ];
    },
  },
  {
    id: "F33",
    fault: "thundering herd, and the first client leaves",
    promise: "no waiter hangs",
    short: true,
    async run(stage) {
      let left = 0;
      const { loaded, barMs } = await thunder(stage, "F33", HERD - 1, async (port) => {
        // Until its request is there; it leaves while the others wait.
        const first = request({ host: "127.0.0.1", port, headers: { host: "f33.test" } });
        first.on("response", () => (left -= 1));
        first.on("error", () => undefined);
        first.end();
        setTimeout(() => {
          left += 1;
          first.destroy();
        }, 60);
        await new Promise((resolve) => setTimeout(resolve, 20));
      });
      if (left < 1) throw new Error("the first client had its answer before it left");
      return [
        exactly(`of ${HERD - 1} not answered well`, others(loaded, 200), 0),
        bestOf(atMost("slowest answer", loaded.maxMs, barMs, " ms")),
      ];
    },
  },
  {
    id: "F34",
    fault: "herd of isolates: 50 start at once",
    promise: "control survives: cells ask it once for all",
    short: false,
    async run(stage) {
      const names = Array.from({ length: 50 }, (_, at) => `i${at + 1}`);
      const isolates = Object.fromEntries(names.map((name) => [name, "g1"]));
      const [mesh, upstream] = [await stage.ownMesh({ gateways: ["g1"], isolates }), await stage.upstream()];
      await mesh.mustApply(world("F34", [upstream.port]));
      const since = performance.now();
      const statuses = await Promise.all(
        names.map(
          async (name) => (await send(`http://127.0.0.1:${mesh.portOf(name)}/`, { host: hostOf("F34") })).status,
        ),
      );
      const seconds = (performance.now() - since) / 1_000;
      const { tookMs, calls } = await mesh.seenAtControl();
      const took = Object.values(tookMs).flat();
      const { isolates: seen } = await mesh.seen("g1");
      return [
        exactly("isolates that were not served", statuses.filter((status) => status !== 200).length, 0),
        atLeast("isolates", seen.length, 50),
        atMost("control's p99", percentile(took, 0.99), 1_000, " ms"),
        atMost(`looks of the cell in ${seconds.toFixed(1)} s`, calls["control.roots"] ?? 0, 3 + Math.ceil(seconds)),
      ];
    },
  },
];
