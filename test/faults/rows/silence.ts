import { request } from "node:http";
import { onTime } from "../on-time.ts";
import { until } from "../../support/until.ts";
import { ask } from "../ask.ts";
import { counted, many } from "../many.ts";
import type { FaultMesh } from "../mesh.ts";
import { atMost, exactly, type Figure, type Row } from "../row.ts";
import { drips, isSilent } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

const TIMEOUT_MS = 500;
const IDLE_MS = 500;
const AT_ONCE = 100;
const DRIP_MS = 100;
const BYTES = 10;
const HEAD = `HTTP/1.1 200 OK\r\ncontent-length: ${BYTES}\r\n\r\n`;

export const SILENCE_ROWS: readonly Row[] = [
  {
    id: "F22",
    fault: "upstream takes the request and says nothing",
    promise: "504 at the route's timeout, and nothing is left of it",
    short: true,
    async run(stage) {
      const [mesh, upstream] = [await stage.mesh(), await stage.upstream()];
      upstream.behaviour = isSilent;
      await mesh.mustApply(world("F22", [upstream.port], { timeout: `${TIMEOUT_MS}ms` }));
      await mesh.settled();
      const silent = async (): Promise<number> => (await ask(mesh, "F22")).status;
      const calls = stage.all ? 1_000 : 300;
      // What grows with a first burst is there then.
      await many(AT_ONCE, AT_ONCE, silent);
      const figure = await onTime("answered after", TIMEOUT_MS, async () => (await ask(mesh, "F22")).ms);
      const [mb, hits] = [await mesh.heapMb(), upstream.hits];
      const statuses = await many(calls, AT_ONCE, silent);
      const grown = (await mesh.heapMb()) - mb;
      // On a busy machine some do not come there in time.
      if (upstream.hits - hits < 0.9 * calls)
        throw new Error(`${upstream.hits - hits} of ${calls} calls came to the service`);
      await until("the service to lose its callers", () => upstream.left === upstream.hits, 5_000).catch(
        () => undefined,
      );
      return [
        figure,
        exactly(`504 of ${calls}`, counted(statuses)[504] ?? 0, calls),
        exactly("calls that the service still has", upstream.hits - upstream.left, 0),
        atMost("the isolate's memory grows by", grown, 10, " MB"),
      ];
    },
  },
  {
    id: "F26",
    fault: "upstream drips a byte every 100 ms",
    promise: "every byte is passed on as it comes; silence is cut at the idle timeout",
    short: true,
    async run(stage) {
      const [mesh, drip, stuck] = [await stage.mesh(), await stage.upstream(), await stage.upstream()];
      drip.behaviour = drips(HEAD, BYTES, DRIP_MS);
      stuck.behaviour = drips(HEAD, 2, DRIP_MS);
      const idleTimeout = `${IDLE_MS}ms`;
      await mesh.mustApply(
        [
          world("F26-endless", [drip.port]),
          world("F26-idle", [drip.port], {}, { idleTimeout }),
          world("F26-stuck", [stuck.port], {}, { idleTimeout }),
        ].join("\n---\n"),
      );
      await mesh.settled();
      const cut: Drip[] = [];
      const [endless, idle, figure] = await Promise.all([
        dripped(mesh, "F26-endless"),
        dripped(mesh, "F26-idle"),
        onTime("cut after a silence of", IDLE_MS, async () => {
          const last = await dripped(mesh, "F26-stuck");
          cut.push(last);
          return last.silenceMs;
        }),
      ]);
      const passed = (what: string, { whole, pieces }: Drip): Figure =>
        exactly(`${what}: pieces until the end`, whole ? pieces : "broken off", BYTES);
      return [
        passed("no idle timeout", endless),
        passed("with one", idle),
        figure,
        exactly("clean ends of what was cut", cut.filter(({ whole }) => whole).length, 0),
      ];
    },
  },
];

interface Drip {
  readonly whole: boolean;
  readonly pieces: number;
  /** Before its end. */
  readonly silenceMs: number;
}

async function dripped(mesh: FaultMesh, id: string): Promise<Drip> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: mesh.portOf(), headers: { host: hostOf(id) }, agent: false };
    request(options, (response) => {
      let [pieces, last] = [0, performance.now()];
      response.on("data", () => {
        pieces += 1;
        last = performance.now();
      });
      response.on("error", () => undefined);
      response.on("close", () => resolve({ whole: response.complete, pieces, silenceMs: performance.now() - last }));
    })
      .on("error", reject)
      .end();
  });
}
