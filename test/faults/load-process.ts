import { Agent, request as httpRequest } from "node:http";
import { percentile } from "../../bench/percentile.ts";
import type { Loaded, LoadJob, LoadRequest } from "./load.ts";

/** The load, in a process of its own: takes jobs from its parent, one at a time. */

interface Ended {
  readonly request: number;
  readonly status: number | "broken" | "late";
  readonly ms: number;
}

class Run {
  readonly #job: LoadJob;
  readonly #agent: Agent;
  readonly #ended: Ended[] = [];

  constructor(job: LoadJob) {
    this.#job = job;
    this.#agent = new Agent({ keepAlive: true, maxSockets: job.connections });
  }

  async measure(): Promise<Loaded> {
    const { rate, seconds, requests } = this.#job;
    const calls: Promise<void>[] = [];
    const began = performance.now();
    const total = Math.round(rate * seconds);
    while (calls.length < total) {
      const due = Math.min(total, Math.floor(((performance.now() - began) * rate) / 1_000) + 1);
      for (; calls.length < due;) {
        const at = calls.length % requests.length;
        calls.push(this.#call(at, requests[at] as LoadRequest));
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(calls);
    this.#agent.destroy();
    return this.#outcome();
  }

  async #call(at: number, { host, path = "/", method = "GET", headers = {}, body }: LoadRequest): Promise<void> {
    const { port, patienceMs } = this.#job;
    const since = performance.now();
    const status = await new Promise<Ended["status"]>((resolve) => {
      const options = { host: "127.0.0.1", port, path, method, headers: { ...headers, host }, agent: this.#agent };
      const request = httpRequest(options, (response) => {
        response.on("error", () => resolve("broken"));
        response.on("end", () => resolve(response.complete ? (response.statusCode ?? 0) : "broken"));
        response.resume();
      });
      const timer = setTimeout(() => {
        resolve("late");
        request.destroy();
      }, patienceMs);
      request.on("error", () => resolve("broken"));
      request.on("close", () => clearTimeout(timer));
      request.end(body);
    });
    this.#ended.push({ request: at, status, ms: performance.now() - since });
  }

  #outcome(): Loaded {
    const whole = this.#ended.filter(({ status }) => typeof status === "number").map(({ ms }) => ms);
    return {
      sent: this.#ended.length,
      statuses: counted(this.#ended),
      byRequest: this.#job.requests.map((_, at) => counted(this.#ended.filter(({ request }) => request === at))),
      p50Ms: percentile(whole, 0.5),
      p99Ms: percentile(whole, 0.99),
      maxMs: Math.max(...whole),
    };
  }
}

function counted(ended: readonly Ended[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of ended) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

process.on("message", (job: LoadJob) => {
  new Run(job).measure().then(
    (loaded) => process.send?.(loaded),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
// The parent ended: nobody waits for this one any more.
process.on("disconnect", () => process.exit());
