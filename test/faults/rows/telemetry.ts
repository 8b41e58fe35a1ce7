import { latency } from "../latency.ts";
import { type Loaded, others } from "../load.ts";
import type { FaultMesh } from "../mesh.ts";
import { atLeast, atMost, exactly, type Figure, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { type Behaviour, isSilent, resets, says, type Upstream } from "../upstream.ts";
import { takes, toldTo } from "../telemetry.ts";
import { hostOf, world } from "../world.ts";
import { until } from "../../support/until.ts";
import { SOAK_ROW } from "./soak.ts";

const GROWTH_MB = 5;
const WARM_SECONDS = 1;
const refuses = says(
  "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
);

/**
 * What a sink does, on a gateway of its own: after a failure the next batch waits longer, whatever the sink does then. The first is
 * the short run's.
 */
interface Trouble {
  readonly gateway: string;
  readonly does: Behaviour | "is killed";
  /** What is lost is counted under such a reason; null: it takes what comes, late. */
  readonly reason: string | null;
  /** Seconds of the long run. */
  readonly seconds: number;
}

const slowly: Behaviour = (...given) => void setTimeout(() => takes(...given), 500);

const TROUBLES: readonly Trouble[] = [
  { gateway: "hung", does: isSilent, reason: "timeout", seconds: 60 },
  { gateway: "slow", does: slowly, reason: null, seconds: 60 },
  { gateway: "refusing", does: refuses, reason: "status", seconds: 20 },
  { gateway: "resetting", does: resets, reason: "unreachable", seconds: 20 },
  { gateway: "killed", does: "is killed", reason: "unreachable", seconds: 60 },
];

/** What was lost of spans and lines, for reasons that end so, as operators see it. */
async function lost(mesh: FaultMesh, reason: string): Promise<number> {
  const found = (await mesh.metrics()).matchAll(/^tulle_telemetry_dropped_total\{[^}]*reason="(\w+)"[^}]*\} (\d+)/gm);
  return [...found].reduce((sum, [, name = "", count]) => sum + (name.endsWith(`_${reason}`) ? Number(count) : 0), 0);
}

async function run(stage: Stage): Promise<readonly Figure[]> {
  const troubles = stage.all ? TROUBLES : TROUBLES.slice(0, 1);
  const [mesh, upstream, sink] = [
    await stage.ownMesh({ gateways: troubles.map(({ gateway }) => gateway) }),
    await stage.upstream(),
    await stage.upstream(),
  ];
  sink.behaviour = takes;
  await mesh.mustApply(
    [toldTo("F43-sink"), world("F43", [upstream.port]), world("F43-sink", [sink.port])].join("\n---\n"),
  );
  await mesh.settled();
  const load = async (gateway: string, seconds = stage.seconds) =>
    stage.load(mesh.portOf(gateway), [{ host: hostOf("F43") }], { seconds });
  await load("hung", WARM_SECONDS);
  const baseline = await load("hung");
  await until("batches that the sink takes", () => sink.hits > 0);
  const figures: Figure[] = [];
  for (const trouble of troubles) figures.push(...(await tried({ stage, mesh, sink, baseline, load }, trouble)));
  return figures;
}

interface Scene {
  readonly stage: Stage;
  readonly mesh: FaultMesh;
  readonly sink: Upstream;
  readonly baseline: Loaded;
  readonly load: (gateway: string, seconds?: number) => Promise<Loaded>;
}

async function tried(
  { stage, mesh, sink, baseline, load }: Scene,
  { gateway, does, reason, seconds }: Trouble,
): Promise<readonly Figure[]> {
  // Warm, and with a sink that takes what comes.
  sink.behaviour = takes;
  await load(gateway, WARM_SECONDS);
  const [mb, hits, before] = [await mesh.heapMb(gateway), sink.hits, reason === null ? 0 : await lost(mesh, reason)];
  if (does === "is killed") await sink.stop();
  else sink.behaviour = does;
  const { runs, figures } = await latency(
    async () => baseline,
    async () => load(gateway, stage.all ? seconds : stage.seconds),
  );
  const grown = (await mesh.heapMb(gateway)) - mb;
  if (does !== "is killed" && sink.hits === hits) throw new Error(`no batch came to the sink that is ${gateway}`);
  const failed = runs.reduce((sum, one) => sum + others(one, 200), 0);
  const told = [
    exactly("failed", failed, 0),
    ...figures,
    atMost("the isolate's memory grows by", grown, GROWTH_MB, " MB"),
  ];
  if (reason !== null) {
    // Counts of what is lost come with requests.
    const counted = await until(`what is lost to be counted: ${gateway}`, async () => {
      await load(gateway, 0.1);
      return Math.max(0, (await lost(mesh, reason)) - before);
    });
    told.push(atLeast("lost and counted", counted, 1));
  }
  return told.map((figure) => ({ ...figure, what: `${gateway}: ${figure.what}` }));
}

export const TELEMETRY_ROWS: readonly Row[] = [
  {
    id: "F43",
    fault: "the sink of spans and lines hangs, is slow, refuses, resets, or is killed",
    promise: "no request fails or waits for it; what is lost is counted",
    short: true,
    run,
  },
  SOAK_ROW,
];
