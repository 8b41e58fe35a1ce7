import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type InitResult, planInit } from "../../project/init-project.ts";
import { ProjectError } from "../../project/mesh-file.ts";
import { drawGraph } from "../../src/deployment/call-graph.ts";
import { config, folderOf, HANDLER, worker } from "./folders.ts";

/** What stands in the mesh file: each version with its configuration. */
function versions({ services }: InitResult): readonly string[] {
  return services.flatMap(({ name, versions: all }) =>
    all.map(({ version, worker: { config: path, environment = "" } }) =>
      `${name} ${version} ${path} ${environment}`.trim(),
    ),
  );
}

function publicHosts({ services }: InitResult): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(services.filter((one) => one.public.length > 0).map((one) => [one.name, one.public]));
}

const codes = ({ findings }: InitResult) => findings.map(({ code }) => code);

/** As a team with a monorepo has it: toml, a stage as an environment, bindings by `fetch`. */
const MONOREPO = {
  "package.json": { name: "acme", workspaces: ["apps/*", "workers/*"] },
  "apps/storefront/wrangler.toml": `
name = "storefront"
main = "src/index.ts"
compatibility_date = "2026-09-01"
routes = [{ pattern = "shop.example.com", custom_domain = true }]
services = [{ binding = "CATALOG", service = "catalog" }, { binding = "CART", service = "cart" }]

[env.staging]
services = [{ binding = "CATALOG", service = "catalog-staging" }, { binding = "CART", service = "cart-elsewhere" }]
`,
  "apps/storefront/src/index.ts": HANDLER,
  "workers/catalog/wrangler.toml": `
name = "catalog"
main = "src/index.ts"
compatibility_date = "2026-09-01"
workers_dev = false

[env.staging]
`,
  "workers/catalog/src/index.ts": HANDLER,
  "workers/cart/wrangler.toml": `
name = "cart"
main = "src/index.ts"
compatibility_date = "2026-09-01"
workers_dev = false

[[services]]
binding = "CATALOG"
service = "catalog"

[env.staging]
`,
  "workers/cart/src/index.ts": HANDLER,
  // None of these is anybody's Worker.
  "node_modules/miniflare/wrangler.toml": "name = 'a'",
  "workers/cart/dist/wrangler.json": config("built"),
  "workers/cart/.wrangler/tmp/wrangler.json": config("temporary"),
};

describe("tulle init in a monorepo of toml configurations", () => {
  it("finds its Workers, who is public, and who calls whom", async () => {
    const result = await planInit(folderOf("acme", MONOREPO));
    expect(result.mesh).toBe("acme");
    expect(versions(result)).toEqual([
      "storefront v1 apps/storefront/wrangler.toml",
      "cart v1 workers/cart/wrangler.toml",
      "catalog v1 workers/catalog/wrangler.toml",
    ]);
    expect(publicHosts(result)).toEqual({ storefront: ["shop.example.com"] });
    expect(drawGraph(result.services)).toEqual([
      "storefront   public: shop.example.com",
      "├─ CATALOG ──> catalog",
      "└─ CART ─────> cart",
      "catalog",
      "cart",
      "└─ CATALOG ──> catalog",
    ]);
    expect(result.problems).toBe("");
  });

  it("tells of an environment that binds a Worker which is not here", async () => {
    const { findings } = await planInit(folderOf("acme", MONOREPO));
    expect(findings).toEqual([
      {
        code: "TULLE1101",
        config: "apps/storefront/wrangler.toml",
        message: "`CART` binds `cart-elsewhere` in the environment staging, which is not here",
      },
    ]);
  });

  it("writes comments that explain, and the environments", async () => {
    const { text } = await planInit(folderOf("acme", MONOREPO));
    expect(text).toMatch(/"\$schema": "\.\/node_modules\/tulle\/tulle\.schema\.json",\n {2}\/\/ Names the mesh/);
    expect(text).toContain("have the environments staging:");
  });
});

/** Entrypoints with props, and versions of a service. */
const RPC = {
  ...worker(
    "web",
    "web",
    {
      services: [
        { binding: "USERS", service: "users" },
        { binding: "ADMIN", service: "users", entrypoint: "Admin", props: { team: "ops" } },
        { binding: "PRICES", service: "prices-v1" },
      ],
    },
    "export default { async fetch(_, env) { return Response.json(await env.USERS.list()); } };",
  ),
  ...worker("users", "users"),
  ...worker("prices/one", "prices-v1"),
  ...worker("prices/two", "prices-v2"),
};

describe("tulle init with entrypoints, props and versions", () => {
  it("takes Workers that differ by -v1 and -v2 for versions of one service", async () => {
    const result = await planInit(folderOf("shop", RPC));
    expect(versions(result)).toEqual([
      "prices v1 prices/one/wrangler.jsonc",
      "prices v2 prices/two/wrangler.jsonc",
      "users v1 users/wrangler.jsonc",
      "web v1 web/wrangler.jsonc",
    ]);
    expect(drawGraph(result.services)).toEqual([
      "web   public: *",
      "├─ USERS ───> users",
      "├─ ADMIN ───> users, entrypoint Admin, props",
      "└─ PRICES ──> prices",
      "users",
      "prices (v1, v2)",
    ]);
    expect(codes(result)).toEqual(["TULLE1010"]);
  });

  it.each([
    {
      name: "one caller binds both",
      services: [
        { binding: "ONE", service: "prices-v1" },
        { binding: "TWO", service: "prices-v2" },
      ],
    },
    { name: "the second calls the first", own: [{ binding: "OLD", service: "prices-v1" }] },
    { name: "both have routes", routes: true },
  ])("takes them for two services where $name", async ({ services = [], own = [], routes = false }) => {
    const route = (path: string) => (routes ? { routes: [`example.com/${path}/*`] } : {});
    const result = await planInit(
      folderOf("shop", {
        ...worker("web", "web", { services }),
        ...worker("one", "prices-v1", route("v1")),
        ...worker("two", "prices-v2", { services: own, ...route("v2") }),
      }),
    );
    expect(result.services.map(({ name }) => name)).toEqual(["prices-v1", "prices-v2", "web"]);
  });

  it("takes a configuration with an environment v2 alone for the first version itself", async () => {
    const folder = folderOf("shop", worker("reviews", "reviews", { env: { v2: {} } }));
    const result = await planInit(folder);
    expect(versions(result)).toEqual(["reviews v1 reviews/wrangler.jsonc", "reviews v2 reviews/wrangler.jsonc v2"]);
    writeFileSync(result.path, result.text);
    const again = await planInit(folder);
    expect([again.problems, again.isChanged]).toEqual(["", false]);
  });

  it("takes environments v1 and v2 of one configuration for versions", async () => {
    const environments = { env: { v1: { name: "reviews-v1" }, v2: { name: "reviews-v2" } } };
    const result = await planInit(folderOf("shop", worker("reviews", "reviews", environments)));
    expect(versions(result)).toEqual(["reviews v1 reviews/wrangler.jsonc v1", "reviews v2 reviews/wrangler.jsonc v2"]);
    expect(result.text).toContain('"v2": { "config": "reviews/wrangler.jsonc", "environment": "v2" }');
  });
});

describe("who is public", () => {
  it("is who has a route; of a host that several share the one that takes all of it", async () => {
    const result = await planInit(
      folderOf("shop", {
        ...worker("api", "api", { routes: ["https://example.com/api/*"] }),
        ...worker("web", "web", { route: "example.com/*" }),
        ...worker("all", "all", { routes: [{ pattern: "*example.org/*", zone_name: "example.org" }] }),
        ...worker("docs", "docs", { routes: ["docs.example.com/v2/*"] }),
        // Has a workers.dev name alone.
        ...worker("left", "left"),
      }),
    );
    expect(publicHosts(result)).toEqual({
      web: ["example.com"],
      all: ["example.org", "*.example.org"],
      docs: ["docs.example.com"],
    });
    const told = result.findings.filter(({ code }) => code !== "TULLE1201");
    expect(told.map(({ code, config: path }) => `${code} ${path}`)).toEqual([
      "TULLE1203 api/wrangler.jsonc",
      "TULLE1202 docs/wrangler.jsonc",
      "TULLE1204 left/wrangler.jsonc",
    ]);
    // The gateway gets the routes of all public hosts.
    const past = result.findings.filter(({ code }) => code === "TULLE1201");
    expect(past.map((found) => found.config)).toEqual(["api/wrangler.jsonc"]);
  });

  it("is, without any route, whom nobody here calls: by names of this machine where there are several", async () => {
    const result = await planInit(
      folderOf("shop", {
        ...worker("web", "web", { services: [{ binding: "API", service: "api" }] }),
        ...worker("admin", "admin", { services: [{ binding: "API", service: "api" }] }),
        ...worker("api", "api"),
        ...worker("hidden", "hidden", { workers_dev: false }),
        ...worker("cron", "cron", { triggers: { crons: ["* * * * *"] } }, "export default { async scheduled() {} };"),
      }),
    );
    expect(publicHosts(result)).toEqual({ admin: ["admin.localhost"], web: ["web.localhost"] });
  });

  it("is a Worker, too, that nobody calls but itself", async () => {
    const own = [
      { binding: "SELF", service: "web" },
      { binding: "JOBS", service: "web", entrypoint: "Jobs" },
      { binding: "API", service: "api" },
    ];
    const result = await planInit(
      folderOf("shop", { ...worker("web", "web", { services: own }), ...worker("api", "api") }),
    );
    expect(publicHosts(result)).toEqual({ web: ["*"] });
  });
});

it("takes a Worker that has files alone", async () => {
  const site = { "site/wrangler.json": config("site", { main: undefined, assets: { directory: "./public" } }) };
  const result = await planInit(folderOf("shop", { ...worker("api", "api", { workers_dev: false }), ...site }));
  expect(publicHosts(result)).toEqual({ site: ["*"] });
  expect(codes(result)).toEqual([]);
});

describe("tulle init's findings", () => {
  it.each([
    { file: "wrangler.jsonc", text: '{ "name": "a",\n "main": }', says: "line 2: ValueExpected" },
    { file: "wrangler.toml", text: 'name = "a"\nmain = \n', says: "line 2: Invalid TOML document: invalid value" },
  ])("tell the line of a $file that wrangler cannot parse", async ({ file, text, says }) => {
    const { findings } = await planInit(folderOf("shop", { ...worker("a", "a"), [`bad/${file}`]: text }));
    expect(findings).toEqual([{ code: "TULLE1001", config: `bad/${file}`, message: says }]);
  });

  const cases: readonly { code: string; files: Readonly<Record<string, unknown>>; of?: string }[] = [
    { code: "TULLE1001", files: { "bad/wrangler.toml": "name = [" }, of: "bad/wrangler.toml" },
    {
      code: "TULLE1001",
      files: { "bad/wrangler.toml": 'main = "x.ts"', "bad/x.ts": HANDLER },
      of: "bad/wrangler.toml",
    },
    { code: "TULLE1002", files: worker("b", "a"), of: "b/wrangler.jsonc" },
    {
      code: "TULLE1003",
      files: { "site/wrangler.json": { name: "site", pages_build_output_dir: "./out" } },
      of: "site/wrangler.json",
    },
    {
      code: "TULLE1003",
      files: { ...worker("v", "v"), "v/vite.config.ts": 'import { cloudflare } from "@cloudflare/vite-plugin";' },
      of: "v/wrangler.jsonc",
    },
    {
      code: "TULLE1003",
      files: {
        "next/wrangler.jsonc": config("next", { main: ".open-next/worker.js" }),
        "next/package.json": { dependencies: { "@opennextjs/cloudflare": "1" } },
      },
      of: "next/wrangler.jsonc",
    },
    {
      code: "TULLE1003",
      files: {
        "py/wrangler.toml":
          'name = "py"\nmain = "a.py"\ncompatibility_date = "2026-09-01"\ncompatibility_flags = ["python_workers"]',
        "py/a.py": "",
      },
      of: "py/wrangler.toml",
    },
    {
      code: "TULLE1004",
      files: { "files/wrangler.json": { name: "files", compatibility_date: "2026-09-01" } },
      of: "files/wrangler.json",
    },
    {
      code: "TULLE1005",
      files: worker("o", "o", {}, 'addEventListener("fetch", (event) => event.respondWith(new Response()));'),
      of: "o/wrangler.jsonc",
    },
    { code: "TULLE1006", files: worker("f", "f", { compatibility_date: "2099-01-01" }), of: "f/wrangler.jsonc" },
    {
      code: "TULLE1007",
      files: worker("r", "r", {
        compatibility_date: "2025-01-01",
        services: [{ binding: "A", service: "a", entrypoint: "Admin" }],
      }),
      of: "r/wrangler.jsonc",
    },
    {
      code: "TULLE1007",
      files: worker("r", "r", {
        compatibility_date: "2026-04-20",
        compatibility_flags: ["rpc_params_dup_stubs"],
        services: [{ binding: "A", service: "a", entrypoint: "Admin" }],
      }),
      of: "r/wrangler.jsonc",
    },
    {
      code: "TULLE1009",
      files: { "a/wrangler.staging.toml": 'name = "a-staging"\nmain = "src/index.ts"' },
      of: "a/wrangler.staging.toml",
    },
    { code: "TULLE1011", files: worker("n", "n", { compatibility_date: undefined }), of: "n/wrangler.jsonc" },
    { code: "TULLE1009", files: { "a/wrangler.toml": 'name = "a"' }, of: "a/wrangler.toml" },
    {
      code: "TULLE1101",
      files: worker("c", "c", { services: [{ binding: "MAIL", service: "mailer" }] }),
      of: "c/wrangler.jsonc",
    },
    {
      code: "TULLE1102",
      files: worker("c", "c", {
        durable_objects: { bindings: [{ name: "ROOM", class_name: "Room", script_name: "a" }] },
      }),
      of: "c/wrangler.jsonc",
    },
    {
      code: "TULLE1103",
      files: {
        ...worker("p", "p", { queues: { producers: [{ binding: "JOBS", queue: "jobs" }] } }),
        ...worker("c", "c", { queues: { consumers: [{ queue: "jobs" }] } }, "export default { async queue() {} };"),
      },
      of: "p/wrangler.jsonc",
    },
    {
      code: "TULLE1104",
      files: worker("c", "c", { workflows: [{ binding: "FLOW", name: "flow", class_name: "Flow", script_name: "a" }] }),
      of: "c/wrangler.jsonc",
    },
    {
      code: "TULLE1105",
      files: { ...worker("c", "c"), "c/src/db.ts": 'import { connect } from "cloudflare:sockets";' },
      of: "c/wrangler.jsonc",
    },
    { code: "TULLE1106", files: worker("c", "c", { tail_consumers: [{ service: "a" }] }), of: "c/wrangler.jsonc" },
    {
      code: "TULLE1107",
      files: worker("c", "c", { dispatch_namespaces: [{ binding: "TENANTS", namespace: "tenants" }] }),
      of: "c/wrangler.jsonc",
    },
    {
      code: "TULLE1108",
      files: worker("c", "c", {}, 'export default { async fetch() { return fetch("http://a:8080/x"); } };'),
      of: "c/wrangler.jsonc",
    },
    {
      code: "TULLE1201",
      files: {
        ...worker("c", "c", { routes: ["example.com/c/*"] }),
        ...worker("d", "d", { routes: ["example.com/*"] }),
      },
      of: "c/wrangler.jsonc",
    },
  ];

  it.each(cases)("$code of $of", async ({ code, files, of }) => {
    const alone = await planInit(folderOf("shop", worker("a", "a")));
    expect(codes(alone)).toEqual([]);
    const { findings } = await planInit(folderOf("shop", { ...worker("a", "a"), ...files }));
    expect(findings.filter((found) => found.code === code).map((found) => found.config)).toEqual([of]);
  });

  it.each([
    {
      name: "a comment is no code",
      code: '// import "cloudflare:sockets"\n/* fetch("http://a/") */\nexport default {};',
    },
    {
      name: "a binding's fetch is no call by host name",
      code: 'export default { fetch(_, env) { return env.A.fetch("http://a/"); } };',
    },
  ])("says nothing where $name", async ({ code }) => {
    const { findings } = await planInit(
      folderOf("shop", { ...worker("a", "a"), ...worker("b", "b", { workers_dev: false }, code) }),
    );
    expect(findings).toEqual([]);
  });

  it("calls no date old that has the flags of the newer ones", async () => {
    const old = {
      compatibility_date: "2025-01-01",
      compatibility_flags: ["rpc_params_dup_stubs", "enhanced_error_serialization"],
    };
    const services = [{ binding: "A", service: "a", entrypoint: "Admin" }];
    const result = await planInit(folderOf("shop", { ...worker("a", "a"), ...worker("r", "r", { ...old, services }) }));
    expect(codes(result)).toEqual([]);
  });
});

describe("several configurations in one folder", () => {
  it("are several Workers where their names are no stages", async () => {
    const result = await planInit(
      folderOf("shop", {
        "wrangler.api.toml": 'name = "api"\nmain = "api.ts"\ncompatibility_date = "2026-09-01"',
        "wrangler.jobs.toml": 'name = "jobs"\nmain = "jobs.ts"\ncompatibility_date = "2026-09-01"\nworkers_dev = false',
        "api.ts": HANDLER,
        "jobs.ts": 'import "cloudflare:sockets";\nexport default {};',
      }),
    );
    expect(versions(result)).toEqual(["api v1 wrangler.api.toml", "jobs v1 wrangler.jobs.toml"]);
    expect(result.findings.map(({ code, config: path }) => `${code} ${path}`)).toEqual([
      "TULLE1105 wrangler.jobs.toml",
    ]);
  });

  it("are one Worker where each is a stage: production's", async () => {
    const stage = (name: string) => ({ [`wrangler.${name}.jsonc`]: config(`a-${name}`) });
    const result = await planInit(
      folderOf("shop", { ...stage("dev"), ...stage("production"), "src/index.ts": HANDLER }),
    );
    expect(versions(result)).toEqual(["a-production v1 wrangler.production.jsonc"]);
    expect(codes(result)).toEqual(["TULLE1009"]);
  });
});

describe("tulle init again", () => {
  /** As somebody left it. */
  const EDITED = `{
  // ours
  "mesh": "acme-prod",
  "namespaces": {
    "shop": {
      "services": {
        "store": {
          "serviceAccount": "front", // as before
          "versions": { "v1": { "config": "./apps/storefront/wrangler.toml" } },
          "public": ["www.example.com"] // moved
        },
        "cart": {
          "versions": { "v1": { "config": "workers/cart/wrangler.toml" } },
        }, // last
      },
    },
  },
}
`;

  it("changes nothing where the file has all", async () => {
    const folder = folderOf("acme", MONOREPO);
    const { path, text } = await planInit(folder);
    writeFileSync(path, text);
    const again = await planInit(folder);
    expect(again).toMatchObject({ isNew: false, isChanged: false, text, additions: [], gone: [] });
  });

  it("adds what is new, and keeps every byte of the rest", async () => {
    const result = await planInit(
      folderOf("acme", { ...MONOREPO, ...worker("workers/cart2", "cart-v2"), "tulle.jsonc": EDITED }),
    );
    expect(result.additions.map(({ what, service, version }) => `${what} ${service} ${version}`)).toEqual([
      "version cart v2",
      "service catalog v1",
    ]);
    expect(result.text).toBe(
      EDITED.replace(
        '"workers/cart/wrangler.toml" } },',
        '"workers/cart/wrangler.toml" }, "v2": { "config": "workers/cart2/wrangler.jsonc" } },',
      ).replace(
        "}, // last\n",
        `}, // last
        "catalog": {
          "versions": { "v1": { "config": "workers/catalog/wrangler.toml" } }
        },
`,
      ),
    );
    expect(result.problems).toBe("");
  });

  it("tells of a configuration that is gone, and leaves it in the file", async () => {
    const { "workers/cart/wrangler.toml": _, ...rest } = MONOREPO;
    const result = await planInit(folderOf("acme", { ...rest, "tulle.jsonc": EDITED }));
    expect(result.gone).toMatchObject([{ service: "cart", version: "v1", config: "workers/cart/wrangler.toml" }]);
    expect(codes(result)).toContain("TULLE1008");
    expect(result.text).toContain("workers/cart/wrangler.toml");
  });

  it("follows a Worker whose folder was moved", async () => {
    const folder = folderOf("acme", MONOREPO);
    const { path, text } = await planInit(folder);
    writeFileSync(path, text);
    renameSync(join(folder, "workers/cart"), join(folder, "services-cart"));
    const again = await planInit(folder);
    expect(again.additions.map(({ what, service }) => `${what} ${service}`)).toEqual(["moved cart"]);
    expect(again.text).toBe(text.replace("workers/cart/wrangler.toml", "services-cart/wrangler.toml"));
    expect(again.gone).toEqual([]);
  });

  it("leaves alone what `ignore` names", async () => {
    const ignoring = EDITED.replace('"mesh": "acme-prod",', '"mesh": "acme-prod",\n  "ignore": ["workers/catalog"],');
    const result = await planInit(folderOf("acme", { ...MONOREPO, "tulle.jsonc": ignoring }));
    expect(result).toMatchObject({ isChanged: false, additions: [] });
  });

  it("refuses a mesh file that it cannot read, with the place", async () => {
    const broken = planInit(
      folderOf("acme", { ...MONOREPO, "tulle.jsonc": '{\n  "mesh": "Acme",\n  "namespaces": {}\n}' }),
    );
    await expect(broken).rejects.toThrow("tulle.jsonc:2:11: mesh: ");
    await expect(broken).rejects.toThrow(ProjectError);
  });
});

describe("a folder that makes no mesh", () => {
  it("is refused where there is no configuration", async () => {
    await expect(planInit(folderOf("empty", { "readme.md": "" }))).rejects.toThrow(
      "no wrangler.toml, wrangler.json or",
    );
  });

  it("is refused with what was found in place of a Worker", async () => {
    const files = { "site/wrangler.json": { name: "site", pages_build_output_dir: "./out" } };
    await expect(planInit(folderOf("empty", files))).rejects.toThrow("site/wrangler.json: a Pages project");
  });

  it("is told where two Workers would have one binding", async () => {
    const result = await planInit(folderOf("shop", { ...worker("a", "a-b"), ...worker("b", "a_b") }));
    expect(result.problems).toContain("has the same gateway binding");
  });

  it("has another name than its folder where a Worker has the name of the mesh's own", async () => {
    expect((await planInit(folderOf("shop", worker("g", "shop-gateway")))).mesh).toBe("shop-mesh");
    expect((await planInit(folderOf("My Shop!", worker("a", "a")))).mesh).toBe("my-shop");
  });
});

it("takes no text of a configuration for its own where it names environments", async () => {
  const stage = 'x\n"trustDomain": "evil.example", //';
  const { text } = await planInit(
    folderOf("shop", worker("orders", "orders", { env: { [stage]: { name: "orders-x" } } })),
  );
  expect(text).toContain(`environments ${JSON.stringify(stage)}:`);
});
