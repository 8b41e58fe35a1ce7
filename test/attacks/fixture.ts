import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, type Miniflare } from "miniflare";
import { CONTROL, controlWorker, gatewayWorker, migrate, stateWorker } from "../../edge/miniflare-workers.ts";
import { EDGE_HEADER } from "../../src/request/edge-proof.ts";
import type { SignedRoot } from "../../src/snapshot/model.ts";
import { TestAuthority } from "../identity/svids.ts";
import { authorityKey } from "../support/authority-key.ts";
import { until } from "../support/until.ts";
import { Runtime } from "../support/runtime.ts";
import type { Header } from "./corpus.ts";
import { Echo } from "./echo.ts";
import { Outside } from "./outside.ts";
import { type Reply, sendRaw } from "./raw-answer.ts";
import { CLOCK_SETTER, CLOCKED, FORGED, FORGER, OUTSIDER, standIns } from "./stand-ins.ts";
import { AttackIssuer } from "./tokens.ts";
import { marker } from "./worlds.ts";

/** A request by service binding: its caller chooses each of these. */
export interface BindingCall {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly Header[];
  readonly body?: string;
  readonly cf: Readonly<Record<string, unknown>>;
}

type Workers = Extract<Parameters<typeof convertV4MiniflareOptions>[0], { workers: unknown }>["workers"];

interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

interface Asked {
  readonly url: string;
  readonly headers: Iterable<readonly [string, string]>;
}

/** What control answers. */
export interface Told {
  readonly status: number;
  readonly text: string;
}

interface Secrets {
  readonly bootstrap: string;
  readonly keyEncryption: string;
  readonly snapshotPrivateKey: string;
}

/** By which the deployed gateways tell the platform's edge, for which this runner stands, from another Worker. */
const EDGE_SECRET = randomBytes(32).toString("base64url");
export const EDGE_PROOF = `${EDGE_HEADER}: ${EDGE_SECRET}`;

/** The gateways that cases are tried on. */
export type GatewayName = "gateway" | typeof CLOCKED | typeof FORGED;

const GATEWAYS: readonly GatewayName[] = ["gateway", CLOCKED, FORGED];

/** The mesh that attacks are tried on: control, state and gateways as deployed, with an echo service behind them. */
export class AttackedMesh {
  /** What the gateways and control print. */
  readonly lines: string[] = [];
  readonly echo: Echo;
  readonly outside: Outside;
  readonly issuer: AttackIssuer;
  /** Signs roots, PKCS#8 in base64. */
  readonly snapshotKey: string;
  readonly #miniflare: Miniflare;
  readonly #folder: string;
  readonly #ports = new Map<GatewayName, number>();
  #authority: TestAuthority | null = null;
  #token = "";
  #markers = 0;
  #aheadMs = 0;

  private constructor(
    echo: Echo,
    outside: Outside,
    issuer: AttackIssuer,
    folder: string,
    workers: Workers,
    key: string,
  ) {
    this.echo = echo;
    this.outside = outside;
    this.issuer = issuer;
    this.snapshotKey = key;
    this.#folder = folder;
    this.#miniflare = new Runtime(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        cf: false,
        resourcePersistencePath: folder,
        handleStructuredLogs: ({ message }: { readonly message: string }) => this.lines.push(message),
        workers,
      }),
    );
  }

  static async start(): Promise<AttackedMesh> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-attacks-"));
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const secrets = {
      bootstrap: randomBytes(32).toString("base64url"),
      keyEncryption: randomBytes(32).toString("base64url"),
      snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    };
    const mesh: { current: AttackedMesh | null } = { current: null };
    const issuer = new AttackIssuer(() => mesh.current?.now() ?? Date.now());
    const [echo, outside] = [await Echo.start(), new Outside(issuer)];
    const gatewayOf = async (name: GatewayName) => {
      const gateway = await gatewayWorker(name, publicKey.export({ format: "jwk" }).x ?? "");
      return {
        ...gateway,
        bindings: { ...gateway.bindings, EDGE_SECRET },
        serviceBindings: { ...gateway.serviceBindings, PRIVATE: { external: { address: echo.address, http: {} } } },
        outboundService: async ({ url, headers }: Asked) => outside.answer(url, headers),
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      };
    };
    const workers = [
      await gatewayOf("gateway"),
      await stateWorker(),
      {
        ...(await controlWorker(secrets, "mesh.example", false)),
        outboundService: async ({ url, headers }: Asked) => outside.answer(url, headers),
      },
      ...standIns({ clocked: await gatewayOf(CLOCKED), forged: await gatewayOf(FORGED) }),
    ];
    mesh.current = new AttackedMesh(echo, outside, issuer, folder, workers, secrets.snapshotPrivateKey);
    await mesh.current.#bootstrap(secrets);
    return mesh.current;
  }

  async #bootstrap(secrets: Secrets): Promise<void> {
    await this.#miniflare.ready;
    await migrate(this.#miniflare);
    const control = await this.#worker(CONTROL);
    // At the first call it makes what it signs with.
    await (await control.fetch("http://control/api/v1/bundle")).text();
    const { certificate, key } = await authorityKey(this.#folder, secrets.keyEncryption);
    this.#authority = await TestAuthority.of(certificate, key);
    for (const name of GATEWAYS) {
      const { port } = await this.#miniflare.unsafeGetDirectURL(name);
      this.#ports.set(name, Number(port));
    }
    const headers = { authorization: `Bearer ${secrets.bootstrap}` };
    const made = await control.fetch("http://control/api/v1/bootstrap", { method: "POST", headers });
    this.#token = ((await made.json()) as { token: string }).token;
  }

  get authority(): TestAuthority {
    if (this.#authority === null) throw new Error("the mesh has not started");
    return this.#authority;
  }

  async #worker(name: string): Promise<Fetcher> {
    return (await this.#miniflare.getWorker(name)) as unknown as Fetcher;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    this.echo.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A call to control with the administrator's token. */
  async control(method: string, path: string, body?: string, type = "application/yaml"): Promise<Told> {
    const control = await this.#worker(CONTROL);
    const answer = await control.fetch(`http://control${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "content-type": type },
      ...(body !== undefined && { body }),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async apply(text: string): Promise<Told> {
    return this.control("POST", "/api/v1/apply", text);
  }

  /** The series of the whole mesh, as Prometheus reads them. */
  async metrics(): Promise<string> {
    return (await this.control("GET", "/metrics")).text;
  }

  async send(bytes: Buffer, patienceMs: number, gateway: GatewayName = "gateway"): Promise<Reply> {
    return sendRaw(this.portOf(gateway), bytes, patienceMs);
  }

  portOf(gateway: GatewayName): number {
    const port = this.#ports.get(gateway);
    if (port === undefined) throw new Error("the mesh has not started");
    return port;
  }

  async sendByBinding(call: BindingCall): Promise<Reply> {
    const startedAt = performance.now();
    const outsider = await this.#worker(OUTSIDER);
    const answer = await outsider.fetch("http://outsider/", { method: "POST", body: JSON.stringify(call) });
    return {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      body: await answer.text(),
      ms: performance.now() - startedAt,
    };
  }

  /** Epoch ms by the clock that tokens and certificates are made by. */
  now(): number {
    return Date.now() + this.#aheadMs;
  }

  /** Puts the clock of the gateway `clocked`, and of the issuer, ahead of the world's. */
  async setClock(aheadMs: number): Promise<void> {
    this.#aheadMs = aheadMs;
    const setter = await this.#worker(CLOCK_SETTER);
    await (await setter.fetch(`http://clock/?ahead=${aheadMs}`)).text();
  }

  /** The issuer's clock, and everybody's, is the world's again. */
  async resetClock(): Promise<void> {
    if (this.#aheadMs !== 0) await this.setClock(0);
  }

  /** The roots that came down to the gateway `forged`, in order. */
  async roots(): Promise<readonly SignedRoot[]> {
    const forger = await this.#worker(FORGER);
    return (await (await forger.fetch("http://forger/")).json()) as readonly SignedRoot[];
  }

  /** What comes down to the gateway `forged` from now on, in place of what the state Worker says; null: nothing. */
  async forge(forgery: object | null): Promise<void> {
    const forger = await this.#worker(FORGER);
    await (await forger.fetch("http://forger/", { method: "POST", body: JSON.stringify(forgery) })).text();
  }

  /** Waits until the gateway has all that was applied so far. */
  async settled(gateway: GatewayName = "gateway"): Promise<void> {
    this.#markers += 1;
    const { host, text } = marker(this.#markers);
    const answer = await this.apply(text);
    if (answer.status !== 200) throw new Error(`the marker: ${answer.status} ${answer.text}`);
    const request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    // Refused it is served too: a case may close everything.
    const isServed = ({ status }: Reply): boolean => status === 200 || status === 403;
    await until(`${gateway} to serve ${host}`, async () => isServed(await this.send(request, 10_000, gateway)));
  }
}
