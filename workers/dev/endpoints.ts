import { callsEnded } from "./calls-under-way.ts";
import { type AnyService, type DebugPort, type Place, reach } from "./debug-port.ts";

/** Longer than a process takes to end (calls-under-way.ts, edge/dev/live-worker.ts): past this, nobody is going to say more. */
const HELD_MS = 45_000;
const PAUSE_MS = 10;

/** A gateway keeps its bindings for life; each of these looks its process up at each call. */
export class Endpoints {
  readonly #port: DebugPort;
  readonly #active: ReadonlyMap<string, number>;
  #places: Readonly<Record<string, Place>> = {};
  /** Calls that have no answer yet, by their process's address. */
  readonly #unanswered = new Map<string, number>();
  /** Calls that wait, by a held binding: the gateway counts them as active. */
  readonly #waiting = new Map<string, number>();

  /** @param active what the gateway counts, by an endpoint's id: calls that have not ended */
  constructor(port: DebugPort, active: ReadonlyMap<string, number>) {
    this.#port = port;
    this.#active = active;
  }

  /** @param places by binding; of Workers that don't run there is none */
  become(places: Readonly<Record<string, Place>>): void {
    this.#places = places;
    for (const name of this.#waiting.keys()) if (places[name]?.held !== true) this.#waiting.delete(name);
  }

  /** @returns what stands for the binding of this name: a service binding, with every method that the service may have */
  binding(name: string): object {
    const fetch = async (input: RequestInfo, init?: RequestInit): Promise<Response> => this.#fetch(name, input, init);
    return new Proxy(
      { fetch },
      {
        get: (own, key) => {
          if (key === "fetch") return own.fetch;
          return typeof key === "string" && key !== "then" ? this.#method(name, key) : undefined;
        },
      },
    );
  }

  /** @returns when the calls have ended that are under way at this Worker's process, or have taken too long */
  async callsEnded(service: string): Promise<void> {
    const held = Object.entries(this.#places).filter(([, place]) => place.service === service);
    const ids = new Set(held.map(([name]) => `binding:${name.replace(/__.*/, "")}`));
    const addresses = new Set(held.map(([, { address }]) => address));
    return callsEnded(() => ({
      calls:
        sum([...ids], this.#active) -
        sum(
          held.map(([name]) => name),
          this.#waiting,
        ),
      unanswered: sum([...addresses], this.#unanswered),
    }));
  }

  async #fetch(name: string, input: RequestInfo, init?: RequestInit): Promise<Response> {
    const place = await this.#placeOf(name);
    if (place === null) return new Response(`${notTaken(name)}\n`, { status: 503 });
    const { address, service, fetchService } = place;
    const worker = reach(this.#port, { ...place, service: fetchService ?? service });
    return this.#answered(address, async () => worker.fetch(input, init));
  }

  /** Called, it is the service's method; awaited, its property of this name. */
  #method(name: string, key: string): unknown {
    const ask = async (does: (worker: Service) => unknown): Promise<unknown> => {
      const place = await this.#placeOf(name);
      if (place === null) throw new Error(notTaken(name));
      return this.#answered(place.address, async () => does(reach(this.#port, place) as Service));
    };
    const method = (...args: readonly unknown[]): Promise<unknown> => ask((worker) => worker[key]?.(...args));
    return Object.assign(method, {
      // oxlint-disable-next-line unicorn/no-thenable -- a property of a service binding is one
      then: (...settle: Settle) => ask((worker) => worker[key]).then(...settle),
    });
  }

  async #answered<T>(address: string, call: () => Promise<T>): Promise<T> {
    this.#unanswered.set(address, (this.#unanswered.get(address) ?? 0) + 1);
    try {
      return await call();
    } finally {
      const left = (this.#unanswered.get(address) ?? 0) - 1;
      if (left > 0) this.#unanswered.set(address, left);
      else this.#unanswered.delete(address);
    }
  }

  /**
   * @returns null where it is held for too long
   * @throws where no process serves it: a Worker that is not up yet is one that cannot be reached
   */
  async #placeOf(name: string): Promise<Place | null> {
    const begun = Date.now();
    for (let now = begun; now - begun < HELD_MS; now = Date.now()) {
      const place = this.#places[name];
      if (place === undefined) throw new Error(`no process serves ${name}`);
      if (place.held !== true) return place;
      if (now === begun) this.#waiting.set(name, (this.#waiting.get(name) ?? 0) + 1);
      await scheduler.wait(PAUSE_MS);
    }
    return null;
  }
}

function sum(keys: readonly string[], counts: ReadonlyMap<string, number>): number {
  return keys.reduce((all, key) => all + (counts.get(key) ?? 0), 0);
}

function notTaken(name: string): string {
  return `${name}: the new version has not taken the old one's place after ${HELD_MS / 1_000} s; \`tulle dev\` says why on its terminal`;
}

type Service = AnyService & Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
type Settle = readonly [((value: unknown) => unknown)?, ((error: unknown) => unknown)?];
