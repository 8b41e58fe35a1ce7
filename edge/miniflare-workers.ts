import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Miniflare } from "miniflare";
import { type WorkerConfig, workerConfigs } from "../src/deployment/worker-config.ts";
import { ROOT } from "../project/built.ts";
import { moduleOf } from "./workers.ts";

const CONFIGS = workerConfigs((path) => readFileSync(join(ROOT, path), "utf8"));

export const COMPATIBILITY_DATE = CONFIGS.gateway.compatibility_date;
export const GATEWAY_FLAGS = CONFIGS.gateway.compatibility_flags;

/** Names of the mesh's own Workers, as on an account. */
export const CONTROL = CONFIGS.control.name;
export const STATE = CONFIGS.state.name;

/** The state Worker's classes. */
export const STATE_OBJECTS = objectsOf(CONFIGS.state);

export interface ControlSecrets {
  readonly bootstrap: string;
  readonly keyEncryption: string;
  /** Ed25519, PKCS#8, base64. */
  readonly snapshotPrivateKey: string;
}

/** @param assertionKeys gateway to the public keys of its assertions */
export async function controlWorker(
  secrets: ControlSecrets,
  trustDomain: string,
  local: boolean,
  assertionKeys: Readonly<Record<string, readonly string[]>> = {},
) {
  const worker = await workerOf("control");
  return {
    ...worker,
    bindings: {
      ...worker.bindings,
      TRUST_DOMAIN: trustDomain,
      ASSERTION_KEYS: JSON.stringify(assertionKeys),
      BOOTSTRAP_SECRET: secrets.bootstrap,
      KEY_ENCRYPTION_SECRET: secrets.keyEncryption,
      SNAPSHOT_PRIVATE_KEY: secrets.snapshotPrivateKey,
      ...(local && { TULLE_LOCAL: "1" }),
    },
  };
}

export async function stateWorker() {
  return workerOf("state");
}

/** A gateway; its endpoints and its way to private ones are the caller's to add. */
export async function gatewayWorker(gateway: string, snapshotPublicKey: string, fronts: readonly string[] = ["*"]) {
  const { services } = CONFIGS.gateway;
  const worker = await workerOf("gateway", {
    ...CONFIGS.gateway,
    name: gateway,
    services: services.map((service) => ({
      ...service,
      props: { ...service.props, gateway, ...("fronts" in service.props && { fronts }) },
    })),
  });
  return {
    ...worker,
    bindings: { ...worker.bindings, GATEWAY_NAME: gateway, SNAPSHOT_KEYS: JSON.stringify([snapshotPublicKey]) },
  };
}

/** What a Worker's wrangler configuration says, as Miniflare takes it. */
async function workerOf(role: keyof typeof CONFIGS, config: WorkerConfig = CONFIGS[role]) {
  return {
    name: config.name,
    modules: await moduleOf(role),
    compatibilityDate: config.compatibility_date,
    compatibilityFlags: config.compatibility_flags,
    bindings: config.vars,
    d1Databases: Object.fromEntries(config.d1_databases.map((each) => [each.binding, each.database_name])),
    durableObjects: objectsOf(config),
    serviceBindings: Object.fromEntries(
      config.services.map(({ binding, service, entrypoint, props }) => [binding, { name: service, entrypoint, props }]),
    ),
  };
}

function objectsOf({ durable_objects: { bindings }, migrations }: WorkerConfig) {
  const sqlite = new Set(migrations.flatMap((migration) => migration.new_sqlite_classes));
  return Object.fromEntries(
    bindings.map(({ name, class_name: className }) => [name, { className, useSQLite: sqlite.has(className) }]),
  );
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
  const folder = join(ROOT, CONFIGS.control.d1_databases[0]?.migrations_dir ?? "");
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".sql") && !applied.has(name))
    .toSorted();
  for (const name of files) {
    const statements = readFileSync(join(folder, name), "utf8").split("--> statement-breakpoint");
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
  }
}
