import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { deployMesh, planMesh } from "../../cli/deploy/mesh.ts";
import type { FakeCall } from "./fixtures/fake-account.ts";
import { captured, OPTIONS, runIn, SHOP, shop, type Tried, write } from "./support.ts";

async function deploy(tried: Tried, options: Parameters<typeof runIn>[1] = {}): Promise<string> {
  const told = captured();
  await deployMesh(await runIn(tried, options), OPTIONS);
  return told();
}

async function failure(deploying: Promise<unknown>): Promise<string> {
  return deploying.then(
    () => expect.fail("it went well"),
    (error: unknown) => (error as Error).message,
  );
}

/** `deploy web`, `d1 create shop`. */
function words({ args, config }: FakeCall): string {
  if (args[0] === "deploy") return `${args.includes("--dry-run") ? "check" : "deploy"} ${config?.name}`;
  return args.filter((word, at) => !word.startsWith("--") && args[at - 1] !== "--config").join(" ");
}

const deployed = ({ account }: Tried): readonly string[] =>
  account.calls.flatMap((call) => (words(call).startsWith("deploy ") ? [words(call).slice(7)] : []));

const ALL = ["orders", "orders-next", "payments", "shop-control", "shop-gateway", "shop-state", "web"];

describe("tulle deploy, on an account that is not real", () => {
  it("plans: every step in its order, those in a circle twice, and calls nothing", async () => {
    const tried = shop();
    const told = captured();
    await planMesh(await runIn(tried), OPTIONS);
    expect(told().split("\n").slice(0, -2)).toEqual([
      " 1. database shop",
      " 2. migrations of shop",
      " 3. control shop-control, with new secrets",
      " 4. state shop-state",
      expect.stringMatching(/^ 5\. services and policies of .*mesh\.yaml$/),
      " 6. Worker payments",
      " 7. gateway shop-gateway, without its bindings to web, orders, orders-next, which are not there yet",
      " 8. Worker web",
      " 9. Worker orders",
      "10. Worker orders-next",
      "11. gateway shop-gateway, again, now with all its bindings",
    ]);
    expect(tried.account.calls).toEqual([]);
  });

  it("makes the database, migrates it, sets the secrets with control, then deploys in the plan's order", async () => {
    const tried = shop();
    const told = await deploy(tried);
    expect(tried.account.calls.map(words)).toEqual([
      "d1 list",
      "d1 create shop",
      "d1 list",
      "d1 migrations apply shop",
      "secret list shop-control json",
      "deploy shop-control",
      "deploy shop-state",
      "deploy payments",
      "deploy shop-gateway",
      "deploy web",
      "deploy orders",
      "deploy orders-next",
      "deploy shop-gateway",
    ]);
    const secrets = ["BOOTSTRAP_SECRET", "KEY_ENCRYPTION_SECRET", "SNAPSHOT_PRIVATE_KEY"];
    expect(tried.account.calls.flatMap((call) => (call.secrets ? [[words(call), call.secrets]] : []))).toEqual([
      ["deploy shop-control", secrets],
      ["deploy shop-gateway", ["ASSERTION_KEY"]],
    ]);
    expect(Object.keys(tried.account.workers).toSorted()).toEqual(ALL);
    expect(told).toMatch(/^ 1\/11 {2}database shop: created {2}\(\d+\.\d s\)$/m);
    expect(told).toMatch(/^11\/11 {2}gateway shop-gateway, again, now with all its bindings: deployed/m);
  });

  it("binds versions, entrypoints and props of users at the gateway, and callers to the gateway", async () => {
    const tried = shop();
    await deploy(tried);
    const {
      web,
      orders,
      "shop-gateway": gateway,
      "shop-state": state,
      "shop-control": control,
    } = tried.account.workers;
    expect(web!.config.services).toEqual([
      {
        binding: "ORDERS",
        service: "shop-gateway",
        entrypoint: "MeshEntrypoint",
        props: expect.objectContaining({ service: "orders.default.svc.cluster.local", entrypoint: "Admin" }),
      },
    ]);
    const variant = (web!.config.services![0]!.props as { binding: string }).binding;
    const admin = { entrypoint: "Admin", props: { role: "web" } };
    expect(gateway!.config.services).toEqual([
      { binding: "STATE", service: "shop-state", entrypoint: "State", props: { gateway: "shop-gateway" } },
      {
        binding: "CONTROL",
        service: "shop-control",
        entrypoint: "ConfigApi",
        props: { gateway: "shop-gateway", fronts: ["*"], gateways: ["istio-system/shop-gateway"] },
      },
      { binding: "EP_WEB", service: "web" },
      { binding: "EP_ORDERS", service: "orders" },
      { binding: `EP_ORDERS__${variant}`, service: "orders", ...admin },
      { binding: "EP_ORDERS_NEXT", service: "orders-next" },
      { binding: `EP_ORDERS_NEXT__${variant}`, service: "orders-next", ...admin },
      { binding: "EP_PAYMENTS", service: "payments" },
    ]);
    expect(gateway!.config.vars).toMatchObject({ GATEWAY_NAME: "shop-gateway", GATEWAY: "istio-system/shop-gateway" });
    expect(gateway!.config.routes).toEqual([{ pattern: "shop.example", custom_domain: true }]);
    expect(state!.config.services?.[0]).toMatchObject({ service: "shop-control", props: { state: "shop-state" } });
    expect(control!.config.d1_databases?.[0]).toMatchObject({
      database_name: "shop",
      database_id: "11111111-2222-3333-4444-555555555555",
    });
    // It calls by host name: its module comes behind the generated entry.
    expect(orders!.config.main).toBe(join(tried.state, "orders/entry.js"));
    expect(orders!.config.workers_dev).toBe(false);
  });

  it("tells wrangler beside the generated configuration which tsconfig a Worker is built by", async () => {
    const tried = shop({
      ...SHOP,
      "payments/wrangler.json": { ...SHOP["payments/wrangler.json"], tsconfig: "tsconfig.worker.json" },
      "payments/tsconfig.worker.json": "{}",
    });
    await deploy(tried);
    const told = tried.account.calls.flatMap(({ args, config }) =>
      args.includes("--tsconfig") ? [[config?.name, args[args.indexOf("--tsconfig") + 1], config?.tsconfig]] : [],
    );
    expect(told).toEqual([["payments", join(tried.folder, "payments/tsconfig.worker.json"), undefined]]);
  });

  it("gives a gateway its routes when it has all its bindings", async () => {
    const tried = shop();
    await deploy(tried);
    const passes = tried.account.calls.flatMap(({ config }) =>
      config?.name === "shop-gateway" ? [config.routes] : [],
    );
    expect(passes).toEqual([undefined, [{ pattern: "shop.example", custom_domain: true }]]);
  });

  it("deploys nothing anew where the project stands in another folder", async () => {
    const tried = shop();
    await deploy(tried);
    const moved = { ...shop(), account: tried.account };
    cpSync(tried.state, moved.state, { recursive: true });
    const told = await deploy(moved);
    expect(told.match(/: unchanged/g)).toHaveLength(9);
  });

  it("deploys nothing a second time, and then only what changed", async () => {
    const tried = shop();
    await deploy(tried);
    const first = deployed(tried).length;
    const told = await deploy(tried);
    expect(deployed(tried).length).toBe(first);
    expect(told.match(/: unchanged/g)).toHaveLength(9);
    write(tried.folder, { "web/index.ts": "export default { fetch: () => new Response() };" });
    await deploy(tried);
    expect(deployed(tried).slice(first)).toEqual(["web"]);
    await deploy(tried, { force: true });
    expect(deployed(tried).slice(first + 1)).toHaveLength(7);
  });

  it("deploys where assets changed and no code did", async () => {
    const assets = { ...SHOP["web/wrangler.json"], assets: { directory: "public", binding: "ASSETS" } };
    const tried = shop({ ...SHOP, "web/wrangler.json": assets, "web/public/style.css": "" });
    await deploy(tried);
    const first = deployed(tried).length;
    write(tried.folder, { "web/public/style.css": "body {}" });
    await deploy(tried);
    expect(deployed(tried).slice(first)).toEqual(["web"]);
  });

  it("deploys a Worker with containers each time, whose images it does not look into", async () => {
    const boxes = {
      ...SHOP["payments/wrangler.json"],
      containers: [{ class_name: "Box", image: "registry.cloudflare.com/1/box:1" }],
      durable_objects: { bindings: [{ name: "BOX", class_name: "Box" }] },
      migrations: [{ tag: "v1", new_sqlite_classes: ["Box"] }],
    };
    const tried = shop({ ...SHOP, "payments/wrangler.json": boxes });
    await deploy(tried);
    const first = deployed(tried).length;
    await deploy(tried);
    expect(deployed(tried).slice(first)).toEqual(["payments"]);
  });

  it("adds a version before the gateway binds it, each once", async () => {
    const tried = shop();
    await deploy(tried);
    const first = deployed(tried).length;
    const file = structuredClone(SHOP["tulle.jsonc"]);
    Object.assign(file.namespaces.default.services.payments.versions, { v2: { config: "payments-2/wrangler.json" } });
    const added = { ...SHOP["payments/wrangler.json"], name: "payments-2" };
    write(tried.folder, { "tulle.jsonc": file, "payments-2/wrangler.json": added, "payments-2/index.ts": "" });
    await deploy(tried);
    expect(deployed(tried).slice(first)).toEqual(["payments-2", "shop-gateway"]);
  });

  it("names what is in the mesh file no more, and leaves it", async () => {
    const tried = shop();
    await deploy(tried);
    const file = structuredClone(SHOP["tulle.jsonc"]);
    Reflect.deleteProperty(file.namespaces.default.services.orders.versions, "v2");
    write(tried.folder, { "tulle.jsonc": file });
    expect(await deploy(tried)).toContain("`npx wrangler delete --name orders-next`");
    expect(Object.keys(tried.account.workers)).toContain("orders-next");
  });

  it("says how to bring services and policies to control where nothing says how it is reached", async () => {
    const tried = shop({ ...SHOP, "policies/deny.yaml": "kind: X" });
    const told = await deploy(tried);
    expect(told).toContain("services and policies are not applied yet");
    expect(told).toMatch(/tulle token bootstrap --server https:\/\/CONTROL --token-file .*bootstrap-secret/);
    expect(told).toMatch(/tulle apply --kubeconfig .* -f .*mesh\.yaml -f .*policies -R/);
    expect(readFileSync(join(tried.state, "mesh.yaml"), "utf8")).toContain("address: binding:EP_ORDERS_NEXT");
  });
});

describe("a deployment that is stopped", () => {
  // One run of all calls, to know how many there are.
  const CALLS = 13;

  it("has as many calls as are tried here", async () => {
    const tried = shop();
    await deploy(tried);
    expect(tried.account.calls).toHaveLength(CALLS);
  });

  it.each(
    Array.from({ length: CALLS }, (_, call) => call).flatMap((call) => [
      { call, after: false },
      { call, after: true },
    ]),
  )("at call $call (done all the same: $after) says where, and goes on from there", async ({ call, after }) => {
    const tried = shop();
    tried.account.failing = { call, after };
    const message = await failure(deploy(tried));
    expect(message).toMatch(/^step ( \d|\d+)\/11 failed: /);
    expect(message).toContain("the network is down");
    expect(message).toContain("run the same command again: it goes on from there");
    expect(tried.account.calls).toHaveLength(call + 1);
    const done = new Set(deployed(tried).slice(0, -1));
    const keys = tried.account.workers["shop-control"]?.secrets;
    tried.account.failing = null;
    await deploy(tried);
    expect(Object.keys(tried.account.workers).toSorted()).toEqual(ALL);
    expect(tried.account.databases).toEqual(["shop"]);
    // Done once: but for the step that failed, and the gateway, which goes twice around a circle.
    const again = deployed(tried).filter((name, at, all) => all.indexOf(name) !== at);
    const failed = words(tried.account.calls[call]!).replace("deploy ", "");
    expect(again.filter((name) => name !== failed && name !== "shop-gateway")).toEqual([]);
    expect([...done].filter((name) => name !== "shop-gateway" && again.includes(name))).toEqual([]);
    const bound = tried.account.workers["shop-gateway"]!.config.services!.map(({ service }) => service);
    expect(new Set(bound)).toEqual(new Set(["shop-state", "shop-control", "web", "orders", "orders-next", "payments"]));
    // The secrets that control has are those that it had, and gateways trust its key.
    const secrets = tried.account.workers["shop-control"]!.secrets;
    if (keys !== undefined) expect(secrets).toEqual(keys);
    const { snapshotKeys } = JSON.parse(readFileSync(join(tried.state, "deployed.json"), "utf8")) as {
      readonly snapshotKeys: readonly string[];
    };
    expect(tried.account.workers["shop-gateway"]!.config.vars!["SNAPSHOT_KEYS"]).toBe(JSON.stringify(snapshotKeys));
    expect(readFileSync(join(tried.state, "bootstrap-secret"), "utf8")).toBe(secrets["BOOTSTRAP_SECRET"]);
    expect(["pending-secrets.json", "secrets.json"].filter((name) => existsSync(join(tried.state, name)))).toEqual([]);
  });

  it("keeps what is secret readable by its owner alone", async () => {
    const tried = shop();
    tried.account.failing = { call: 5, after: false };
    await failure(deploy(tried));
    expect(statSync(join(tried.state, "pending-secrets.json")).mode & 0o077).toBe(0);
    tried.account.failing = null;
    await deploy(tried);
    expect(statSync(join(tried.state, "bootstrap-secret")).mode & 0o077).toBe(0);
  });

  it("lets git add nothing of its folder but what the next deployment needs", async () => {
    const tried = shop();
    tried.account.failing = { call: 5, after: false };
    await failure(deploy(tried));
    const git = (...args: readonly string[]) => execFileSync("git", args, { cwd: tried.state, encoding: "utf8" });
    git("init", "--quiet", tried.folder);
    const added = () => git("add", "--all", "--dry-run", ".").split("\n").filter(Boolean).toSorted();
    const wanted = [".gitignore", "deployed.json"].map((name) => `add '.tulle/deploy/shop/${name}'`);
    expect(added()).toEqual(wanted);
    tried.account.failing = null;
    await deploy(tried);
    expect(added()).toEqual(wanted);
  });

  it("makes a file that others could read its owner's own again when it writes a secret", async () => {
    const tried = shop();
    write(tried.state, { "bootstrap-secret": "older", "secrets.json": "older" });
    for (const name of ["bootstrap-secret", "secrets.json"]) chmodSync(join(tried.state, name), 0o644);
    await deploy(tried);
    expect(statSync(join(tried.state, "bootstrap-secret")).mode & 0o077).toBe(0);
  });

  it.each([
    { name: "deployed.json", text: '{ "workers": {' },
    { name: "deployed.json", text: '{ "workers": [] }' },
    { name: "deployed.json", text: '{ "worker": {} }' },
    { name: "pending-secrets.json", text: "" },
  ])("goes no further where $name was broken: $text", async ({ name, text }) => {
    const tried = shop();
    write(tried.state, { [name]: text });
    expect(await failure(deploy(tried))).toContain(`${name} is not what a deployment wrote`);
    expect(tried.account.calls).toEqual([]);
  });

  it("makes no new secrets for a control that has some, which another folder's state knows", async () => {
    const tried = shop();
    await deploy(tried);
    const { secrets } = tried.account.workers["shop-control"]!;
    rmSync(tried.state, { recursive: true });
    expect(await failure(deploy(tried))).toContain("shop-control has its secrets already");
    expect(tried.account.workers["shop-control"]!.secrets).toEqual(secrets);
  });
});
