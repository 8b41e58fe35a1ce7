import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** One request as it goes over the wire, and what must come back. */
export interface Prepared {
  /** One character a byte. */
  readonly text: string;
  readonly status: number;
  /** Length of the answer's body; null: whatever a refusal says. */
  readonly bytes: number | null;
}

export interface Job {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Requests a second, whether answers come or not; null: as fast as the connections get answers. */
  readonly rate: number | null;
  /** Sent in turn, from the first on. */
  readonly requests: readonly Prepared[];
  /** The runtime's processes and the processor that they have to themselves. */
  readonly pids: readonly number[];
  readonly processor: number;
}

export interface Outcome {
  /** Answers within the window. */
  readonly requests: number;
  /** All answers: those before and behind the window, too. */
  readonly answers: number;
  readonly seconds: number;
  /** User and system time of the runtime in the window. */
  readonly cpuSeconds: number;
  /** Shares of the processor: the runtime's, and what other processes and the machine's host took from it. */
  readonly ownShare: number;
  readonly othersShare: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers with another status or length than expected, failed connections, answers that did not come. */
  readonly unexpected: number;
  readonly example: string | null;
}

/**
 * The load generator. It is the bench's own, in plain Node, because the ready ones don't fit: autocannon tells latencies in
 * whole milliseconds (the median here is near one) and checks no status per request; wrk has no constant rate and must be
 * installed. A request costs it less CPU than it costs the upstream; `own share` in the report shows that the runtime was
 * kept busy.
 */
export class Load {
  readonly child: ChildProcess = fork(join(import.meta.dirname, "client.ts"));

  async run(job: Job): Promise<Outcome> {
    const answer = once(this.child, "message") as Promise<[Outcome | { error: string }]>;
    this.child.send(job);
    const [outcome] = await answer;
    if ("error" in outcome) throw new Error(`the load failed: ${outcome.error}`);
    return outcome;
  }

  stop(): void {
    this.child.kill();
  }
}
