import { parse } from "smol-toml";
import { z } from "zod";

const Service = z.strictObject({
  binding: z.string(),
  service: z.string(),
  entrypoint: z.string(),
  props: z.record(z.string(), z.unknown()),
});

const Database = z.strictObject({
  binding: z.string(),
  database_name: z.string(),
  database_id: z.string(),
  migrations_dir: z.string(),
});

/** Strict: what the local mesh would not set up as an account does is refused when it is read, not left out. */
const Config = z.strictObject({
  name: z.string(),
  main: z.string(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()).default([]),
  /** On an account alone. */
  minify: z.boolean().default(false),
  /** With `minify` alone it matters. */
  keep_names: z.boolean().default(true),
  workers_dev: z.literal(false),
  preview_urls: z.literal(false),
  vars: z.record(z.string(), z.string()).default({}),
  services: z.array(Service).default([]),
  d1_databases: z.array(Database).default([]),
  durable_objects: z
    .strictObject({ bindings: z.array(z.strictObject({ name: z.string(), class_name: z.string() })) })
    .default({ bindings: [] }),
  migrations: z
    .array(z.strictObject({ tag: z.string(), new_sqlite_classes: z.array(z.string()).default([]) }))
    .default([]),
  observability: z.strictObject({ enabled: z.boolean() }),
});

/** A Worker's wrangler configuration; paths are relative to the project. */
export type WorkerConfig = Readonly<z.infer<typeof Config>>;

/** The one source of each Worker's configuration: what starts or deploys it reads it here. */
const FILES = {
  gateway: "wrangler.toml",
  control: "workers/control/wrangler.toml",
  state: "workers/state/wrangler.toml",
};

/**
 * @param read gives the text of a file by its path in the project
 * @throws where a file is no TOML, or holds what nobody here understands
 */
export function workerConfigs(read: (path: string) => string): Readonly<Record<keyof typeof FILES, WorkerConfig>> {
  const configOf = (file: string): WorkerConfig => {
    const config = Config.parse(parse(read(file)));
    // As wrangler does, paths are taken from the file's own folder.
    const inProject = (path: string) => new URL(path, `file:///${file}`).pathname.slice(1);
    return {
      ...config,
      main: inProject(config.main),
      d1_databases: config.d1_databases.map((each) => ({ ...each, migrations_dir: inProject(each.migrations_dir) })),
    };
  };
  return { gateway: configOf(FILES.gateway), control: configOf(FILES.control), state: configOf(FILES.state) };
}
