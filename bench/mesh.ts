import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { COMPATIBILITY_DATE, controlWorker, gatewayWorker, migrate, stateWorker } from "../edge/miniflare-workers.ts";
import { moduleOf } from "../edge/workers.ts";
import type { AccessRecord } from "../src/telemetry/record.ts";
import { commandOf, processTree } from "./cpu.ts";

/** The contestants in one runtime, each on a socket of its own, with the mesh's real control and state beside them. */
export interface BenchMesh {
  readonly urls: { readonly bare: string; readonly "hono-jose": string; readonly gateway: string };
  /** The runtime's processes. */
  pids(): readonly number[];
  apply(text: string): Promise<void>;
  /** A sample of the gateway's access log: its last lines. */
  accessLog(): readonly AccessRecord[];
  stop(): Promise<void>;
}

/** Log lines kept to look at afterwards. */
const LOG_LINES = 20_000;

export async function startBenchMesh(options: {
  readonly originPort: number;
  readonly folder: string;
}): Promise<BenchMesh> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const secrets = {
    bootstrap: randomBytes(32).toString("base64url"),
    keyEncryption: randomBytes(32).toString("base64url"),
    snapshotPrivateKey: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
  };
  const gateway = await gatewayWorker("tulle-gateway", publicKey.export({ format: "jwk" }).x ?? "");
  const [controlPort, barePort, honoPort, gatewayPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const origin = { external: { address: `127.0.0.1:${options.originPort}`, http: {} } };
  const log: string[] = [];
  const socket = (port: number) => ({ unsafeDirectSockets: [{ host: "127.0.0.1", port }] });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      resourcePersistencePath: join(options.folder, "state"),
      handleStructuredLogs: ({ level, message }) => {
        log.push(message);
        if (log.length > 2 * LOG_LINES) log.splice(0, log.length - LOG_LINES);
        if (level === "error") process.stderr.write(`${message}\n`);
      },
      workers: [
        {
          name: "bare",
          modules: await moduleOf("bench/workers/bare.ts"),
          compatibilityDate: COMPATIBILITY_DATE,
          serviceBindings: { ORIGIN: origin },
          ...socket(barePort),
        },
        {
          name: "hono-jose",
          modules: await moduleOf("bench/workers/hono-jose.ts"),
          compatibilityDate: COMPATIBILITY_DATE,
          bindings: { JWKS_URL: `http://127.0.0.1:${options.originPort}/jwks.json` },
          serviceBindings: { ORIGIN: origin },
          ...socket(honoPort),
        },
        {
          ...gateway,
          bindings: { ...gateway.bindings, GATEWAY: "default/bench" },
          serviceBindings: {
            ...gateway.serviceBindings,
            PRIVATE: origin,
            EP_BOUND_V1: "bound",
            EP_BOUND_V2: "bound",
          },
          ...socket(gatewayPort),
        },
        { name: "bound", modules: await moduleOf("bench/workers/service.ts"), compatibilityDate: COMPATIBILITY_DATE },
        await stateWorker(),
        { ...(await controlWorker(secrets, "cluster.local", false)), ...socket(controlPort) },
      ],
    }),
  );
  await miniflare.ready;
  await migrate(miniflare);
  const control = `http://127.0.0.1:${controlPort}`;
  const token = await firstToken(control, secrets.bootstrap);
  return {
    urls: {
      bare: `http://127.0.0.1:${barePort}`,
      "hono-jose": `http://127.0.0.1:${honoPort}`,
      gateway: `http://127.0.0.1:${gatewayPort}`,
    },
    pids: () => processTree(process.pid).filter((pid) => commandOf(pid) === "workerd"),
    async apply(text) {
      const answer = await fetch(`${control}/api/v1/apply`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/yaml" },
        body: text,
      });
      if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${(await answer.text()).slice(0, 2_000)}`);
    },
    accessLog() {
      return log
        .slice(-LOG_LINES)
        .filter((line) => line.startsWith('{"event":"access"') && line.endsWith("}"))
        .map((line) => JSON.parse(line) as AccessRecord);
    },
    stop: () => miniflare.dispose(),
  };
}

async function firstToken(control: string, secret: string): Promise<string> {
  const answer = await fetch(`${control}/api/v1/bootstrap`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}` },
  });
  if (!answer.ok) throw new Error(`bootstrap: ${answer.status} ${await answer.text()}`);
  const { token } = (await answer.json()) as { token: string };
  return token;
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
