import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from "node:http";
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
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { Runtime } from "../support/runtime.ts";

const GATEWAY = "gateway";
const CALLER = "caller";

/** An endpoint as a Worker: gives what the origin gives, as its own answer, its body whole or as a stream. */
const SERVICE = `export default { async fetch(request, env) {
  const url = new URL(request.url);
  const init = { method: request.method, body: request.body, headers: request.headers, redirect: "manual", encodeResponseBody: "manual" };
  const { status, headers, body } = await env.ORIGIN.fetch("http://origin" + url.pathname + url.search, init);
  const given = new Headers(headers);
  for (const name of ["connection", "keep-alive", "transfer-encoding"]) if (!url.searchParams.has("hop")) given.delete(name);
  const whole = body !== null && url.searchParams.get("length") !== "unknown" ? await new Response(body).arrayBuffer() : body;
  return new Response(whole, { status, headers: given, encodeBody: "manual" });
} }`;

/** Stands where public origins are. */
const INTERNET = `export default { fetch(request, env) {
  const { pathname, search } = new URL(request.url);
  const { method, headers, body } = request;
  return env.ORIGIN.fetch("http://origin" + pathname + search, { method, headers, body, redirect: "manual", encodeResponseBody: "manual" });
} }`;

/** A Worker of the mesh that calls by \`fetch\`: tells the bytes that it read, taken as they came and unpacked. */
const CALLING = `export default { async fetch(request, env) {
  const { url, unpack } = await request.json();
  const answer = await env.MESH.fetch(url, unpack ? {} : { encodeResponseBody: "manual" });
  const headers = [...answer.headers];
  return new Response(answer.body, { headers: { "x-status": answer.status, "x-headers": JSON.stringify(headers) } });
} }`;

/** A Service with one endpoint, as documents. */
export function service(name: string, address: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name} }
spec: { address: ${address}, labels: { app: ${name} } }`;
}

/** Stands for a client certificate of the platform's: TLS to one place, whatever the URL says. */
export interface CertificateBinding {
  readonly external: {
    readonly address: string;
    readonly https: {
      readonly options: object;
      readonly certificateHost: string;
      readonly tlsOptions: {
        readonly keypair: { readonly privateKey: string; readonly certificateChain: string };
        readonly trustedCertificates: string[];
      };
    };
  };
}

/** A service of this machine, as a Worker's binding leads to it. */
interface MachineBinding {
  readonly external: { readonly address: string; readonly http: object };
}

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/**
 * A gateway as deployed, with control and state beside it, in front of one origin that a test programs. The hosts `private.test`,
 * `public.test` and `worker.test` reach it in the three ways there are; under `/changed` the route changes the answer's headers.
 */
export class SendingMesh {
  /** Answers for every endpoint. */
  origin: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end();
  readonly lines: AccessRecord[] = [];
  readonly gatewayPort: number;
  /** Straight to the Worker that calls: it takes `{"url"}`. */
  readonly callerPort: number;
  /** By which the gateway's assertions verify. */
  readonly assertionKey: KeyObject;
  readonly #miniflare: Miniflare;
  readonly #server: Server;
  readonly #folder: string;
  readonly #watchers = new Set<() => void>();
  #token = "";

  private constructor(
    miniflare: Miniflare,
    server: Server,
    folder: string,
    assertionKey: KeyObject,
    ports: { gateway: number; caller: number },
  ) {
    this.assertionKey = assertionKey;
    this.#miniflare = miniflare;
    this.#server = server;
    this.#folder = folder;
    this.gatewayPort = ports.gateway;
    this.callerPort = ports.caller;
  }

  /**
   * @param options.retries as the mesh does by default; else every call is one attempt
   * @param options.holdCalls with the variable `HOLD_CALLS`
   * @param options.bindings more of the gateway's
   * @param options.settings more of the mesh's
   * @param options.more services beside those three
   */
  static async start({
    retries = false,
    holdCalls = false,
    rules = "",
    bindings = {},
    settings = {},
    more = [],
  }: {
    readonly retries?: boolean;
    readonly holdCalls?: boolean;
    readonly rules?: string;
    readonly bindings?: Readonly<Record<string, CertificateBinding | MachineBinding>>;
    readonly settings?: object;
    readonly more?: readonly Endpoint[];
  } = {}): Promise<SendingMesh> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-sending-"));
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const secrets = {
      bootstrap: randomBytes(32).toString("base64url"),
      keyEncryption: randomBytes(32).toString("base64url"),
      snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    };
    const assertion = generateKeyPairSync("ed25519");
    const ASSERTION_KEY = JSON.stringify(assertion.privateKey.export({ format: "jwk" }));
    let mesh: SendingMesh | null = null;
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => mesh?.origin(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const ORIGIN = { external: { address: `127.0.0.1:${port}`, http: {} } };
    const gateway = await gatewayWorker(GATEWAY, publicKey.export({ format: "jwk" }).x ?? "");
    const socket = { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] };
    const module = (contents: string) => [{ type: "ESModule" as const, path: "index.js", contents }];
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
            bindings: { ...gateway.bindings, ASSERTION_KEY, ...(holdCalls && { HOLD_CALLS: "1" }) },
            serviceBindings: { ...gateway.serviceBindings, PRIVATE: ORIGIN, EP_WORKER: "service", ...bindings },
            outboundService: "internet",
            ...socket,
          },
          {
            name: "service",
            modules: module(SERVICE),
            compatibilityDate: COMPATIBILITY_DATE,
            compatibilityFlags: gateway.compatibilityFlags,
            serviceBindings: { ORIGIN },
          },
          {
            name: "internet",
            modules: module(INTERNET),
            compatibilityDate: COMPATIBILITY_DATE,
            compatibilityFlags: gateway.compatibilityFlags,
            serviceBindings: { ORIGIN },
          },
          {
            name: CALLER,
            modules: module(CALLING),
            compatibilityDate: COMPATIBILITY_DATE,
            compatibilityFlags: gateway.compatibilityFlags,
            serviceBindings: {
              MESH: {
                name: GATEWAY,
                entrypoint: "MeshEntrypoint",
                props: { namespace: "default", serviceAccount: "caller" },
              },
            },
            ...socket,
          },
          await stateWorker(),
          await controlWorker(secrets, "cluster.local", false),
        ],
      }),
    );
    await miniflare.ready;
    await migrate(miniflare);
    const portOf = async (worker: string) => Number((await miniflare.unsafeGetDirectURL(worker)).port);
    const ports = { gateway: await portOf(GATEWAY), caller: await portOf(CALLER) };
    mesh = new SendingMesh(miniflare, server, folder, assertion.publicKey, ports);
    await mesh.#apply(secrets.bootstrap, `${worldOf(retries, settings, [...ENDPOINTS, ...more])}${rules}`);
    return mesh;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Over HTTP; nothing is unpacked. Rejects where the transfer breaks off. */
  async get(url: string, { method = "GET", headers = {}, body }: Asked = {}): Promise<Got> {
    const { host, pathname, search } = new URL(url);
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: "127.0.0.1",
          port: this.gatewayPort,
          path: pathname + search,
          method,
          headers: { host, ...headers },
          agent: false,
          maxHeaderSize: 1 << 20,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
          );
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  /** By a Worker of the mesh. */
  async call(url: string, unpack = false): Promise<Got> {
    const worker = (await this.#miniflare.getWorker(CALLER)) as unknown as { fetch: typeof fetch };
    const answer = await worker.fetch("http://caller/", { method: "POST", body: JSON.stringify({ url, unpack }) });
    const headers = JSON.parse(answer.headers.get("x-headers") ?? "[]") as [string, string][];
    return {
      status: Number(answer.headers.get("x-status")),
      headers: Object.fromEntries(headers),
      body: Buffer.from(await answer.arrayBuffer()),
    };
  }

  /** Resolves with the access log's lines of this path as soon as there are `count`. */
  async logged(path: string, count = 1): Promise<readonly AccessRecord[]> {
    for (;;) {
      const lines = this.lines.filter((line) => line.path === path);
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

  /** As operators read them. */
  async metrics(): Promise<string> {
    const control = (await this.#miniflare.getWorker(CONTROL)) as unknown as { fetch: typeof fetch };
    const answer = await control.fetch("http://control/metrics", {
      headers: { authorization: `Bearer ${this.#token}` },
    });
    return answer.text();
  }

  async #apply(bootstrap: string, text: string): Promise<void> {
    const control = (await this.#miniflare.getWorker(CONTROL)) as unknown as { fetch: typeof fetch };
    const made = await control.fetch("http://control/api/v1/bootstrap", {
      method: "POST",
      headers: { authorization: `Bearer ${bootstrap}` },
    });
    const { token } = (await made.json()) as { token: string };
    this.#token = token;
    const answer = await control.fetch("http://control/api/v1/apply", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/yaml" },
      body: text,
    });
    if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${await answer.text()}`);
  }
}

interface Endpoint {
  readonly app: string;
  readonly address: string;
}

const ENDPOINTS: readonly Endpoint[] = [
  { app: "private", address: "10.77.0.1" },
  { app: "public", address: "https://origin.example.com" },
  { app: "worker", address: "binding:EP_WORKER" },
];

const worldOf = (retries: boolean, settings: object, endpoints: readonly Endpoint[]): string =>
  [
    {
      apiVersion: "tulle.dev/v1alpha1",
      kind: "MeshConfig",
      metadata: { name: "default", namespace: "istio-system" },
      spec: {
        egress: { allowedHosts: ["origin.example.com", "api.vendor.example"] },
        privateRanges: [{ range: "10.77.0.0/16", namespaces: ["default"] }],
        ...(!retries && { defaultHttpRetryPolicy: { attempts: 0 } }),
        ...settings,
      },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "Gateway",
      metadata: { name: "front" },
      spec: {
        selector: { istio: "front" },
        servers: [{ port: { number: 80, name: "http", protocol: "HTTP" }, hosts: ["*.test"] }],
      },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "vendor" },
      spec: {
        hosts: ["*.vendor.example"],
        resolution: "DYNAMIC_DNS",
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
      },
    },
    ...endpoints.flatMap(({ app, address }) => [
      {
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: app },
        spec: { selector: { app }, ports: [{ name: "http", port: 80 }] },
      },
      {
        apiVersion: "networking.istio.io/v1",
        kind: "WorkloadEntry",
        metadata: { name: app },
        spec: { address, labels: { app }, serviceAccount: app },
      },
      {
        apiVersion: "networking.istio.io/v1",
        kind: "VirtualService",
        metadata: { name: app },
        spec: {
          hosts: [`${app}.test`, app],
          gateways: ["front", "mesh"],
          http: [
            {
              match: [{ uri: { prefix: "/changed" } }],
              headers: { response: { set: { "x-changed": "yes" }, remove: ["x-removed"] } },
              route: [{ destination: { host: app } }],
            },
            {
              match: [{ uri: { prefix: "/timed" } }],
              timeout: "1s",
              route: [{ destination: { host: app } }],
            },
            { route: [{ destination: { host: app } }] },
          ],
        },
      },
    ]),
  ]
    .map((object) => JSON.stringify(object))
    .join("\n---\n");
