import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions } from "miniflare";
import { heapOf } from "../../bench/heap.ts";
import { CONTROL, controlWorker, gatewayWorker, migrate, STATE, stateWorker } from "../../edge/miniflare-workers.ts";
import { privateNetwork, startPrivateForwarder } from "../../edge/private-forwarder.ts";
import type { Root, SignedRoot } from "../../src/snapshot/model.ts";
import { importSigningKey, signRoot } from "../../src/snapshot/signature.ts";
import { send } from "../support/http.ts";
import { Runtime } from "../support/runtime.ts";
import { until } from "../support/until.ts";
import { aborting } from "./aborting.ts";
import { CONTROL_GATE, controlGate, type Fault, gatewayGate, gateOf, type Seen, through, type Way } from "./gate.ts";

type Workers = Extract<Parameters<typeof convertV4MiniflareOptions>[0], { workers: unknown }>["workers"];
type Worker = NonNullable<Workers>[number];

export interface MeshOptions {
  /** Names of its gateways. */
  readonly gateways?: readonly string[];
  /** Further isolates: of which gateway, by their names. They are cold until somebody asks them. */
  readonly isolates?: Readonly<Record<string, string>>;
  /** Where gateways and isolates are, each with a cell of its own. Absent: where all others are. */
  readonly locations?: Readonly<Record<string, string>>;
  /** A state folder to start on: it outlives the mesh. Absent: one of the mesh's own. */
  readonly folder?: string;
  /** The port of a service on loopback that the gateways' binding `EP_DIRECT` leads to, with no forwarder between them. */
  readonly direct?: number;
  /** Changes to a Worker of it, by name, before it starts: its code, variables, bindings. */
  readonly changed?: (worker: Worker) => Worker;
}

/** What control answers. */
export interface Told {
  readonly status: number;
  readonly text: string;
}

interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

interface Keys {
  readonly bootstrap: string;
  readonly keyEncryption: string;
  readonly snapshotPrivateKey: string;
  readonly snapshotPublicKey: string;
  /** The administrator's, once it was made. */
  readonly token?: string;
}

const KEYS = "keys.json";

/** Private addresses are this machine's, and nothing is retried that a row does not ask for. */
export const MESH_CONFIG = {
  apiVersion: "tulle.dev/v1alpha1",
  kind: "MeshConfig",
  metadata: { name: "default", namespace: "istio-system" },
  spec: {
    privateRanges: [{ range: "127.0.0.0/8", namespaces: ["*"] }],
    defaultHttpRetryPolicy: { attempts: 0 },
  },
};

const FRONT = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: front, namespace: default }
spec:
  selector: { istio: front }
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
`;

/**
 * The mesh that faults are tried on: control, state and gateways as they are deployed, on real D1 and Durable Objects, with the
 * local mesh's way to private addresses. Between them stand gates that can break calls.
 */
export class FaultMesh {
  /** What its Workers print. */
  readonly lines: string[] = [];
  readonly gateways: readonly string[];
  /** Names of all isolates of gateways, those that bear their gateway's name first. */
  readonly #isolates: readonly string[];
  readonly #runtime: Runtime;
  readonly #forwarder: { readonly port: number; close(): Promise<void> };
  readonly #folder: string;
  readonly #removes: boolean;
  readonly #ports = new Map<string, number>();
  #keys: Keys;
  #markers = 0;
  #state: Fetcher | null = null;

  private constructor(
    options: MeshOptions,
    workers: readonly Worker[],
    parts: {
      readonly keys: Keys;
      readonly forwarder: { readonly port: number; close(): Promise<void> };
      readonly folder: string;
    },
  ) {
    this.gateways = options.gateways ?? ["one"];
    this.#isolates = [...this.gateways, ...Object.keys(options.isolates ?? {})];
    this.#keys = parts.keys;
    this.#forwarder = parts.forwarder;
    this.#folder = parts.folder;
    this.#removes = options.folder === undefined;
    this.#runtime = new Runtime(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        inspectorPort: 0,
        inspectorHost: "127.0.0.1",
        cf: false,
        resourcePersistencePath: join(parts.folder, "state"),
        handleStructuredLogs: ({ message }: { readonly message: string }) => void this.lines.push(message),
        workers: workers.map((worker) => options.changed?.(worker) ?? worker),
      }),
    );
  }

  static async start(options: MeshOptions = {}): Promise<FaultMesh> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), "tulle-faults-"));
    const keys = readKeys(folder);
    const forwarder = await startPrivateForwarder(false);
    const control = await controlWorker(keys, "cluster.local", true);
    const state = await stateWorker();
    const workers = [
      ...(await gateways(options, keys.snapshotPublicKey, forwarder.port)),
      {
        ...state,
        modules: aborting(state.modules),
        serviceBindings: { ...state.serviceBindings, CONTROL: through(CONTROL_GATE, "control") },
      },
      control,
      controlGate(),
    ];
    const mesh = new FaultMesh(options, workers, { keys, forwarder, folder });
    await mesh.#begin();
    return mesh;
  }

  async #begin(): Promise<void> {
    await this.#runtime.ready;
    await migrate(this.#runtime);
    for (const name of this.#isolates) {
      this.#ports.set(name, Number((await this.#runtime.unsafeGetDirectURL(name)).port));
    }
    if (this.#keys.token !== undefined) return;
    const headers = { authorization: `Bearer ${this.#keys.bootstrap}` };
    const control = await this.#worker(CONTROL);
    const made = await control.fetch("http://control/api/v1/bootstrap", { method: "POST", headers });
    this.#keys = { ...this.#keys, token: ((await made.json()) as { token: string }).token };
    writeFileSync(join(this.#folder, KEYS), JSON.stringify(this.#keys));
    await this.mustApply(`${JSON.stringify(MESH_CONFIG)}\n---${FRONT}`);
  }

  async stop(): Promise<void> {
    await this.#runtime.dispose();
    await this.#forwarder.close();
    if (this.#removes) rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @param isolate of a gateway; its gateway's name is the first one's */
  portOf(isolate: string = this.gateways[0] ?? ""): number {
    const port = this.#ports.get(isolate);
    if (port === undefined) throw new Error(`no gateway or isolate is called ${isolate}`);
    return port;
  }

  /** A call to control with the administrator's token. */
  async control(method: string, path: string, body?: string, type = "application/yaml"): Promise<Told> {
    const control = await this.#worker(CONTROL);
    const answer = await control.fetch(`http://control${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#keys.token}`, "content-type": type },
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async apply(text: string): Promise<Told> {
    return this.control("POST", "/api/v1/apply", text);
  }

  async mustApply(text: string): Promise<void> {
    const { status, text: told } = await this.apply(text);
    if (status !== 200) throw new Error(`apply: ${status} ${told}`);
  }

  /** Waits until each gateway has all that was applied so far: one more host says so. */
  async settled(gateways: readonly string[] = this.gateways): Promise<void> {
    this.#markers += 1;
    const host = `settled-${this.#markers}.test`;
    const route = {
      apiVersion: "networking.istio.io/v1",
      kind: "VirtualService",
      metadata: { name: `settled-${this.#markers}`, namespace: "default" },
      spec: { hosts: [host], gateways: ["front"], http: [{ directResponse: { status: 204 } }] },
    };
    await this.mustApply(JSON.stringify(route));
    await Promise.all(
      gateways.map(async (gateway) =>
        until(`${gateway} to have what was applied`, async () => {
          // A policy for all may refuse it: then it is served, too.
          const { status } = await send(`http://127.0.0.1:${this.portOf(gateway)}/`, { host });
          return status === 204 || status === 403;
        }),
      ),
    );
  }

  /** @param gateway whose way is broken; absent: each one's. The way `control` is the cells' and has no gateway */
  async fault(way: Way, fault: Fault | null, gateway?: string): Promise<void> {
    const body = JSON.stringify({ way, fault });
    for (const name of this.#gates(way, gateway)) await this.#askGate(name, { method: "POST", body });
  }

  /** All ways are whole again. */
  async mend(): Promise<void> {
    for (const name of [CONTROL_GATE, ...this.gateways.map(gateOf)]) await this.#askGate(name, { method: "DELETE" });
  }

  /** How often each method of a way was called so far, over all gateways or of one. */
  async calls(way: Way, gateway?: string): Promise<Readonly<Record<string, number>>> {
    const sums: Record<string, number> = {};
    for (const name of this.#gates(way, gateway)) {
      for (const [key, count] of Object.entries((await this.#askGate(name)).calls)) {
        const [of, method = ""] = key.split(".");
        if (of === way) sums[method] = (sums[method] ?? 0) + count;
      }
    }
    return sums;
  }

  /** What the gate of a gateway saw. */
  async seen(gateway: string = this.gateways[0] ?? ""): Promise<Seen> {
    return this.#askGate(gateOf(gateway));
  }

  /** What the gate between the cells and control saw. */
  async seenAtControl(): Promise<Seen> {
    return this.#askGate(CONTROL_GATE);
  }

  /** Signs a root as control does. */
  async sign(root: Root): Promise<SignedRoot> {
    return signRoot(root, await importSigningKey(this.#keys.snapshotPrivateKey));
  }

  async #askGate(name: string, init: RequestInit = {}): Promise<Seen> {
    return (await (await (await this.#worker(name)).fetch("http://gate/", init)).json()) as Seen;
  }

  #gates(way: Way, gateway?: string): readonly string[] {
    if (way === "control") return [CONTROL_GATE];
    return gateway === undefined ? this.gateways.map(gateOf) : [gateOf(gateway)];
  }

  /** A Durable Object of the state Worker, or of control, loses its memory, not what it stored. */
  async evict(className: "Cell" | "Limiter" | "Hub" | "Authority", name: string): Promise<void> {
    const worker = className === "Cell" || className === "Limiter" ? STATE : CONTROL;
    await this.#runtime.unsafeEvictDurableObject(worker, className, { name });
  }

  /** The same of one that is in use: who waits for it gets an error. */
  async abort(binding: "CELL" | "LIMITER", name: string): Promise<void> {
    // Found once: to look for it holds this process up, which under a load must read what the runtime prints.
    this.#state ??= await this.#worker(STATE);
    const aborted = await this.#state.fetch(`http://state/?${new URLSearchParams({ binding, name }).toString()}`);
    if ((await aborted.json()) !== true) throw new Error(`${binding} ${name} is still there`);
  }

  /** MB that the isolate of a gateway uses after its garbage was collected. */
  async heapMb(gateway: string = this.gateways[0] ?? ""): Promise<number> {
    return (await heapOf(Number((await this.#runtime.getInspectorURL()).port), gateway)) / 1e6;
  }

  /** The series of the whole mesh, as Prometheus reads them. */
  async metrics(): Promise<string> {
    return (await this.control("GET", "/metrics")).text;
  }

  /** What a Worker of it answers, asked by no way that others have. */
  async ask(worker: string, path: string): Promise<string> {
    return (await (await this.#worker(worker)).fetch(`http://asked${path}`)).text();
  }

  async #worker(name: string): Promise<Fetcher> {
    return (await this.#runtime.getWorker(name)) as unknown as Fetcher;
  }
}

function readKeys(folder: string): Keys {
  const path = join(folder, KEYS);
  if (existsSync(path)) return JSON.parse(readFileSync(path, "utf8")) as Keys;
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const keys: Keys = {
    bootstrap: randomBytes(32).toString("base64url"),
    keyEncryption: randomBytes(32).toString("base64url"),
    snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    snapshotPublicKey: publicKey.export({ format: "jwk" }).x ?? "",
  };
  writeFileSync(path, JSON.stringify(keys));
  return keys;
}

async function gateways(options: MeshOptions, publicKey: string, forwarderPort: number) {
  const { gateways: names = ["one"], direct } = options;
  const own = names.map((name) => [name, name] as const);
  const workers = await Promise.all(
    [...own, ...Object.entries(options.isolates ?? {})].map(async ([name, of]) => {
      const gateway = await gatewayWorker(of, publicKey);
      return {
        ...gateway,
        name,
        bindings: { ...gateway.bindings, TULLE_LOCAL: options.locations?.[name] ?? "1" },
        serviceBindings: {
          ...gateway.serviceBindings,
          STATE: through(gateOf(of), "cell"),
          CONTROL: through(gateOf(of), "registration"),
          PRIVATE: privateNetwork(forwarderPort),
          ...(direct !== undefined && { EP_DIRECT: { external: { address: `127.0.0.1:${direct}`, http: {} } } }),
        },
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      };
    }),
  );
  return [...workers, ...names.map(gatewayGate)];
}
