import { randomBytes } from "node:crypto";
import { convertV4MiniflareOptions } from "miniflare";
import { cpuSeconds, processTree } from "../../bench/cpu.ts";
import { percentile } from "../../bench/percentile.ts";
import { COMPATIBILITY_DATE, GATEWAY_FLAGS } from "../../edge/miniflare-workers.ts";
import { moduleFrom } from "../../edge/workers.ts";
import { decide } from "../../src/decide/decide.ts";
import type { RequestFacts } from "../../src/request/facts.ts";
import type { KubeObject } from "../../src/resources/object.ts";
import { sliceId } from "../../src/snapshot/hash.ts";
import { link } from "../../src/snapshot/link.ts";
import type { Slice } from "../../src/snapshot/model.ts";
import { service, TestWorld } from "../compile/world.ts";
import { Heap } from "../control/heap.ts";
import { Runtime } from "../support/runtime.ts";

export const HOST = "api.default.svc.cluster.local";
const TRIES = 3;
const LOADS = 6;
const COLLECTIONS = 5;

/** What one host has in front of it, as text for its gateways. */
export interface Compiled {
  readonly text: string;
  /** CPU of it: what else the machine does is none of its cost. */
  readonly cpuMs: number;
}

export function compiled(policies: readonly KubeObject[]): Compiled {
  const world = new TestWorld();
  world.apply(service("api"));
  const before = process.cpuUsage();
  world.compile(policies.map((after) => ({ before: null, after })));
  const text = world.compiler
    .scopes({ fronts: ["*"], gateways: ["*"] })
    .get("mesh/*")
    ?.get(HOST)?.text;
  const { user, system } = process.cpuUsage(before);
  const wrong = [...world.verdicts.values()].flat().find(({ severity }) => severity === "error");
  if (text === undefined || wrong !== undefined) throw new Error(`not compiled: ${wrong?.message}`);
  return { text, cpuMs: (user + system) / 1_000 };
}

/** How long decisions take, the best of three rounds, and what came of them. */
export function decisions(
  { text }: Compiled,
  requests: readonly RequestFacts[],
): { readonly p50Ms: number; readonly p99Ms: number; readonly effects: ReadonlyMap<string, number> } {
  const linked = link(JSON.parse(text) as Slice);
  const effects = new Map<string, number>();
  const rounds = Array.from({ length: TRIES }, () =>
    requests.map((request) => {
      const began = performance.now();
      const decision = decide(linked, request);
      const took = performance.now() - began;
      const effect = decision.effect === "answer" ? decision.code : decision.effect;
      effects.set(effect, (effects.get(effect) ?? 0) + 1);
      return took;
    }),
  );
  const best = (share: number): number => Math.min(...rounds.map((times) => percentile(times, share)));
  return { p50Ms: best(0.5), p99Ms: best(0.99), effects };
}

/** An isolate that loads slices as gateways do. */
export class Isolate {
  readonly #runtime: Runtime;
  #processes: readonly number[] = [];

  private constructor(code: Awaited<ReturnType<typeof moduleFrom>>) {
    this.#runtime = new Runtime(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        cf: false,
        inspectorPort: 0,
        inspectorHost: "127.0.0.1",
        handleStructuredLogs: () => undefined,
        workers: [
          { name: "loading", modules: code, compatibilityDate: COMPATIBILITY_DATE, compatibilityFlags: GATEWAY_FLAGS },
        ],
      }),
    );
  }

  static async start(): Promise<Isolate> {
    const others = new Set(processTree(process.pid));
    const isolate = new Isolate(await moduleFrom("test/faults/loading-worker.ts"));
    await isolate.#runtime.ready;
    isolate.#processes = processTree(process.pid).filter((pid) => !others.has(pid));
    return isolate;
  }

  /**
   * @param bar ms: it is loaded again, some times, where it took longer
   * @returns ms of the CPU that loading takes beside taking the text alone, at best, and bytes that it then holds
   */
  async load({ text }: Compiled, bar: number): Promise<{ readonly ms: number; readonly bytes: number }> {
    const id = await sliceId(text);
    const heap = await this.#heap();
    try {
      await this.#send(text, null);
      const before = await this.#held(heap);
      let ms = Number.POSITIVE_INFINITY;
      for (let run = 0; run < LOADS && ms > bar; run += 1) {
        const taken = await this.#send(text, null);
        ms = Math.min(ms, (await this.#send(text, id)) - taken);
      }
      return { ms, bytes: (await this.#held(heap)) - before };
    } finally {
      heap.close();
    }
  }

  async stop(): Promise<void> {
    await this.#runtime.dispose();
  }

  async #heap(): Promise<Heap> {
    const url = await this.#runtime.getInspectorURL();
    const targets = (await (await fetch(`http://${url.host}/json`)).json()) as readonly {
      readonly id: string;
      readonly webSocketDebuggerUrl: string;
    }[];
    const target = targets.find((each) => each.id.endsWith(":loading"));
    if (target === undefined) throw new Error("the isolate has no inspector");
    return Heap.open(target.webSocketDebuggerUrl);
  }

  /** What it does not hold is collected as one of the next requests comes in. */
  async #held(heap: Heap): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < COLLECTIONS; run += 1) {
      heap.collectGarbage();
      await (await this.#runtime.dispatchFetch("http://loading/")).text();
      least = Math.min(least, await heap.used());
    }
    return least;
  }

  async #send(text: string, id: string | null): Promise<number> {
    const before = cpuSeconds(this.#processes);
    const url = `http://loading/?run=${randomBytes(4).toString("hex")}${id === null ? "" : `&id=${id}`}`;
    const answer = await this.#runtime.dispatchFetch(url, { method: "POST", body: text });
    const told = await answer.text();
    if (answer.status !== 200) throw new Error(`the isolate did not load it: ${told}`);
    return (cpuSeconds(this.#processes) - before) * 1_000;
  }
}
