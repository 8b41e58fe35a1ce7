import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import type { Layout } from "./layout.ts";
import { forgetRegistered } from "./runtime.ts";
import type { Secrets } from "./secrets.ts";
import { COMPATIBILITY_DATE, moduleOf } from "./workers.ts";

const MIGRATIONS = join(import.meta.dirname, "../migrations");
const CONTROL = "tulle-control";
const TRUST_DOMAIN = "cluster.local";

/** Control in a runtime of its own, so that it can be stopped alone. */
export async function startControl(
  layout: Layout,
  secrets: Secrets,
  onLine: (line: { level: string; message: string }) => void,
): Promise<{ stop(): Promise<void> }> {
  mkdirSync(layout.registry, { recursive: true });
  forgetRegistered(layout.registry, [CONTROL]);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      resourcePersistencePath: layout.controlState,
      unsafeDevRegistryPath: layout.registry,
      handleStructuredLogs: onLine,
      workers: [
        {
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
            TRUST_DOMAIN,
            TULLE_LOCAL: "1",
            BOOTSTRAP_SECRET: secrets.bootstrap,
            KEY_ENCRYPTION_SECRET: secrets.keyEncryption,
            SNAPSHOT_PRIVATE_KEY: secrets.snapshotPrivateKey,
          },
          unsafeDirectSockets: [{ host: "127.0.0.1", port: layout.ports.controlDirect }],
        },
      ],
    }),
  );
  await miniflare.ready;
  await migrate(miniflare);
  return { stop: () => miniflare.dispose() };
}

/** Each migration once, remembered where `wrangler d1 migrations` remembers them. */
async function migrate(miniflare: Miniflare): Promise<void> {
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
