import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { CONTROL, controlWorker, gatewayWorker, migrate, stateWorker } from "../../edge/miniflare-workers.ts";
import { TestAuthority } from "../identity/svids.ts";
import { authorityKey } from "../support/authority-key.ts";
import { until } from "../support/until.ts";
import { marker } from "./worlds.ts";

/** One request as the echo service saw it. */
export interface Hit {
  readonly host: string;
  readonly target: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Latin-1, whole once the answer is there. */
  body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** The mesh that attacks are tried on: control, state and a gateway as deployed, an echo service behind it, an issuer. */
export class AttackedMesh {
  readonly hits: Hit[] = [];
  readonly fetched: string[] = [];
  readonly authority: TestAuthority;
  readonly #miniflare: Miniflare;
  readonly #echo: Server;
  readonly #folder: string;
  readonly #gatewayPort: number;
  #token = "";
  #markers = 0;

  private constructor(
    miniflare: Miniflare,
    echo: Server,
    folder: string,
    gatewayPort: number,
    authority: TestAuthority,
  ) {
    this.#miniflare = miniflare;
    this.#echo = echo;
    this.#folder = folder;
    this.#gatewayPort = gatewayPort;
    this.authority = authority;
  }

  /** @param jwks what the issuer answers */
  static async start(jwks: unknown): Promise<AttackedMesh> {
    const folder = mkdtempSync(join(tmpdir(), "tulle-attacks-"));
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const secrets = {
      bootstrap: randomBytes(32).toString("base64url"),
      keyEncryption: randomBytes(32).toString("base64url"),
      snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
    };
    let mesh: AttackedMesh | null = null;
    const echo = createServer((request, response) => {
      const hit: Hit = {
        host: request.headers.host ?? "",
        target: request.url ?? "",
        method: request.method ?? "",
        headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
        body: "",
      };
      mesh?.hits.push(hit);
      request.setEncoding("latin1").on("data", (part: string) => (hit.body += part));
      // What a cache may keep, a later caller without the identity must not get.
      response.setHeader("cache-control", "public, max-age=60");
      if (request.url === "/redir") response.writeHead(302, { location: "https://evil.test/" });
      if (request.url === "/resp-headers")
        response.writeHead(200, {
          "keep-alive": "timeout=5",
          "x-mesh-identity": "x",
          "x-envoy-upstream-service-time": "1",
        });
      request.on("end", () => response.end("ok"));
    });
    await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
    const { port } = echo.address() as { port: number };
    const gateway = await gatewayWorker("gateway", publicKey.export({ format: "jwk" }).x ?? "");
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        host: "127.0.0.1",
        port: 0,
        cf: false,
        resourcePersistencePath: folder,
        handleStructuredLogs: () => undefined,
        workers: [
          {
            ...gateway,
            serviceBindings: {
              ...gateway.serviceBindings,
              PRIVATE: { external: { address: `127.0.0.1:${port}`, http: {} } },
            },
            outboundService: (request: Request) => {
              mesh?.fetched.push(request.url);
              return Response.json(jwks);
            },
            unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
          },
          await stateWorker(),
          await controlWorker(secrets, "mesh.example", false),
        ],
      }),
    );
    await miniflare.ready;
    await migrate(miniflare);
    const call = (await miniflare.getWorker(CONTROL)) as unknown as { fetch: typeof fetch };
    const bundle = await (await call.fetch("http://control/api/v1/bundle")).text();
    const authority = await TestAuthority.of(bundle, await authorityKey(folder, secrets.keyEncryption));
    const gatewayPort = Number((await miniflare.unsafeGetDirectURL("gateway")).port);
    mesh = new AttackedMesh(miniflare, echo, folder, gatewayPort, authority);
    const made = await call.fetch("http://control/api/v1/bootstrap", {
      method: "POST",
      headers: { authorization: `Bearer ${secrets.bootstrap}` },
    });
    mesh.#token = ((await made.json()) as { token: string }).token;
    return mesh;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
    this.#echo.closeAllConnections();
    this.#echo.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async apply(text: string, dryRun = false): Promise<{ readonly status: number; readonly text: string }> {
    const worker = (await this.#miniflare.getWorker(CONTROL)) as unknown as { fetch: typeof fetch };
    const answer = await worker.fetch(`http://control/api/v1/apply${dryRun ? "?dryRun=All" : ""}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/yaml" },
      body: text,
    });
    return { status: answer.status, text: await answer.text() };
  }

  /**
   * Sends bytes as they are (Latin-1) and reads the head of one answer. A connection that is closed without one is a 400.
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
        resolve(head(answer));
      };
      const timer = setTimeout(() => {
        socket.destroy();
        reject(new Error(`no answer within ${patienceMs} ms: ${raw.slice(0, 200)}`));
      }, patienceMs);
      socket.on("data", (data: Buffer) => {
        answer += data.toString("latin1");
        if (answer.includes("\r\n\r\n")) done();
      });
      socket.on("error", done);
      socket.on("close", done);
    });
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

function head(answer: string): Reply {
  const [first = "", ...fields] = (answer.split("\r\n\r\n", 1)[0] ?? "").split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 400);
  const headers = fields
    .map((line) => line.split(/: ?(.*)/s))
    .map(([name = "", value = ""]) => [name.toLowerCase(), value]);
  return { status, headers: Object.fromEntries(headers) as Record<string, string> };
}
