import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { CONTROL, controlWorker, gatewayWorker, migrate, stateWorker } from "../../edge/miniflare-workers.ts";
import { TestAuthority } from "../identity/svids.ts";
import { authorityKey } from "../support/authority-key.ts";
import { until } from "../support/until.ts";
import { Echo } from "./echo.ts";
import { Outside } from "./outside.ts";
import type { AttackIssuer } from "./tokens.ts";
import { marker } from "./worlds.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request by service binding: its caller chooses each of these. */
export interface BindingCall {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly cf: Readonly<Record<string, unknown>>;
}

/** Another Worker of the account, which calls the gateway by a service binding and says all that such a caller can. */
const OUTSIDER = `export default {
  async fetch(request, { GATEWAY }) {
    const { url, ...init } = await request.json();
    return GATEWAY.fetch(url, { ...init, redirect: "manual" });
  },
};`;

type Workers = Extract<Parameters<typeof convertV4MiniflareOptions>[0], { workers: unknown }>["workers"];

interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** The mesh that attacks are tried on: control, state and a gateway as deployed, with an echo service behind it. */
export class AttackedMesh {
  /** What the gateway and control print. */
  readonly lines: string[] = [];
  readonly echo: Echo;
  readonly outside: Outside;
  readonly #miniflare: Miniflare;
  readonly #folder: string;
  #authority: TestAuthority | null = null;
  #gatewayPort = 0;
  #token = "";
  #markers = 0;

  private constructor(echo: Echo, outside: Outside, folder: string, workers: Workers) {
    this.echo = echo;
    this.outside = outside;
    this.#folder = folder;
    this.#miniflare = new Miniflare(
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

  static async start(issuer: AttackIssuer): Promise<AttackedMesh> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-attacks-"));
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const secrets = {
      bootstrap: randomBytes(32).toString("base64url"),
      keyEncryption: randomBytes(32).toString("base64url"),
      snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    };
    const [echo, outside] = [await Echo.start(), new Outside(issuer)];
    const gateway = await gatewayWorker("gateway", publicKey.export({ format: "jwk" }).x ?? "");
    const workers = [
      {
        ...gateway,
        serviceBindings: { ...gateway.serviceBindings, PRIVATE: { external: { address: echo.address, http: {} } } },
        outboundService: ({ url }: { readonly url: string }) => outside.answer(url),
        unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      },
      await stateWorker(),
      await controlWorker(secrets, "mesh.example", false),
      { name: "outsider", modules: true, script: OUTSIDER, serviceBindings: { GATEWAY: "gateway" } },
    ];
    const mesh = new AttackedMesh(echo, outside, folder, workers);
    await mesh.#bootstrap(secrets);
    return mesh;
  }

  async #bootstrap(secrets: { readonly bootstrap: string; readonly keyEncryption: string }): Promise<void> {
    await this.#miniflare.ready;
    await migrate(this.#miniflare);
    const control = await this.#worker(CONTROL);
    const bundle = await (await control.fetch("http://control/api/v1/bundle")).text();
    this.#authority = await TestAuthority.of(bundle, await authorityKey(this.#folder, secrets.keyEncryption));
    this.#gatewayPort = Number((await this.#miniflare.unsafeGetDirectURL("gateway")).port);
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

  async apply(text: string, dryRun = false): Promise<{ readonly status: number; readonly text: string }> {
    const control = await this.#worker(CONTROL);
    const answer = await control.fetch(`http://control/api/v1/apply${dryRun ? "?dryRun=All" : ""}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/yaml" },
      body: text,
    });
    return { status: answer.status, text: await answer.text() };
  }

  /**
   * Sends bytes as they are (Latin-1) and reads one answer. A connection that is closed without one is a 400.
   *
   * @throws if nothing comes within `patienceMs`
   */
  async send(raw: string, patienceMs: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      let answer = "";
      const socket = connect(this.#gatewayPort, "127.0.0.1", () => socket.write(Buffer.from(raw, "latin1")));
      const done = (): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(parsed(answer));
      };
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`no answer within ${patienceMs} ms: ${raw.slice(0, 200)}`));
      }, patienceMs);
      socket.on("data", (data: Buffer) => {
        answer += data.toString("latin1");
        if (isWhole(answer)) done();
      });
      socket.on("error", done);
      socket.on("close", done);
    });
  }

  async sendByBinding(call: BindingCall): Promise<Reply> {
    const outsider = await this.#worker("outsider");
    const answer = await outsider.fetch("http://outsider/", { method: "POST", body: JSON.stringify(call) });
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.text() };
  }

  /** Waits until the gateway has all that was applied so far. */
  async settled(): Promise<void> {
    this.#markers += 1;
    const { host, text } = marker(this.#markers);
    const answer = await this.apply(text);
    if (answer.status !== 200) throw new Error(`the marker: ${answer.status} ${answer.text}`);
    const request = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await until(`the gateway to serve ${host}`, async () => (await this.send(request, 10_000)).status === 200);
  }
}

/** With the length that it announces, or with none. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const { status, headers, body } = parsed(answer);
  if (status === 101 || status === 204 || status === 304) return true;
  if (headers["transfer-encoding"] !== undefined) return answer.endsWith("0\r\n\r\n");
  return body.length >= Number(headers["content-length"] ?? Number.POSITIVE_INFINITY);
}

function parsed(answer: string): Reply {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const [first = "", ...fields] = head.split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 400);
  const headers = fields
    .map((line) => line.split(/: ?(.*)/s))
    .map(([name = "", value = ""]) => [name.toLowerCase(), value]);
  return {
    status,
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: rest.join("\r\n\r\n"),
  };
}
