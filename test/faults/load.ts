import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** A request of a load, as `http.request` takes it. */
export interface LoadRequest {
  readonly host: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface LoadJob {
  readonly port: number;
  /** Sent in turn, from the first on. */
  readonly requests: readonly LoadRequest[];
  /** Requests a second, whether answers come or not. */
  readonly rate: number;
  readonly seconds: number;
  readonly connections: number;
  /** An answer that takes longer counts as `late`. */
  readonly patienceMs: number;
}

/** How often each came: a status, `broken` (the connection or the body broke off), `late` (no whole answer in time). */
export type Statuses = Readonly<Record<string, number>>;

export interface Loaded {
  readonly sent: number;
  readonly statuses: Statuses;
  /** By request of the job, in its order. */
  readonly byRequest: readonly Statuses[];
  /** Of whole answers, from when they were due. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** How many of these ended in another way. */
export function others({ sent, statuses }: Loaded, ...expected: readonly (number | string)[]): number {
  return sent - expected.reduce<number>((sum, status) => sum + (statuses[status] ?? 0), 0);
}

/** A process that sends requests at a constant rate: what this one is busy with delays none of them. */
export class LoadProcess {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, "load-process.ts"));

  async run(job: LoadJob): Promise<Loaded> {
    const answer = once(this.#child, "message") as Promise<[Loaded]>;
    this.#child.send(job);
    return (await answer)[0];
  }

  stop(): void {
    this.#child.kill();
  }
}
