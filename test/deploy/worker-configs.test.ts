import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import { plannedWorkers, writeConfig } from "../../cli/deploy/run.ts";
import { controlWorker, gatewayWorker, stateWorker } from "../../edge/miniflare-workers.ts";
import { workerConfigs } from "../../src/deployment/worker-config.ts";
import { runIn, shop } from "./support.ts";

const PROJECT = join(import.meta.dirname, "../..");
const FILES = {
  gateway: "wrangler.toml",
  control: "workers/control/wrangler.toml",
  state: "workers/state/wrangler.toml",
};
const SECRETS = { bootstrap: "b", keyEncryption: "k", snapshotPrivateKey: "s" };

interface Bound {
  readonly binding: string;
  readonly service: string;
  readonly props?: Readonly<Record<string, unknown>>;
}

const servicesOf = (config: { readonly services?: unknown }) => (config.services ?? []) as readonly Bound[];

/** What every Worker has that runs the same code: not its names, variables and bindings. */
const surroundings = (config: ReturnType<typeof unstable_readConfig>) => ({
  date: config.compatibility_date,
  flags: config.compatibility_flags,
  objects: config.durable_objects,
  migrations: config.migrations,
  open: [config.workers_dev, config.preview_urls],
  observed: config.observability,
  minify: config.minify ?? false,
  keepNames: config.keep_names ?? true,
});

describe("the local mesh", () => {
  it.each([
    { role: "gateway" as const, worker: async () => gatewayWorker("gateway", "key") },
    { role: "control" as const, worker: async () => controlWorker(SECRETS, "cluster.local", false) },
    { role: "state" as const, worker: stateWorker },
  ])("runs $role as wrangler itself reads its configuration", async ({ role, worker }) => {
    const made = await worker();
    const read = unstable_getMiniflareWorkerOptions(join(PROJECT, FILES[role])).workerOptions;
    expect(made.durableObjects).toEqual(read.durableObjects ?? {});
    expect(made.serviceBindings).toEqual(read.serviceBindings);
    expect(made.compatibilityDate).toBe(read.compatibilityDate);
    expect(made.compatibilityFlags).toEqual(read.compatibilityFlags);
    expect(Object.keys(made.d1Databases)).toEqual(Object.keys(read.d1Databases ?? {}));
    expect(Object.keys(made.bindings)).toEqual(expect.arrayContaining(Object.keys(read.bindings ?? {})));
  });
});

describe("tulle deploy", () => {
  it.each([
    { role: "gateway" as const, worker: "shop-gateway" },
    { role: "control" as const, worker: "shop-control" },
    { role: "state" as const, worker: "shop-state" },
  ])("deploys $role as its configuration says", async ({ role, worker }) => {
    const source = unstable_readConfig({ config: join(PROJECT, FILES[role]) });
    const run = await runIn(shop());
    const planned = plannedWorkers(run).find(({ name }) => name === worker)!;
    const config = unstable_readConfig({ config: writeConfig(run, planned) });
    expect(surroundings(config)).toEqual(surroundings(source));
    expect(config.main).toBe(source.main);
    expect(Object.keys(config.vars)).toEqual(expect.arrayContaining(Object.keys(source.vars)));
    // What only the local mesh may do hangs on it.
    expect(config.vars).not.toHaveProperty("TULLE_LOCAL");
    const own = servicesOf(config).filter(({ binding }) => !binding.startsWith("EP_"));
    const shape = ({ props, ...rest }: Bound) => ({ ...rest, props: Object.keys(props ?? {}) });
    const renamed = (bound: Bound) => ({ ...bound, service: bound.service.replace("tulle-", "shop-") });
    expect(own.map(shape)).toEqual(servicesOf(source).map(renamed).map(shape));
  });
});

describe("a Worker's configuration", () => {
  const text = (file: string) => readFileSync(join(PROJECT, file), "utf8");

  it.each([
    { name: "a section that the local mesh would leave out", add: '\n[[kv_namespaces]]\nbinding = "KV"\nid = "1"\n' },
    { name: "a field that is misspelt", add: "\n[observabilty]\nenabled = true\n" },
  ])("is refused with $name", ({ add }) => {
    expect(() => workerConfigs((file) => text(file) + (file === FILES.state ? add : ""))).toThrow(/Unrecognized key/);
  });

  it("is refused with a public way in", () => {
    const open = (file: string) => text(file).replace("workers_dev = false", "workers_dev = true");
    expect(() => workerConfigs(open)).toThrow(/workers_dev/);
  });

  it("is repeated nowhere", () => {
    const { gateway } = workerConfigs(text);
    const facts = [gateway.compatibility_date, ...gateway.compatibility_flags];
    const sources = ["src", "workers", "edge", "cli", "bench", "examples"]
      .flatMap((top) =>
        readdirSync(join(PROJECT, top), { recursive: true, encoding: "utf8" }).map((file) => `${top}/${file}`),
      )
      .filter((file) => /\.(ts|mjs|json)$/.test(file));
    expect(sources.filter((file) => facts.some((fact) => text(file).includes(`"${fact}"`)))).toEqual([]);
  });
});
