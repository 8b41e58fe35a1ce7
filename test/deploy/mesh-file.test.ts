import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dryRun } from "../../cli/deploy/dry-run.ts";
import { deployMesh, destroyMesh, planMesh } from "../../cli/deploy/mesh.ts";
import { refusePublicRoutes } from "../../cli/deploy/public-routes.ts";
import { plannedWorkers } from "../../cli/deploy/run.ts";
import type { FakeConfig } from "./fixtures/fake-account.ts";
import { captured, OPTIONS, runIn, SHOP, shop, write } from "./support.ts";

type File = Readonly<Record<string, string | object>>;

/** The mesh file with these fields in place of its own. */
const withFields = (fields: object): File => ({ ...SHOP, "tulle.jsonc": { ...SHOP["tulle.jsonc"], ...fields } });

const withWeb = (service: object, config: object): File => {
  const file = structuredClone(SHOP["tulle.jsonc"]);
  Object.assign(file.namespaces.default.services.web, service);
  return { ...SHOP, "tulle.jsonc": file, "web/wrangler.json": { ...SHOP["web/wrangler.json"], ...config } };
};

async function configs(files: File, environment?: string): Promise<Readonly<Record<string, FakeConfig>>> {
  const run = await runIn(shop(files), environment === undefined ? {} : { environment });
  return Object.fromEntries(plannedWorkers(run).map(({ name, config }) => [name, config as object as FakeConfig]));
}

async function refusal(doing: Promise<unknown>): Promise<string> {
  return doing.then(
    () => expect.fail("it went well"),
    (error: unknown) => (error as Error).message,
  );
}

describe("a gateway of the mesh file", () => {
  it("has its Gateway, domains, certificates and share of the log", async () => {
    const gateway = {
      fronts: ["*"],
      gateway: "default/shop",
      domains: ["api.example"],
      certificates: { "shop.client-cert": "id-1" },
      logOneIn: 100,
      decisionRecords: false,
    };
    const { edge } = await configs(withFields({ gateways: { edge: gateway }, control: { domain: "control.example" } }));
    expect(edge).toMatchObject({
      vars: { GATEWAY_NAME: "edge", GATEWAY: "default/shop", LOG_ONE_IN: "100", DECISION_RECORDS: "off" },
      mtls_certificates: [{ binding: "CERT_SHOP_CLIENT_CERT", certificate_id: "id-1" }],
      routes: [
        { pattern: "shop.example", custom_domain: true },
        { pattern: "api.example", custom_domain: true },
      ],
    });
  });

  it("gives control its domain and the trust domain", async () => {
    const made = await configs(withFields({ trustDomain: "shop.example", control: { domain: "control.example" } }));
    expect(made["shop-control"]).toMatchObject({
      vars: { TRUST_DOMAIN: "shop.example" },
      routes: [{ pattern: "control.example", custom_domain: true }],
    });
  });
});

describe("public routes of a Worker", () => {
  const ROUTES = { routes: [{ pattern: "shop.example/api/*", zone_name: "example" }, "*.shop.example/*"] };

  it("become the gateway's as they are, where the mesh file says their hosts", async () => {
    const files = withWeb({ public: ["shop.example", "*.shop.example", "new.example", "*.new.example"] }, ROUTES);
    refusePublicRoutes((await runIn(shop(files))).project);
    const { web, "shop-gateway": gateway } = await configs(files);
    expect(web).toMatchObject({ workers_dev: false });
    expect(web!.routes).toBeUndefined();
    expect(gateway!.routes).toEqual([
      ...ROUTES.routes,
      { pattern: "new.example", custom_domain: true },
      "*.new.example/*",
    ]);
  });

  it("are refused with both ways to go on where they lead past the gateway", async () => {
    const { project } = await runIn(shop(withWeb({}, ROUTES)));
    expect(() => refusePublicRoutes(project)).toThrow(
      /its routes \(\*\.shop\.example\/\*\) lead past its gateway: say `"public": \["\*\.shop\.example"\]` of default\/web/,
    );
  });

  it("are refused in an environment with the field that gives its own mesh the host, and that field is one", async () => {
    const env = { staging: { name: "web-live", services: [], routes: ["live.example/*"] } };
    const mesh = structuredClone(SHOP["tulle.jsonc"]);
    Reflect.deleteProperty(mesh.namespaces.default.services.orders.versions, "v2");
    Reflect.deleteProperty(mesh.namespaces.default.services.web, "public");
    const orders = { ...SHOP["orders/wrangler.json"], env: undefined };
    const web = { ...SHOP["web/wrangler.json"], env };
    const without = { ...SHOP, "orders/wrangler.json": orders, "web/wrangler.json": web, "tulle.jsonc": mesh };
    const refused = (await runIn(shop(without), { environment: "staging" })).project;
    const field = { "default/web": ["live.example"] };
    expect(() => refusePublicRoutes(refused, "staging")).toThrow(
      'say `"public": { "default/web": ["live.example"] }` of `environments.staging`',
    );
    const mended = { ...mesh, environments: { staging: { public: field } } };
    refusePublicRoutes(
      (await runIn(shop({ ...without, "tulle.jsonc": mended }), { environment: "staging" })).project,
      "staging",
    );
  });

  it("stay where the mesh file allows them", async () => {
    const files = withWeb({ public: ["shop.example"], allowPublicRoutes: true }, { ...ROUTES, workers_dev: true });
    refusePublicRoutes((await runIn(shop(files))).project);
    const { web, "shop-gateway": gateway } = await configs(files);
    expect(web).toMatchObject({ ...ROUTES, workers_dev: true });
    expect(gateway!.routes).toEqual([{ pattern: "shop.example", custom_domain: true }]);
  });

  it.each(["*", "web.localhost"])("need no domain where %s is public", async (host) => {
    const { "shop-gateway": gateway } = await configs(withWeb({ public: [host] }, {}));
    expect(gateway!.routes).toBeUndefined();
  });
});

describe("--env", () => {
  const files = {
    ...withFields({
      gateways: { edge: { fronts: ["*"], domains: ["api.example"], gateway: "default/shop" } },
      control: { domain: "control.example" },
      environments: {
        staging: { public: { "default/web": ["staging.example"] }, control: { domain: "control.staging.example" } },
      },
    }),
  };
  // A version that is an environment can be in one mesh only.
  const one = structuredClone(files["tulle.jsonc"]) as (typeof SHOP)["tulle.jsonc"];
  Reflect.deleteProperty(one.namespaces.default.services.orders.versions, "v2");
  const bound = [{ ...SHOP["web/wrangler.json"].services[0], service: "orders-staging" }];
  const staged = {
    ...files,
    "tulle.jsonc": one,
    "web/wrangler.json": { ...SHOP["web/wrangler.json"], env: { staging: { services: bound } } },
    "orders/wrangler.json": { ...SHOP["orders/wrangler.json"], env: undefined },
  };

  it("is a mesh of its own, with its own names and its own hosts alone", async () => {
    const made = await configs(staged, "staging");
    expect(Object.keys(made)).toEqual([
      "shop-staging-control",
      "shop-staging-state",
      "edge-staging",
      "web-staging",
      "orders-staging",
      "payments-staging",
    ]);
    expect(made["shop-staging-control"]).toMatchObject({
      routes: [{ pattern: "control.staging.example", custom_domain: true }],
      d1_databases: [{ database_name: "shop-staging" }],
    });
    expect(made["edge-staging"]!.routes).toEqual([{ pattern: "staging.example", custom_domain: true }]);
    const all = new Set(Object.values(made).flatMap(({ services = [] }) => services.map(({ service }) => service)));
    expect([...all].filter((name) => !name.includes("staging"))).toEqual([]);
  });

  it("deploys beside the other mesh, each with its own state and keys", async () => {
    const tried = shop({ ...staged, "tulle.jsonc": { ...one, control: {}, environments: {} } });
    captured();
    await deployMesh(await runIn(tried), OPTIONS);
    await deployMesh(await runIn(tried, { environment: "staging" }), OPTIONS);
    expect(Object.keys(tried.account.workers)).toHaveLength(12);
    const keys = ["edge", "edge-staging"].map((name) => tried.account.workers[name]!.config.vars!["SNAPSHOT_KEYS"]);
    expect(new Set(keys).size).toBe(2);
  });

  it.each([
    {
      name: "a version that would be in both meshes",
      fields: {},
      says: /services\.orders\.versions\.v2\.environment: the same Worker would be in two meshes/,
    },
    {
      name: "a public service that is not there",
      fields: { ...one, environments: { staging: { public: { "default/wbe": ["x.example"] } } } },
      says: /environments\.staging\.public\.default\/wbe: no service `default\/wbe` here/,
    },
    {
      name: "a gateway that is not there",
      fields: { ...one, environments: { staging: { domains: { edgy: ["x.example"] } } } },
      says: /environments\.staging\.domains\.edgy: no gateway `edgy` here/,
    },
    {
      name: "a binding into the other mesh",
      fields: one,
      web: SHOP["web/wrangler.json"],
      says: /web\/wrangler\.json: in the environment staging `ORDERS` still binds `orders`.*name `orders-staging`/,
    },
    {
      name: "a binding into a third mesh",
      fields: one,
      web: {
        ...SHOP["web/wrangler.json"],
        env: { staging: { services: [{ binding: "OTHER", service: "web-production" }] }, production: {} },
      },
      says: /in the environment staging `OTHER` still binds `web-production`, which is of another mesh: name `web-staging`/,
    },
  ])("refuses $name", async ({ fields, says, web = staged["web/wrangler.json"] }) => {
    const files = { ...staged, "tulle.jsonc": { ...SHOP["tulle.jsonc"], ...fields }, "web/wrangler.json": web };
    const tried = shop(files);
    expect(await refusal(runIn(tried, { environment: "staging" }))).toMatch(says);
  });

  it("names the Worker to bind in place of another mesh's by the name that its environment gives it", async () => {
    const orders = { ...staged["orders/wrangler.json"], env: { staging: { name: "orders-live" } } };
    const tried = shop({ ...staged, "orders/wrangler.json": orders, "web/wrangler.json": SHOP["web/wrangler.json"] });
    expect(await refusal(runIn(tried, { environment: "staging" }))).toContain("name `orders-live` in the `services`");
  });
});

it("refuses a binding of a mesh without an environment to a Worker of one", async () => {
  const web = { ...SHOP["web/wrangler.json"], services: [{ binding: "ORDERS", service: "orders-next" }] };
  const { orders: both, ...others } = SHOP["tulle.jsonc"].namespaces.default.services;
  const services = { ...others, orders: { ...both, versions: { v1: both.versions.v1 } } };
  const tried = shop({
    ...SHOP,
    "tulle.jsonc": { mesh: "shop", namespaces: { default: { services } } },
    "web/wrangler.json": web,
  });
  expect(await refusal(runIn(tried))).toMatch(/web\/wrangler\.json: `ORDERS` binds `orders-next`.*past the gateways/);
});

describe("--only", () => {
  it("deploys these alone, and applies nothing", async () => {
    const tried = shop();
    captured();
    await deployMesh(await runIn(tried), OPTIONS);
    const first = tried.account.calls.length;
    write(tried.folder, {
      "web/index.ts": "export default { a: 1 };",
      "payments/index.ts": "export default { a: 1 };",
    });
    const told = captured();
    await deployMesh(await runIn(tried, { only: ["web"] }), OPTIONS);
    expect(tried.account.calls.slice(first).map(({ config }) => config?.name)).toEqual(["web", "web"]);
    expect(told()).not.toContain("services and policies");
  });

  it.each([
    {
      only: ["wbe"],
      says: "there is no Worker `wbe` in this mesh; it has shop-control, shop-state, shop-gateway, web",
    },
    { only: ["web"], says: "web binds shop-gateway, which is not deployed yet: name it, too" },
  ])("refuses $only of a mesh that is not there yet", async ({ only, says }) => {
    const tried = shop();
    expect(await refusal(deployMesh(await runIn(tried, { only }), OPTIONS))).toContain(says);
    expect(await refusal(planMesh(await runIn(tried, { only }), OPTIONS))).toContain(says);
    expect(tried.account.calls).toEqual([]);
  });
});

describe("--dry-run", () => {
  it("says of every Worker what came of it, and deploys nothing", async () => {
    const tried = shop();
    const told = captured();
    await dryRun(await runIn(tried), "table");
    expect(told().match(/^[\w-]+: Total Upload: 1\.00 KiB \/ gzip: 0\.50 KiB$/gm)).toHaveLength(7);
    expect([tried.account.workers, tried.account.databases]).toEqual([{}, []]);
  });

  it("goes on after a Worker that fails, and tells wrangler's words at the end", async () => {
    const tried = shop();
    tried.account.failing = { call: 2, after: false };
    const told = captured();
    const message = await refusal(dryRun(await runIn(tried), "table"));
    expect(message).toMatch(/^1 of 7 Workers cannot be deployed\nshop-gateway: ✘ \[ERROR\] the network is down/);
    expect(told().match(/Total Upload/g)).toHaveLength(6);
  });
});

describe("tulle destroy", () => {
  it("prints what would go, and deletes it when it is meant: callers before gateways, the database if it is asked for", async () => {
    const tried = shop();
    captured();
    await deployMesh(await runIn(tried), OPTIONS);
    const first = tried.account.calls.length;
    const told = captured();
    await destroyMesh(await runIn(tried), { isMeant: false, withDatabase: true }, OPTIONS);
    expect(told()).toContain("run it with --yes");
    expect(tried.account.calls.length).toBe(first);
    await destroyMesh(await runIn(tried), { isMeant: true, withDatabase: false }, OPTIONS);
    expect(tried.account.calls.slice(first).map(({ args }) => args.join(" "))).toEqual(
      ["orders-next", "orders", "web", "shop-gateway", "payments", "shop-state", "shop-control"].map(
        (name) => `delete --name ${name} --force`,
      ),
    );
    expect(tried.account.databases).toEqual(["shop"]);
    await destroyMesh(await runIn(tried), { isMeant: true, withDatabase: true }, OPTIONS);
    expect(tried.account.databases).toEqual([]);
    expect(existsSync(tried.state)).toBe(false);
    expect(await refusal(destroyMesh(await runIn(tried), { isMeant: true, withDatabase: true }, OPTIONS))).toContain(
      "nothing is deployed",
    );
  });

  it.each([false, true])("goes on where it was stopped (done all the same: %s)", async (after) => {
    const tried = shop();
    captured();
    await deployMesh(await runIn(tried), OPTIONS);
    tried.account.failing = { call: tried.account.calls.length + 2, after };
    const how = { isMeant: true, withDatabase: true };
    expect(await refusal(destroyMesh(await runIn(tried), how, OPTIONS))).toContain("step 3/8 failed: Worker web");
    await destroyMesh(await runIn(tried), how, OPTIONS);
    expect([tried.account.workers, tried.account.databases]).toEqual([{}, []]);
  });

  it("brings a mesh back afterwards with new secrets over the database that stayed", async () => {
    const tried = shop();
    captured();
    await deployMesh(await runIn(tried), OPTIONS);
    const before = tried.account.workers["shop-control"]!.secrets;
    await destroyMesh(await runIn(tried), { isMeant: true, withDatabase: false }, OPTIONS);
    await deployMesh(await runIn(tried), OPTIONS);
    expect(tried.account.databases).toEqual(["shop"]);
    const after = tried.account.workers["shop-control"]!.secrets;
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(after).not.toEqual(before);
  });
});
