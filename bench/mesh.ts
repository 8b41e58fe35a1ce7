import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { bundleWorker } from "../edge/bundle.ts";
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

const PROJECT = join(import.meta.dirname, "..");
const DATE = "2026-10-20";
const FLAGS = ["enable_request_signal", "request_signal_passthrough", "global_fetch_strictly_public"];
/** Log lines kept to look at afterwards. */
const LOG_LINES = 20_000;

export async function startBenchMesh(options: {
  readonly originPort: number;
  readonly folder: string;
}): Promise<BenchMesh> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const bootstrap = randomBytes(32).toString("base64url");
  const [controlPort, barePort, honoPort, gatewayPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  const origin = { external: { address: `127.0.0.1:${options.originPort}`, http: {} } };
  const log: string[] = [];
  const worker = async (entry: string) => [
    { type: "ESModule" as const, path: "index.js", contents: await bundleWorker(join(PROJECT, entry)) },
  ];
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
          modules: await worker("bench/workers/bare.ts"),
          compatibilityDate: DATE,
          serviceBindings: { ORIGIN: origin },
          ...socket(barePort),
        },
        {
          name: "hono-jose",
          modules: await worker("bench/workers/hono-jose.ts"),
          compatibilityDate: DATE,
          bindings: { JWKS_URL: `http://127.0.0.1:${options.originPort}/jwks.json` },
          serviceBindings: { ORIGIN: origin },
          ...socket(honoPort),
        },
        {
          name: "tulle-gateway",
          modules: await worker("workers/gateway/index.ts"),
          compatibilityDate: DATE,
          compatibilityFlags: FLAGS,
          bindings: {
            GATEWAY_NAME: "bench",
            GATEWAY: "default/bench",
            SNAPSHOT_KEYS: JSON.stringify([publicKey.export({ format: "jwk" }).x]),
          },
          serviceBindings: {
            STATE: { name: "tulle-state", entrypoint: "State", props: { gateway: "bench" } },
            CONTROL: {
              name: "tulle-control",
              entrypoint: "ConfigApi",
              props: { gateway: "bench", fronts: ["*"], gateways: ["*"] },
            },
            PRIVATE: origin,
            EP_BOUND_V1: "bound",
            EP_BOUND_V2: "bound",
          },
          ...socket(gatewayPort),
        },
        { name: "bound", modules: await worker("bench/workers/service.ts"), compatibilityDate: DATE },
        {
          name: "tulle-state",
          modules: await worker("workers/state/index.ts"),
          compatibilityDate: DATE,
          durableObjects: { CELL: { className: "Cell", useSQLite: true } },
          serviceBindings: {
            CONTROL: { name: "tulle-control", entrypoint: "StateApi", props: { state: "tulle-state" } },
          },
        },
        {
          name: "tulle-control",
          modules: await worker("workers/control/index.ts"),
          compatibilityDate: DATE,
          d1Databases: { DB: "tulle" },
          durableObjects: {
            HUB: { className: "Hub", useSQLite: true },
            AUTHORITY: { className: "Authority", useSQLite: true },
            TELEMETRY: { className: "Telemetry", useSQLite: true },
          },
          bindings: {
            TRUST_DOMAIN: "cluster.local",
            BOOTSTRAP_SECRET: bootstrap,
            KEY_ENCRYPTION_SECRET: randomBytes(32).toString("base64url"),
            SNAPSHOT_PRIVATE_KEY: privateKey.export({ format: "der", type: "pkcs8" }).toString("base64"),
          },
          ...socket(controlPort),
        },
      ],
    }),
  );
  await miniflare.ready;
  await migrate(miniflare);
  const control = `http://127.0.0.1:${controlPort}`;
  const token = await firstToken(control, bootstrap);
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

async function migrate(miniflare: Miniflare): Promise<void> {
  const database = await miniflare.getD1Database("DB", "tulle-control");
  const folder = join(PROJECT, "migrations");
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .toSorted()) {
    const statements = readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint");
    await database.batch(statements.map((statement) => database.prepare(statement)));
  }
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
