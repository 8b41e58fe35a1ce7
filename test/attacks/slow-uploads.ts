import { connect, type Socket } from "node:net";
import { demand, demandEqual } from "./outcome.ts";
import type { Trial } from "./trial.ts";
import { hostOf, routes, TO_API } from "./worlds.ts";
import { until } from "../support/until.ts";

/** A machine that is busy with others for a while disturbs some rounds; what holds requests up disturbs them all. */
const ROUNDS = 3;
const MEASURED = 100;

/** Uploads of which a byte comes now and then hold nobody else up, and end when the route's time is over. */
export async function slowUploads(trial: Trial): Promise<void> {
  const { mesh, index, attack } = trial;
  const [{ n = 200 } = {}] = attack.requests;
  const applied = await mesh.apply(JSON.stringify(routes(index, [{ route: TO_API, timeout: "8s" }])));
  demandEqual("the apply", applied.status, 200, applied.text);
  await mesh.settled();
  const baseline = await p99(trial);
  const uploads = Array.from({ length: n }, () => new SlowUpload(mesh.portOf("gateway"), hostOf(index)));
  try {
    await until("the uploads to begin", () => mesh.echo.hits.filter(({ method }) => method === "PUT").length >= n);
    const beside = await p99(trial);
    // Twice, and what a busy machine adds to anything.
    demand(beside < 2 * baseline + 50, `p99 grows from ${baseline} ms to ${beside} ms`, `${n} uploads`);
    await until("all uploads to be cut", () => uploads.every(({ answer }) => answer !== ""));
    const statuses = [...new Set(uploads.map(({ answer }) => answer.slice("HTTP/1.1 ".length, 12)))];
    demandEqual("what cuts them", statuses, ["408"], uploads[0]?.answer ?? "");
  } finally {
    for (const upload of uploads) upload.end();
  }
}

/** Of the calmest round. */
async function p99(trial: Trial): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) least = Math.min(least, await p99OfRound(trial));
  return least;
}

async function p99OfRound({ send }: Trial): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < MEASURED; at += 1) {
    const { reply, said } = await send({ target: "/x", host: "api.test" });
    demandEqual("the status", reply.status, 200, said);
    times.push(reply.ms);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(MEASURED * 0.99)] ?? 0;
}

class SlowUpload {
  /** What came back; empty until something did. */
  answer = "";
  readonly #socket: Socket;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(port: number, host: string) {
    const head = `PUT /upload HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n`;
    this.#socket = connect(port, "127.0.0.1", () => this.#socket.write(head));
    this.#socket.on("data", (data: Buffer) => (this.answer += data.toString("latin1")));
    this.#socket.on("error", () => (this.answer ||= "closed"));
    this.#socket.on("close", () => (this.answer ||= "closed"));
    // A write to a connection that the other side ended loses what was not read of it: first comes what is there.
    this.#timer = setInterval(() => setImmediate(() => this.#drip()), 200);
  }

  #drip(): void {
    if (this.answer === "") this.#socket.write("a");
  }

  end(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }
}
