import { connect, type Socket } from "node:net";
import { AnswerReader } from "./answer.ts";
import { type CpuSample, sampleCpu } from "./cpu.ts";
import type { Job, Outcome, Prepared } from "./load.ts";

/**
 * The load, in a process of its own: takes jobs from its parent, one at a time. The window that is measured begins when all
 * connections are busy, and the CPU is read here, at the very moments at which the count of answers begins and ends.
 */

/** Connections are warm after this: what opening them cost lies before the window. */
const RAMP_MS = 200;
/** An answer that takes longer than this after the window doesn't come. */
const PATIENCE_MS = 5_000;

class Run {
  readonly #job: Job;
  readonly #texts: readonly Buffer[];
  readonly #idle: Connection[] = [];
  readonly #waiting: number[] = [];
  readonly #latencies: number[] = [];
  #next = 0;
  #counting = false;
  #stopped = false;
  #unexpected = 0;
  #example: string | null = null;
  #underWay = 0;
  #answers = 0;

  constructor(job: Job) {
    this.#job = job;
    this.#texts = job.requests.map(({ text }) => Buffer.from(text, "latin1"));
  }

  async measure(): Promise<Outcome> {
    const { connections, port, seconds, rate } = this.#job;
    const all = await Promise.all(Array.from({ length: connections }, async () => Connection.open(port, this)));
    if (rate === null) for (const one of all) this.#send(one, performance.now());
    else {
      this.#idle.push(...all);
      this.#pace(rate);
    }
    await sleep(RAMP_MS);
    const [before, after] = await this.#window(seconds);
    this.#stopped = true;
    for (let waited = 0; this.#underWay > 0 && waited < PATIENCE_MS; waited += 10) await sleep(10);
    for (const one of all) one.close();
    if (this.#underWay > 0) this.#complain(`${this.#underWay} answers did not come`, this.#underWay);
    return this.#outcome(before, after);
  }

  async #window(seconds: number): Promise<[CpuSample, CpuSample]> {
    const { pids, processor } = this.#job;
    const before = sampleCpu(pids, processor);
    this.#counting = true;
    await sleep(seconds * 1_000);
    this.#counting = false;
    return [before, sampleCpu(pids, processor)];
  }

  answered(connection: Connection, status: number, bytes: number): void {
    this.#underWay -= 1;
    this.#answers += 1;
    const { request, since } = connection;
    const now = performance.now();
    if (this.#counting) this.#latencies.push(now - since);
    const wanted = this.#job.requests[request] as Prepared;
    if (status !== wanted.status || (wanted.bytes !== null && bytes !== wanted.bytes)) {
      this.#complain(`${wanted.text.split("\r\n")[0]}: ${status} with ${bytes} bytes`, 1);
    }
    if (this.#stopped) return;
    if (this.#job.rate === null) return this.#send(connection, now);
    const due = this.#waiting.shift();
    if (due === undefined) this.#idle.push(connection);
    else this.#send(connection, due);
  }

  failed(reason: string): void {
    if (this.#stopped) return;
    this.#complain(reason, 1);
  }

  #complain(example: string, count: number): void {
    this.#unexpected += count;
    this.#example ??= example;
  }

  /** @param since when the request was due, in milliseconds: the wait for a free connection is part of its time */
  #send(connection: Connection, since: number): void {
    const request = this.#next;
    this.#next = (request + 1) % this.#texts.length;
    this.#underWay += 1;
    connection.send(request, this.#texts[request] as Buffer, since);
  }

  /** An open loop: whether answers come or not, `rate` requests become due each second. */
  #pace(rate: number): void {
    const began = performance.now();
    let sent = 0;
    const tick = () => {
      if (this.#stopped) return;
      const now = performance.now();
      for (const due = ((now - began) * rate) / 1_000; sent < due; sent += 1) {
        const connection = this.#idle.pop();
        if (connection) this.#send(connection, now);
        else this.#waiting.push(now);
      }
      setTimeout(tick, 1);
    };
    tick();
  }

  #outcome(before: CpuSample, after: CpuSample): Outcome {
    const seconds = after.at - before.at;
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const own = after.own - before.own;
    return {
      requests: sorted.length,
      answers: this.#answers,
      seconds,
      cpuSeconds: own,
      ownShare: own / seconds,
      othersShare: Math.max(0, after.busy - before.busy - own) / seconds,
      p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
      unexpected: this.#unexpected,
      example: this.#example,
    };
  }
}

class Connection {
  request = 0;
  since = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket, run: Run) {
    this.#socket = socket;
    const reader = new AnswerReader();
    socket.setNoDelay(true);
    socket.on("error", (error) => run.failed(String(error)));
    socket.on("close", () => run.failed("a connection was closed"));
    socket.on("data", (data) => {
      if (reader.feed(data)) run.answered(this, reader.status, reader.bytes);
    });
  }

  static async open(port: number, run: Run): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new Connection(socket, run)));
      socket.once("error", reject);
    });
  }

  send(request: number, text: Buffer, since: number): void {
    this.request = request;
    this.since = since;
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

process.on("message", (job: Job) => {
  new Run(job).measure().then(
    (outcome) => process.send?.(outcome),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
// The parent ended: nobody waits for this one any more.
process.on("disconnect", () => process.exit());
