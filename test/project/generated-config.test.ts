import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { unstable_readConfig } from "wrangler";
import { generatedConfig, writeGeneratedConfig } from "../../project/generated-config.ts";
import { ProjectError } from "../../project/mesh-file.ts";
import { readProject, type WorkerConfiguration } from "../../project/read-project.ts";

const folders: string[] = [];

function folder(files: Readonly<Record<string, string>>): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), "tulle-generated-")));
  folders.push(made);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made, name)), { recursive: true });
    writeFileSync(join(made, name), text);
  }
  return made;
}

afterEach(() => {
  vi.restoreAllMocks();
  for (const made of folders.splice(0)) rmSync(made, { recursive: true });
});

interface Settings {
  readonly calls?: readonly string[];
  readonly main?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** A mesh of `web`, configured like this, and `orders`. */
async function web(config: object, { calls = [], main = "export default {};", files = {} }: Settings = {}) {
  const orders = { versions: { v1: { config: "orders/wrangler.json" } } };
  const services = { web: { calls, versions: { v1: { config: "web/wrangler.json" } } }, orders };
  const made = folder({
    "tulle.jsonc": JSON.stringify({ mesh: "shop", namespaces: { default: { services } } }),
    "web/wrangler.json": JSON.stringify({
      name: "web",
      main: "src/index.ts",
      compatibility_date: "2026-10-01",
      ...config,
    }),
    "web/src/index.ts": main,
    "orders/wrangler.json": JSON.stringify({ name: "orders", main: "index.ts", compatibility_date: "2026-10-01" }),
    "orders/index.ts": "export default {};",
    ...files,
  });
  const { configs } = await readProject({ from: made });
  return { made, source: configs.get("web")!, output: join(made, ".tulle/dev") };
}

/** Writes it and has wrangler read it; there is nothing that it does not know. */
function readBack(source: WorkerConfiguration, output: string, keepsPublicRoutes = false) {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const path = writeGeneratedConfig(source, { folder: output, keepsPublicRoutes });
  const read = unstable_readConfig({ config: path });
  expect(warn.mock.calls).toEqual([]);
  return read;
}

const EVERYWHERE = {
  tsconfig: "./tsconfig.worker.json",
  base_dir: "./src",
  rules: [{ type: "Text", globs: ["**/*.md"], fallthrough: true }],
  build: { command: "make", cwd: "tools", watch_dir: ["src", "shared"] },
  assets: { directory: "./public", binding: "ASSETS" },
  site: { bucket: "./site" },
  alias: { "shop/clock": "./src/clock.ts", shapes: "shapes-of-web" },
  wasm_modules: { SUM: "lib/sum.wasm" },
  text_blobs: { TERMS: "terms.txt" },
  data_blobs: { LOGO: "logo.png" },
  d1_databases: [
    { binding: "DB", database_name: "shop", database_id: "1", migrations_dir: "sql", migrations_pattern: "sql/*.sql" },
    { binding: "LOGS", database_name: "logs", database_id: "2" },
  ],
  containers: [{ class_name: "Box", image: "./Dockerfile", name: "box" }],
  durable_objects: { bindings: [{ name: "BOX", class_name: "Box" }] },
  migrations: [{ tag: "v1", new_sqlite_classes: ["Box"] }],
};

describe("a generated configuration", () => {
  it("names every file of the user's from another folder", async () => {
    const { made, source, output } = await web(EVERYWHERE, {
      files: {
        "web/Dockerfile": "FROM scratch",
        "web/node_modules/shapes-of-web/package.json": '{ "name": "shapes-of-web", "main": "shapes.js" }',
        "web/node_modules/shapes-of-web/shapes.js": "",
      },
    });
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const path = writeGeneratedConfig(source, { folder: output, keepsPublicRoutes: false });
    const read = unstable_readConfig({ config: path }, { hideWarnings: true });
    const at = (name: string) => join(made, "web", name);
    // As wrangler takes them: from the working directory.
    const files = (names: Record<string, string> = {}) => Object.values(names).map((name) => resolve(name));
    expect(read.main).toBe(at("src/index.ts"));
    expect(read.base_dir).toBe(at("src"));
    // Whoever runs wrangler tells it.
    expect([read.tsconfig, source.config.tsconfig]).toEqual([undefined, at("tsconfig.worker.json")]);
    expect(read.build.cwd).toBe(at("tools"));
    expect((read.build.watch_dir as string[]).map((dir) => resolve(dir))).toEqual([at("src"), at("shared")]);
    expect(read.assets?.directory).toBe(at("public"));
    expect(resolve(output, read.site!.bucket)).toBe(at("site"));
    expect(read.alias).toEqual({
      "shop/clock": at("src/clock.ts"),
      shapes: at("node_modules/shapes-of-web/shapes.js"),
    });
    expect(files(read.wasm_modules)).toEqual([at("lib/sum.wasm")]);
    expect(files(read.text_blobs)).toEqual([at("terms.txt")]);
    expect(files(read.data_blobs)).toEqual([at("logo.png")]);
    expect(
      (read.d1_databases as readonly Record<string, string>[]).map((each) => [
        each["migrations_dir"],
        each["migrations_pattern"],
      ]),
    ).toEqual([
      [at("sql"), at("sql/*.sql")],
      [at("migrations"), undefined],
    ]);
    expect(read.containers?.[0]).toMatchObject({ image: at("Dockerfile"), image_build_context: join(made, "web") });
    expect(read.rules).toEqual(source.config.rules);
  });

  it("says all that the user's says, and no more", async () => {
    const { source, output } = await web({
      compatibility_flags: ["nodejs_compat"],
      vars: { A: "1", B: { deep: [1] } },
      kv_namespaces: [{ binding: "KV", id: "1" }],
      queues: { producers: [{ binding: "Q", queue: "q" }], consumers: [{ queue: "q", max_batch_size: 5 }] },
      triggers: { crons: [] },
      observability: { enabled: true },
      durable_objects: { bindings: [{ name: "OTHER", class_name: "Other", script_name: "elsewhere" }] },
      services: [{ binding: "ELSEWHERE", service: "elsewhere" }],
      limits: { cpu_ms: 50 },
      minify: true,
    });
    const config = generatedConfig(source, { folder: output, keepsPublicRoutes: false });
    expect(Object.keys(config).toSorted()).toEqual([
      "compatibility_date",
      "compatibility_flags",
      "durable_objects",
      "kv_namespaces",
      "limits",
      "main",
      "minify",
      "name",
      "observability",
      "preview_urls",
      "queues",
      "services",
      "triggers",
      "vars",
      "workers_dev",
    ]);
    const read = readBack(source, output);
    const { configPath, userConfigPath, workers_dev, preview_urls, ...rest } = read;
    expect({ ...source.config, ...rest }).toEqual(source.config);
    expect([workers_dev, preview_urls]).toEqual([false, false]);
    expect([configPath, userConfigPath]).toEqual([join(output, "web.jsonc"), join(output, "web.jsonc")]);
  });

  it("leaves out what wrangler says by itself", async () => {
    const { source, output } = await web({});
    const config = generatedConfig(source, { folder: output, keepsPublicRoutes: true });
    expect(Object.keys(config)).toEqual(["compatibility_date", "name", "main"]);
  });

  it("leads bindings into the mesh in their old places, and leaves the others", async () => {
    const { source, output } = await web({
      services: [
        { binding: "ORDERS", service: "orders", entrypoint: "Admin", props: { role: "web" } },
        { binding: "ELSEWHERE", service: "elsewhere" },
      ],
    });
    const [orders, ...others] = readBack(source, output).services!;
    expect(orders).toEqual({
      binding: "ORDERS",
      service: "shop-gateway",
      entrypoint: "MeshEntrypoint",
      props: expect.objectContaining({ workload: "web", entrypoint: "Admin" }),
    });
    expect(others).toEqual([{ binding: "ELSEWHERE", service: "elsewhere" }]);
  });

  it.each([
    { keeps: false, says: { workers_dev: false, preview_urls: false, routes: undefined, route: undefined } },
    { keeps: true, says: { workers_dev: true, routes: [{ pattern: "shop.example", custom_domain: true }] } },
  ])("has public ways in only where the mesh file allows them: $keeps", async ({ keeps, says }) => {
    const { source, output } = await web({
      workers_dev: true,
      routes: [{ pattern: "shop.example", custom_domain: true }],
    });
    expect(readBack(source, output, keeps)).toMatchObject(says);
  });

  it("starts a Worker that calls others by bindings through an entry, too, so that their trace goes along", async () => {
    const services = [{ binding: "ORDERS", service: "orders" }];
    const { made, source, output } = await web({ services });
    expect(readBack(source, output).main).toBe(join(output, "web/entry.js"));
    expect(readFileSync(join(output, "web/entry.js"), "utf8")).toContain(join(made, "web/src/index.ts"));
    expect(readFileSync(join(output, "web/calls.js"), "utf8")).toContain('carryOver(["ORDERS"])');
    const unbundled = await web({ services, no_bundle: true });
    expect(readBack(unbundled.source, unbundled.output).main).toBe(join(unbundled.made, "web/src/index.ts"));
  });

  it.each([
    ["2026-08-03", [], ["nodejs_als"]],
    ["2026-08-03", ["nodejs_als"], ["nodejs_als"]],
    ["2026-08-03", ["nodejs_compat_v2"], ["nodejs_compat_v2"]],
    ["2022-01-01", ["url_standard"], ["url_standard", "nodejs_als"]],
    ["2026-08-04", [], []],
  ])("lets an entry know for which call another one is made, at %s with %s", async (date, flags, want) => {
    const config = {
      services: [{ binding: "ORDERS", service: "orders" }],
      compatibility_date: date,
      compatibility_flags: flags,
    };
    const { source, output } = await web(config);
    expect(readBack(source, output).compatibility_flags).toEqual(want);
  });

  it("starts a Worker that calls by host name through an entry, whose modules are the user's own", async () => {
    const { made, source, output } = await web({}, { calls: ["orders"] });
    const read = readBack(source, output);
    expect(read.main).toBe(join(output, "web/entry.js"));
    expect(read.base_dir).toBe(join(made, "web/src"));
    expect((read.services as readonly { binding: string }[]).map(({ binding }) => binding)).toEqual([
      "MESH_SHOP_GATEWAY",
    ]);
    const mesh = readFileSync(join(output, "web/calls.js"), "utf8");
    expect(mesh).toContain('"orders.default": "MESH_SHOP_GATEWAY"');
    expect(existsSync(/from "(.*)"/.exec(mesh)![1]!)).toBe(true);
  });

  it.each([
    { name: "a Pages project", config: { pages_build_output_dir: "dist" }, says: "Pages project" },
    {
      name: "a service-worker script",
      main: 'addEventListener("fetch", (event) => event.respondWith(new Response()));',
      says: "service-worker format",
    },
    {
      name: "calls by host name without a bundle",
      config: { no_bundle: true },
      calls: ["orders"],
      says: "remove `no_bundle`",
    },
    {
      name: "calls by host name in Python",
      config: { main: "index.py", compatibility_flags: ["python_workers"] },
      calls: ["orders"],
      says: "in Python",
    },
    {
      name: "calls of a Worker without code",
      config: { main: undefined, assets: { directory: "public" } },
      calls: ["orders"],
      says: "no code",
    },
    {
      name: "a site without a module",
      config: { main: undefined, site: { bucket: "x" } },
      says: "`site` without `main`",
    },
  ])("is refused for $name, in words that name the file", async ({ config = {}, main, calls = [], says }) => {
    const { made, source, output } = await web(config, { calls, ...(main !== undefined && { main }) });
    const make = () => generatedConfig(source, { folder: output, keepsPublicRoutes: false });
    expect(make).toThrow(ProjectError);
    expect(make).toThrow(says);
    expect(make).toThrow(join(made, "web/wrangler.json"));
  });

  it.each(["storefront", "accounts", "feed"])("of each Worker of the project %s is read by wrangler", async (name) => {
    const made = folder({});
    cpSync(join(import.meta.dirname, "../projects", name), made, { recursive: true });
    const services = Object.fromEntries(
      configsOf(made).map((config) => [dirname(config), { versions: { v1: { config } }, calls: ["*"] }]),
    );
    writeFileSync(join(made, "tulle.jsonc"), JSON.stringify({ mesh: "m", namespaces: { default: { services } } }));
    const { configs } = await readProject({ from: made });
    for (const source of configs.values()) {
      const read = readBack(source, join(made, ".tulle/deploy"));
      for (const key of [
        "vars",
        "kv_namespaces",
        "queues",
        "durable_objects",
        "triggers",
        "compatibility_flags",
      ] as const)
        expect(read[key]).toEqual(source.config[key]);
    }
  });
});

function configsOf(made: string): readonly string[] {
  const workers = ["site", "ingest", "render", "accounts", "audit", "portal", "cart", "catalog", "web"];
  const files = ["wrangler.toml", "wrangler.json", "wrangler.jsonc"];
  return workers
    .flatMap((worker) => files.map((file) => join(made, worker, file)))
    .filter((path) => existsSync(path))
    .map((path) => relative(made, path));
}

it("writes a path with the end of a line in it as one line of a comment", async () => {
  const path = "a\n{/wrangler.json";
  const made = folder({
    "tulle.jsonc": JSON.stringify({
      mesh: "shop",
      namespaces: { default: { services: { web: { versions: { v1: { config: path } } } } } },
    }),
    [path]: JSON.stringify({ name: "web", main: "index.ts", compatibility_date: "2026-10-01" }),
    "a\n{/index.ts": "export default {};",
  });
  const { configs } = await readProject({ from: made });
  expect(readBack(configs.get("web")!, join(made, ".tulle/dev")).name).toBe("web");
});
