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
import { moduleFrom } from "../../edge/workers.ts";
import type { CallerProps } from "../../src/snapshot/rpc.ts";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { until } from "../support/until.ts";
import { Runtime } from "../support/runtime.ts";

export const GATEWAY = "gateway";

/** A Worker of a test's own, and how it calls. */
interface TestWorker {
  readonly name: string;
  /** Of the project: bundled as a deployed Worker's. */
  readonly entry: string;
  readonly bindings?: Readonly<Record<string, unknown>>;
  readonly objects?: Readonly<Record<string, string>>;
}

export interface RpcWorld {
  readonly workers: readonly TestWorker[];
  /** The gateway's bindings of the services' Workers. */
  readonly endpoints: Readonly<Record<string, object>>;
  /** As YAML; the namespace `shop` is there. */
  readonly resources: string;
}

export interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** How a caller's binding to a service of the mesh is written. @param props who calls, and what */
export function through(props: CallerProps): object {
  return { name: GATEWAY, entrypoint: "MeshEntrypoint", props };
}

/** The props of a Worker that runs as this service account of the namespace `shop` and calls a service of it. */
export function propsOf(serviceAccount: string, service: string, more: CallerProps = {}): CallerProps {
  return { namespace: "shop", serviceAccount, workload: `${serviceAccount}-v1`, service: host(service), ...more };
}

export function host(service: string): string {
  return `${service}.shop.svc.cluster.local`;
}

/** A service of the namespace `shop` and its one version, behind the gateway's binding of it. */
export function serviceOf(name: string): string {
  const labels = `{ app: ${name}, version: v1 }`;
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}-v1, namespace: shop }
spec: { address: "binding:EP_${name.toUpperCase()}_V1", labels: ${labels}, serviceAccount: ${name} }
`;
}

/** A gateway as deployed, control and state beside it, and a test's own Workers around it. */
export class RpcMesh {
  readonly lines: AccessRecord[] = [];
  /** What the Workers print that is no line of the access log. */
  readonly said: string[] = [];
  readonly #miniflare: Miniflare;
  readonly #folder: string;

  private constructor(miniflare: Miniflare, folder: string) {
    this.#miniflare = miniflare;
    this.#folder = folder;
  }

  static async start({ workers, endpoints, resources }: RpcWorld): Promise<RpcMesh> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-rpc-"));
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const secrets = {
      bootstrap: randomBytes(32).toString("base64url"),
      keyEncryption: randomBytes(32).toString("base64url"),
      snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    };
    let mesh: RpcMesh | null = null;
    const gateway = await gatewayWorker(GATEWAY, publicKey.export({ format: "jwk" }).x ?? "");
    const miniflare = new Runtime(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        cf: false,
        resourcePersistencePath: folder,
        handleStructuredLogs: ({ message }) => {
          if (mesh !== null) mesh.#heard(message);
        },
        workers: [
          ...(await Promise.all(workers.map(workerOf))),
          {
            ...gateway,
            serviceBindings: { ...gateway.serviceBindings, ...(endpoints as Record<string, { name: string }>) },
            ...SOCKET,
          },
          await stateWorker(),
          await controlWorker(secrets, "cluster.local", false),
        ],
      }),
    );
    mesh = new RpcMesh(miniflare, folder);
    await miniflare.ready;
    await migrate(miniflare);
    await mesh.#apply(secrets.bootstrap, `${NAMESPACE}\n---\n${resources}`);
    return mesh;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async worker(name: string): Promise<Fetcher> {
    return (await this.#miniflare.getWorker(name)) as unknown as Fetcher;
  }

  /** Where a Worker, or the gateway's public way in, listens for HTTP on loopback. */
  async portOf(name: string): Promise<number> {
    return Number((await this.#miniflare.unsafeGetDirectURL(name)).port);
  }

  /** Asks a Worker something, and gets what it answers. */
  async ask<T>(name: string, question?: unknown): Promise<T> {
    const init = question === undefined ? {} : { method: "POST", body: JSON.stringify(question) };
    const answer = await (await this.worker(name)).fetch(`http://${name}/`, init);
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** The lines of the access log of this path, as soon as there are `count`. */
  async logged(path: string, count = 1): Promise<readonly AccessRecord[]> {
    const lines = () => this.lines.filter((line) => line.path === path);
    await until(`${count} lines of ${path}`, () => lines().length >= count);
    return lines();
  }

  #heard(message: string): void {
    if (message.startsWith('{"event":"access"')) this.lines.push(JSON.parse(message) as AccessRecord);
    else this.said.push(message);
  }

  async #apply(bootstrap: string, text: string): Promise<void> {
    const control = await this.worker(CONTROL);
    const made = await control.fetch("http://control/api/v1/bootstrap", {
      method: "POST",
      headers: { authorization: `Bearer ${bootstrap}` },
    });
    const { token } = (await made.json()) as { token: string };
    const answer = await control.fetch("http://control/api/v1/apply", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/yaml" },
      body: text,
    });
    if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${await answer.text()}`);
  }
}

/** Miniflare binds it to a free port. */
const SOCKET = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] };

async function workerOf({ name, entry, bindings = {}, objects = {} }: TestWorker) {
  return {
    name,
    modules: await moduleFrom(entry),
    compatibilityDate: COMPATIBILITY_DATE,
    serviceBindings: bindings as Record<string, string>,
    ...SOCKET,
    durableObjects: Object.fromEntries(
      Object.entries(objects).map(([binding, className]) => [binding, { className, useSQLite: true }]),
    ),
  };
}

const NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
`;
