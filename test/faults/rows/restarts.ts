import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { send } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import { others } from "../load.ts";
import { FaultMesh } from "../mesh.ts";
import { shut } from "../refusals.ts";
import { atMost, exactly, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { Upstream } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

const ID = "F37";
const FIRST_MS = 500;

/** What became of a mesh that was ended under load, and started again on what it had stored, while control is down. */
interface Restarted {
  /** From when it listens until its first good answer. */
  readonly firstMs: number;
  /** Of requests that a policy denies: before its end, and after its start. */
  readonly allowed: number;
  readonly denied: number;
  /** After its start: answers that are neither what is right. */
  readonly wrong: number;
  readonly sent: number;
}

const trials = new WeakMap<Stage, Map<string, number>>();

/** Rows of one run share a trial; a row that is repeated gets another one. */
async function restarted(stage: Stage, id: string): Promise<Restarted> {
  const counts = trials.get(stage) ?? new Map<string, number>();
  trials.set(stage, counts);
  const number = (counts.get(id) ?? 0) + 1;
  counts.set(id, number);
  return stage.kept(`restart ${number}`, async () => trial(stage));
}

async function trial(stage: Stage): Promise<Restarted> {
  const folder = mkdtempSync(join(tmpdir(), "tulle-faults-"));
  const upstream = await Upstream.start();
  const requests = [{ host: hostOf(ID) }, { host: hostOf(ID), path: "/shut" }];
  try {
    const mesh = await FaultMesh.start({ folder });
    await mesh.mustApply(`${world(ID, [upstream.port])}\n---\n${shut(ID)}`);
    await mesh.settled();
    const loading = stage.load(mesh.portOf(), requests);
    await new Promise((resolve) => setTimeout(resolve, (stage.seconds / 4) * 1_000));
    await mesh.stop();
    const before = await loading;
    if (others(before, 200, 403) === 0) throw new Error("the mesh ended after the load");

    const [open = {}, closed = {}] = before.byRequest;
    const again = await started(stage, folder, requests);
    return {
      ...again,
      allowed: again.allowed + (closed[200] ?? 0),
      denied: again.denied + (open[403] ?? 0),
    };
  } finally {
    await upstream.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function started(stage: Stage, folder: string, requests: Parameters<Stage["load"]>[1]): Promise<Restarted> {
  const mesh = await FaultMesh.start({ folder });
  try {
    for (const way of ["control", "registration"] as const) await mesh.fault(way, { kind: "throws" });
    const since = performance.now();
    const loading = stage.load(mesh.portOf(), requests);
    await until("a good answer", async () => {
      const { status } = await send(`http://127.0.0.1:${mesh.portOf()}/`, { host: hostOf(ID) });
      return status === 200;
    });
    const firstMs = performance.now() - since;
    const loaded = await loading;
    const [open = {}, closed = {}] = loaded.byRequest;
    const [allowed, denied] = [closed[200] ?? 0, open[403] ?? 0];
    const { sent } = loaded;
    return { firstMs, allowed, denied, wrong: others(loaded, 200, 403) + allowed + denied, sent };
  } finally {
    await mesh.stop();
  }
}

export const RESTART_ROWS: readonly Row[] = [
  {
    id: "F2",
    fault: "control down, gateway cold, stored snapshot exists",
    promise: "starts from the stored copy",
    short: true,
    async run(stage) {
      const { firstMs, wrong, sent } = await restarted(stage, "F2");
      return [atMost("first answer", firstMs, FIRST_MS, " ms"), exactly(`decided otherwise of ${sent}`, wrong, 0)];
    },
  },
  {
    id: "F37",
    fault: "gateway isolate restart under load",
    promise: "no wrong decision, short gap",
    short: true,
    async run(stage) {
      const { firstMs, allowed, denied } = await restarted(stage, "F37");
      return [
        atMost("first good answer after it listens", firstMs, FIRST_MS, " ms"),
        exactly("allowed that policy denies", allowed, 0),
        exactly("denied that policy allows", denied, 0),
      ];
    },
  },
];
