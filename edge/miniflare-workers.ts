import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Miniflare } from "miniflare";
import { moduleOf } from "./workers.ts";

const MIGRATIONS = join(import.meta.dirname, "../migrations");

export const COMPATIBILITY_DATE = "2026-10-20";
export const GATEWAY_FLAGS = [
  "enable_request_signal",
  "request_signal_passthrough",
  "global_fetch_strictly_public",
  "no_nodejs_compat",
];

/** Names of the mesh's own Workers, as on an account. */
export const CONTROL = "tulle-control";
export const STATE = "tulle-state";

export interface ControlSecrets {
  readonly bootstrap: string;
  readonly keyEncryption: string;
  /** Ed25519, PKCS#8, base64. */
  readonly snapshotPrivateKey: string;
}

/** The control Worker as `workers/control/wrangler.toml` configures it. */
export async function controlWorker(secrets: ControlSecrets, trustDomain: string, local: boolean) {
  return {
    name: CONTROL,
    modules: await moduleOf("workers/control/index.ts"),
    compatibilityDate: COMPATIBILITY_DATE,
    d1Databases: { DB: "tulle" },
    durableObjects: {
      HUB: { className: "Hub", useSQLite: true },
      AUTHORITY: { className: "Authority", useSQLite: true },
      TELEMETRY: { className: "Telemetry", useSQLite: true },
    },
    bindings: {
      TRUST_DOMAIN: trustDomain,
      BOOTSTRAP_SECRET: secrets.bootstrap,
      KEY_ENCRYPTION_SECRET: secrets.keyEncryption,
      SNAPSHOT_PRIVATE_KEY: secrets.snapshotPrivateKey,
      ...(local && { TULLE_LOCAL: "1" }),
    },
  };
}

/** The state Worker as `workers/state/wrangler.toml` configures it. */
export async function stateWorker() {
  return {
    name: STATE,
    modules: await moduleOf("workers/state/index.ts"),
    compatibilityDate: COMPATIBILITY_DATE,
    durableObjects: { CELL: { className: "Cell", useSQLite: true } },
    serviceBindings: { CONTROL: { name: CONTROL, entrypoint: "StateApi", props: { state: STATE } } },
  };
}

/** A gateway that fronts everything; its endpoints and its way to private ones are the caller's to add. */
export async function gatewayWorker(gateway: string, snapshotPublicKey: string) {
  return {
    name: gateway,
    modules: await moduleOf("workers/gateway/index.ts"),
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: GATEWAY_FLAGS,
    bindings: { GATEWAY_NAME: gateway, SNAPSHOT_KEYS: JSON.stringify([snapshotPublicKey]) },
    serviceBindings: {
      STATE: { name: STATE, entrypoint: "State", props: { gateway } },
      CONTROL: { name: CONTROL, entrypoint: "ConfigApi", props: { gateway, fronts: ["*"], gateways: ["*"] } },
    },
  };
}

/** Each migration once, remembered where `wrangler d1 migrations` remembers them. */
export async function migrate(miniflare: Miniflare): Promise<void> {
  const database = await miniflare.getD1Database("DB", CONTROL);
  await database
    .prepare(
      "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    )
    .run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all();
  const applied = new Set((results as { name: string }[]).map(({ name }) => name));
  const files = readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith(".sql") && !applied.has(name))
    .toSorted();
  for (const name of files) {
    const statements = readFileSync(join(MIGRATIONS, name), "utf8").split("--> statement-breakpoint");
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
  }
}
