import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import type { MeshWorker } from "../../src/deployment/topology.ts";
import { COMPATIBILITY_DATE } from "../miniflare-workers.ts";
import { forgetRegistered } from "../runtime.ts";
import { moduleOf } from "../workers.ts";
import { DEBUG_PORT } from "./debug-port.ts";
import type { WorkerOptions } from "./bundling.ts";
import { assetsService, userService } from "./places.ts";
import type { Built } from "./user-worker.ts";

/** Of all Workers: what is where for each of their processes. */
export interface Ground {
  /** In which the processes find each other, for queues and for other Workers' objects. */
  readonly registry: string;
  /** Where KV, D1, R2, queues and objects are kept. */
  readonly storage: string;
  /** The debug port of the process in which the gateways run. */
  readonly gatewaysAt: string;
  /** A version that has not started by then is given up, in ms. */
  readonly startMs: number;
  readonly onLine: (worker: string, line: { readonly level: string; readonly message: string }) => void;
}

/** One version of a user's Worker, in a runtime of its own. */
export interface Instance {
  /** @returns its debug port, `127.0.0.1:43210`: another one where its library had to start a runtime that ended by itself again */
  address(): string;
  /** From now on it is found under the Worker's name by the others' processes. */
  takeName(): void;
  scheduled(cron: string): Promise<void>;
  stop(): Promise<void>;
}

/** What Miniflare gives of a Worker, beside `fetch`. */
interface Scheduled {
  scheduled(options: { readonly cron: string }): Promise<unknown>;
}

/** No Worker can bind it by its name, and say who calls. */
const WAY = `tulle-way-${randomUUID()}`;

let count = 0;

/** @throws where the runtime refuses it: it does not start in its time, or throws while it does */
export async function startInstance(built: Built, worker: MeshWorker, ground: Ground): Promise<Instance> {
  mkdirSync(ground.registry, { recursive: true });
  const { name } = worker;
  const marker = `${name}--${process.pid}-${(count += 1)}`;
  // What the runtime says while it starts is why it does not: its library tells nothing of it.
  const said: string[] = [];
  let isUp = false;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      resourcePersistencePath: ground.storage,
      unsafeDevRegistryPath: ground.registry,
      handleStructuredLogs: (line) => {
        if (!isUp) said.push(line.message);
        ground.onLine(name, line);
      },
      workers: [
        meshed(built, worker) as never,
        ...(built.beside as never[]),
        await wayWorker(ground),
        // Whose entry tells the port of this process: the Worker's own entry may be an older version's.
        { name: marker, modules: EMPTY, compatibilityDate: COMPATIBILITY_DATE },
      ],
    }),
  );
  try {
    await within(miniflare.ready, ground.startMs);
    isUp = true;
    return instance(miniflare, { name, marker, registry: ground.registry, options: built.options });
  } catch (error) {
    await miniflare.dispose().catch(() => undefined);
    throw said.length === 0 ? error : new Error(said.join("\n"), { cause: error });
  }
}

/** The runtime waits for code that does not end, and would keep all later versions waiting. */
async function within(ready: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const why = `it has not started after ${ms / 1_000} s: look for a loop outside of its handlers`;
    timer = setTimeout(() => reject(new Error(why)), ms);
  });
  try {
    await Promise.race([ready, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function wayWorker({ gatewaysAt }: Ground) {
  return {
    name: WAY,
    unsafeRegisterWorker: false,
    modules: await moduleOf("dev-way"),
    compatibilityDate: COMPATIBILITY_DATE,
    bindings: { GATEWAYS_AT: gatewaysAt },
    unsafeBindings: [DEBUG_PORT],
  };
}

const EMPTY = [{ type: "ESModule" as const, path: "index.js", contents: "export default {}" }];

interface Registration {
  readonly name: string;
  readonly marker: string;
  readonly registry: string;
  readonly options: WorkerOptions;
}

function instance(miniflare: Miniflare, { name, marker, registry, options }: Registration): Instance {
  return {
    address: () => registered(registry, marker).debugPortAddress,
    takeName() {
      const { debugPortAddress, instanceId } = registered(registry, marker);
      const consumers = options["queueConsumers"];
      const entry = {
        debugPortAddress,
        instanceId,
        defaultEntrypointService: options["assets"] === undefined ? userService(name) : assetsService(name),
        userWorkerService: userService(name),
        ...(consumers !== undefined && {
          queueConsumers: Array.isArray(consumers) ? consumers : Object.keys(consumers as object),
        }),
      };
      const next = join(registry, `.${marker}`);
      writeFileSync(next, JSON.stringify(entry));
      renameSync(next, join(registry, name));
    },
    async scheduled(cron) {
      const worker = (await miniflare.getWorker(name)) as unknown as Scheduled;
      await worker.scheduled({ cron });
    },
    async stop() {
      await miniflare.dispose();
      forgetRegistered(registry, [marker]);
    },
  };
}

function registered(registry: string, name: string): { debugPortAddress: string; instanceId: string } {
  return JSON.parse(readFileSync(join(registry, name), "utf8")) as { debugPortAddress: string; instanceId: string };
}

/** Its bindings to others of the mesh lead to the gateways, in its own name; all else stays as its user wrote it. */
function meshed({ options, code }: Built, { name, bindings }: MeshWorker): WorkerOptions {
  const own = (options["serviceBindings"] ?? {}) as Readonly<Record<string, unknown>>;
  const through = bindings.map(({ binding, gateway, props }) => [
    binding,
    { name: WAY, entrypoint: "MeshEntrypoint", props: { gateway, caller: props } },
  ]);
  return { ...options, ...code, name, serviceBindings: { ...own, ...Object.fromEntries(through) } };
}
