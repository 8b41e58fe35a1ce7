import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import type { Callback, CounterStub } from "./api.ts";

class Tally extends RpcTarget {
  #value = 1_000;

  inc(by: unknown = 1): number {
    this.#value += Number(by);
    return this.#value;
  }

  get value(): number {
    return this.#value;
  }

  other(): Tally {
    return new Tally();
  }
}

/** A third Worker, that both others call past the mesh. */
export default class Third extends WorkerEntrypoint {
  async inc(counter: CounterStub, by: number): Promise<number> {
    return counter.inc(by);
  }

  async call(callback: Callback, value: unknown): Promise<unknown> {
    return callback(value);
  }

  counter(): Tally {
    return new Tally();
  }
}
