import { connect, type Socket } from "node:net";
import { until } from "../../support/until.ts";
import { ask, askInTurn } from "../ask.ts";
import { latency } from "../latency.ts";
import { others } from "../load.ts";
import { many } from "../many.ts";
import { onTime } from "../on-time.ts";
import { atLeast, exactly, type Row } from "../row.ts";
import { answers, isSilent } from "../upstream.ts";
import { hostOf, world } from "../world.ts";

const LEAVING = 500;
const AT_ONCE = 20;
const LEAVES_AFTER_MS = 50;
/** The first error ejects, for longer than the row takes. */
const STRICT = { consecutive5xxErrors: 1, interval: "600s", baseEjectionTime: "600s" };

const UPLOADS = 200;
const CUT_MS = 1_000;
const DRIP_MS = 1_000;
const DRIP = "a".repeat(10);

export const CLIENT_ROWS: readonly Row[] = [
  {
    id: "F30",
    fault: "clients go away",
    promise: "the call to the service ends, and nothing counts against it",
    short: true,
    async run(stage) {
      const [mesh, upstream, id] = [await stage.mesh(), await stage.upstream(), stage.fresh("F30-left")];
      await mesh.mustApply(world(id, [upstream.port], {}, { policy: { outlierDetection: STRICT } }));
      await mesh.settled();
      const reached = new Map<string, () => void>();
      upstream.behaviour = (_, path) => reached.get(path)?.();
      await many(LEAVING, AT_ONCE, async (at) => {
        const path = `/${at}`;
        const call = new Promise<void>((resolve) => reached.set(path, resolve));
        const socket = dial(mesh.portOf(), `GET ${path} HTTP/1.1\r\nHost: ${hostOf(id)}\r\n\r\n`);
        await Promise.all([call, new Promise((resolve) => setTimeout(resolve, LEAVES_AFTER_MS))]);
        // As an edge says it that lost its client: a mere end means that no more of the request comes.
        socket.resetAndDestroy();
      });
      await until("the service to see them leave", () => upstream.left >= LEAVING, 5_000).catch(() => undefined);
      const seen = upstream.left;
      upstream.behaviour = answers;
      const after = await askInTurn(mesh, id, AT_ONCE);
      return [
        atLeast("seen by the service", (100 * seen) / LEAVING, 95, " %"),
        exactly(
          `answered afterwards, of ${after.length}`,
          after.filter(({ status }) => status === 200).length,
          after.length,
        ),
      ];
    },
  },
  {
    id: "F31",
    fault: "slow clients: 200 endless uploads of 10 bytes a second",
    promise: "others are unharmed, and they are cut at the request's timeout",
    short: true,
    async run(stage) {
      const [mesh, slow, upstream] = [await stage.mesh(), await stage.upstream(), await stage.upstream()];
      slow.behaviour = isSilent;
      // They outlast the load beside them.
      const timeoutMs = 1_000 * (stage.seconds + 1);
      await mesh.mustApply(
        [
          world("F31-slow", [slow.port], { timeout: `${timeoutMs}ms` }),
          world("F31-cut", [slow.port], { timeout: `${CUT_MS}ms` }),
          world("F31", [upstream.port]),
        ].join("\n---\n"),
      );
      await mesh.settled();
      const load = async () => stage.load(mesh.portOf(), [{ host: hostOf("F31") }]);
      await many(AT_ONCE, AT_ONCE, async () => ask(mesh, "F31"));
      const uploads: SlowUpload[] = [];
      const beside = async () => {
        const begun = Array.from(
          { length: UPLOADS },
          (_, at) => new SlowUpload(mesh.portOf(), hostOf("F31-slow"), at / UPLOADS),
        );
        uploads.push(...begun);
        stage.atEnd(async () => begun.forEach((upload) => upload.end()));
        await until("the uploads to begin", () => slow.begun === UPLOADS);
        const loaded = await load();
        await until("all uploads to be cut", () => begun.every(({ answer }) => answer !== ""));
        return loaded;
      };
      // Tried again, the row has another load without them, just before: what else the machine does changes meanwhile.
      const { runs, figures } = await latency(load, beside, 1);
      const cut = await onTime("one is cut after", CUT_MS, async () => {
        const upload = new SlowUpload(mesh.portOf(), hostOf("F31-cut"));
        await until("the upload to be cut", () => upload.answer !== "");
        upload.end();
        return upload.ms;
      });
      return [
        exactly(
          `failed of ${stage.total}`,
          runs.reduce((sum, run) => sum + others(run, 200), 0),
          0,
        ),
        ...figures,
        exactly(
          `cut by 408, of ${uploads.length}`,
          uploads.filter(({ answer }) => answer.startsWith("HTTP/1.1 408 ")).length,
          uploads.length,
        ),
        cut,
      ];
    },
  },
];

function dial(port: number, bytes: string): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(bytes);
  return socket;
}

class SlowUpload {
  /** What came back; empty until something did. */
  answer = "";
  /** Until then. */
  ms = 0;
  readonly #socket: Socket;
  #timer: ReturnType<typeof setInterval>;

  /** @param turn when in each second it sends, 0 to 1: not all at once */
  constructor(port: number, host: string, turn = 0) {
    const since = performance.now();
    const ended = (text: string): void => {
      if (this.answer === "") this.ms = performance.now() - since;
      this.answer += text;
    };
    this.#socket = dial(port, `PUT / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n`);
    this.#socket.on("data", (data: Buffer) => ended(data.toString("latin1")));
    this.#socket.on("close", () => ended(this.answer === "" ? "closed" : ""));
    this.#timer = setTimeout(() => {
      this.#drip();
      this.#timer = setInterval(() => this.#drip(), DRIP_MS);
    }, turn * DRIP_MS);
  }

  /** A write to a connection that the other side ended loses what was not read of it: first comes what is there. */
  #drip(): void {
    setImmediate(() => {
      if (this.answer === "") this.#socket.write(DRIP);
    });
  }

  end(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }
}
