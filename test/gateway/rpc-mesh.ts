import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, type Miniflare } from "miniflare";
import {
  COMPATIBILITY_DATE,
  CONTROL,
  controlWorker,
  gatewayWorker,
  migrate,
  stateWorker,
} from "../../edge/miniflare-workers.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { CALLING, SERVICE } from "./rpc-workers.ts";
import { Runtime } from "../support/runtime.ts";

const GATEWAY = "gateway";
const CALLER = "caller";
/** The last day on which callers lost the fields of errors. */
const OLD_CALLER = "old-caller";
const OLD_DATE = "2026-04-20";

/** What a piece of the caller's code gave, or what it threw as the caller saw it. */
export interface Ran {
  readonly value?: unknown;
  readonly threw?: Readonly<Record<string, unknown>>;
}

/**
 * A gateway as deployed, with control and state beside it, in front of Workers that take calls of Workers RPC. The services `v1` and
 * `v2` are one Worker's code; `orders` is both. A caller's code is the test's.
 */
export class RpcMesh {
  readonly lines: AccessRecord[] = [];
  readonly #miniflare: Miniflare;
  readonly #folder: string;
  readonly #watchers = new Set<() => void>();

  private constructor(miniflare: Miniflare, folder: string) {
    this.#miniflare = miniflare;
    this.#folder = folder;
  }

  /**
   * @param callers the props of the caller's bindings, by name
   * @param rules YAML documents beside the services
   */
  static async start(callers: Readonly<Record<string, CallerProps>>, rules: readonly object[]): Promise<RpcMesh> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-rpc-"));
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const secrets = {
      bootstrap: randomBytes(32).toString("base64url"),
      keyEncryption: randomBytes(32).toString("base64url"),
      snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    };
    let mesh: RpcMesh | null = null;
    const gateway = await gatewayWorker(GATEWAY, publicKey.export({ format: "jwk" }).x ?? "");
    const module = (contents: string) => [{ type: "ESModule" as const, path: "index.js", contents }];
    const worker = (name: string) => ({
      name,
      modules: module(SERVICE),
      compatibilityDate: COMPATIBILITY_DATE,
      bindings: { VERSION: name },
      durableObjects: { OBJECT: { className: "Memory", useSQLite: true } },
    });
    const meshed = Object.entries(callers).map(([name, props]) => [
      name,
      { name: GATEWAY, entrypoint: "MeshEntrypoint", props: { ...props } },
    ]);
    const probes = { V1: { name: "v1", entrypoint: "Probe" }, V2: { name: "v2", entrypoint: "Probe" } };
    const caller = (name: string, compatibilityDate: string) => ({
      name,
      modules: module(CALLING),
      compatibilityDate,
      unsafeEvalBinding: "EVAL",
      serviceBindings: { ...Object.fromEntries(meshed), ...probes, DIRECT: "v1" },
    });
    const miniflare = new Runtime(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        cf: false,
        resourcePersistencePath: folder,
        handleStructuredLogs: ({ message }) => {
          if (mesh !== null) mesh.#logged(message);
        },
        workers: [
          {
            ...gateway,
            serviceBindings: {
              ...gateway.serviceBindings,
              EP_V1: "v1",
              EP_V2: "v2",
              EP_V1__admin: { name: "v1", entrypoint: "Admin", props: { tenant: "acme" } },
              EP_GONE: { external: { address: "127.0.0.1:9", http: {} } },
            },
          },
          worker("v1"),
          worker("v2"),
          caller(CALLER, COMPATIBILITY_DATE),
          caller(OLD_CALLER, OLD_DATE),
          await stateWorker(),
          await controlWorker(secrets, "cluster.local", false),
        ],
      }),
    );
    await miniflare.ready;
    await migrate(miniflare);
    mesh = new RpcMesh(miniflare, folder);
    await mesh.#bootstrap(secrets.bootstrap);
    await mesh.apply([...WORLD, ...rules]);
    return mesh;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * Runs code in the caller.
   *
   * @param code body of an async function of `env`, its bindings, and `B`, the one that is named
   * @param caller another one, with an older compatibility date
   */
  async run(binding: string, code: string, caller: typeof CALLER | typeof OLD_CALLER = CALLER): Promise<Ran> {
    const body = JSON.stringify({ binding, code });
    const answer = await (await this.#worker(caller)).fetch("http://caller/", { method: "POST", body });
    return answer.json() as Promise<Ran>;
  }

  /** The lines of the access log that hold, as soon as there are `count`. */
  async logged(holds: (line: AccessRecord) => boolean, count = 1): Promise<readonly AccessRecord[]> {
    for (;;) {
      const lines = this.lines.filter(holds);
      if (lines.length >= count) return lines;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#watchers.add(resolve);
      await promise;
      this.#watchers.delete(resolve);
    }
  }

  #logged(message: string): void {
    if (!message.startsWith('{"event":"access"')) return;
    this.lines.push(JSON.parse(message) as AccessRecord);
    for (const wake of this.#watchers) wake();
  }

  #token = "";

  async #worker(name: string) {
    return (await this.#miniflare.getWorker(name)) as unknown as { fetch: typeof fetch };
  }

  async #bootstrap(secret: string): Promise<void> {
    const headers = { authorization: `Bearer ${secret}` };
    const made = await (
      await this.#worker(CONTROL)
    ).fetch("http://control/api/v1/bootstrap", { method: "POST", headers });
    this.#token = ((await made.json()) as { token: string }).token;
  }

  async apply(objects: readonly object[]): Promise<void> {
    const answer = await (
      await this.#worker(CONTROL)
    ).fetch("http://control/api/v1/apply", {
      method: "POST",
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/yaml" },
      body: objects.map((object) => JSON.stringify(object)).join("\n---\n"),
    });
    if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${await answer.text()}`);
  }
}

/** A service of one Worker at each name. */
export function service(name: string, endpoints: Readonly<Record<string, string>>): readonly object[] {
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { selector: { app: name }, ports: [{ name: "http", port: 80 }] },
    },
    ...Object.entries(endpoints).map(([version, address]) => ({
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: { name: `${name}-${version}` },
      spec: { address, labels: { app: name, version }, serviceAccount: name },
    })),
  ];
}

const WORLD = [
  {
    apiVersion: "tulle.dev/v1alpha1",
    kind: "MeshConfig",
    metadata: { name: "default", namespace: "istio-system" },
    spec: { egress: { allowedHosts: ["origin.example.com"] } },
  },
];
