import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Root } from "../../../src/snapshot/model.ts";
import { send } from "../../support/http.ts";
import { until } from "../../support/until.ts";
import type { FaultMesh, MeshOptions } from "../mesh.ts";
import { shut } from "../refusals.ts";
import { exactly, type Row } from "../row.ts";
import { hostOf, world } from "../world.ts";
import { manyParts } from "./snapshots.ts";

const ID = "F45";
/** The gateway of the last version that wrote another format (test/fixtures/README.md). */
const BEFORE = join(import.meta.dirname, "../../fixtures/gateway-format-3.js.gz");

const PATHS = [
  "/",
  "/shut",
  "/SHUT",
  "/shut/",
  "/%73hut",
  "//shut",
  "/a/x/b",
  "/a/x/y/b",
  "/never/x",
  "/never/",
  "/away",
  "/direct",
  "/direct/x",
  "/%2fshut",
  "/a;b/../shut",
];

interface Call {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

const CALLS: readonly Call[] = PATHS.flatMap((path) => [
  { path },
  { path, method: "POST" },
  { path, headers: { "x-case": "bad" } },
  { path: `${path}?a=bc`, headers: { "x-case": "bad" } },
]);

async function answersOf(mesh: FaultMesh, gateway: string): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (const { path, ...call } of CALLS) {
    const { status } = await send(`http://127.0.0.1:${mesh.portOf(gateway)}/`, {
      ...call,
      target: path,
      host: hostOf(ID),
    });
    statuses.push(status);
  }
  return statuses;
}

export const SKEW_ROWS: readonly Row[] = [
  {
    id: ID,
    fault: "version skew: a gateway of the format before, and what is written for one",
    promise: "decisions are equal, or the snapshot is refused whole",
    short: true,
    async run(stage) {
      const contents = gunzipSync(readFileSync(BEFORE)).toString("utf8");
      const modules = [{ type: "ESModule" as const, path: "index.js", contents }];
      const changed: NonNullable<MeshOptions["changed"]> = (worker) =>
        worker.name === "older" ? { ...worker, modules } : worker;
      const gateways = ["newer", "older"];
      const [mesh, upstream] = [await stage.ownMesh({ gateways, changed }), await stage.upstream()];
      await mesh.mustApply([world(ID, [upstream.port]), shut(ID), manyParts(ID)].join("\n---\n"));
      await mesh.settled();
      const newer = await answersOf(mesh, "newer");
      const older = await answersOf(mesh, "older");
      const { root: signed, slices = {} } = (await mesh.seen("older")).news;
      const root = JSON.parse(signed?.payload ?? "{}") as Root;
      if (root.format >= 4) throw new Error("the older gateway got the format of today");

      // Back: the newer gateway is given what was written for the older one.
      const before = mesh.lines.length;
      const given = await mesh.sign({ ...root, gateway: "newer", generation: root.generation + 1 });
      const down = { root: given, slices, unknown: false, ejections: [], suspects: [], nextMs: 1_000 };
      await mesh.fault("cell", { kind: "answersInTurn", values: [down], methods: ["exchange"] }, "newer");
      await until("it to be given", async () => {
        await send(`http://127.0.0.1:${mesh.portOf("newer")}/`, { host: hostOf(ID) });
        return (await mesh.seen("newer")).left["cell"] === 0;
      });
      const back = await answersOf(mesh, "newer");
      const isRefused = mesh.lines.slice(before).some((line) => line.includes('"snapshot_rejected"'));
      const differ = (one: readonly number[]): number => one.filter((status, at) => status !== newer[at]).length;
      return [
        exactly(`of ${newer.length} decided otherwise by the gateway of format ${root.format}`, differ(older), 0),
        exactly(
          `of ${newer.length} decided otherwise after its snapshot (${isRefused ? "refused" : "taken"})`,
          differ(back),
          0,
        ),
      ];
    },
  },
];
