import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accountOf } from "../../cli/deploy/account.ts";
import { deployMesh } from "../../cli/deploy/mesh.ts";
import { type FakeControl, refused, startFakeControl } from "../cli/fake-control.ts";
import { tulle } from "../cli/tulle.ts";
import { captured, OPTIONS, runIn, SHOP, shop, write } from "./support.ts";

const FAKE = join(import.meta.dirname, "fixtures/fake-wrangler.ts");

describe("tulle deploy and tulle destroy", () => {
  it("run wrangler as a program, and pass its words on", async () => {
    const { folder } = shop({ ...SHOP, "web/wrangler.json": { ...SHOP["web/wrangler.json"], account_id: "a1" } });
    const env = {
      TULLE_WRANGLER: FAKE,
      FAKE_ACCOUNT: join(folder, "account.json"),
      FAKE_ACCOUNT_ID: "a1",
      PATH: process.env["PATH"]!,
    };
    const deployed = await tulle(folder, ["deploy", "-o", "json"], { env });
    expect(deployed.code, deployed.stderr).toBe(0);
    const { mesh, steps } = JSON.parse(deployed.stdout) as { mesh: string; steps: readonly object[] };
    expect([mesh, steps.length]).toEqual(["shop", 11]);
    expect(steps[0]).toEqual({ step: "database shop", outcome: "created", ms: expect.any(Number) });
    const { workers } = JSON.parse(readFileSync(env.FAKE_ACCOUNT, "utf8")) as { readonly workers: object };
    expect(Object.keys(workers)).toHaveLength(7);
    write(folder, { "account.json": { failing: { call: 0, after: false } } });
    const failed = await tulle(join(folder, "web"), ["destroy", "--yes"], { env });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /error: step 1\/7 failed: Worker orders-next\n.*\n {2}✘ \[ERROR\] the network is down/,
    );
  });

  it("leave a mesh alone that another process deploys, and go on after one that broke off", async () => {
    const { folder } = shop(SHOP);
    const env = { TULLE_WRANGLER: FAKE, FAKE_ACCOUNT: join(folder, "account.json"), PATH: process.env["PATH"]! };
    const lock = ".tulle/deploy/shop/deploy.lock";
    write(folder, { [lock]: String(process.pid) });
    for (const args of [["deploy"], ["destroy", "--yes"]]) {
      const { code, stderr } = await tulle(folder, args, { env });
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining(`process ${process.pid} deploys or destroys this mesh`),
      ]);
    }
    expect(existsSync(env.FAKE_ACCOUNT)).toBe(false);
    // No process has this number.
    write(folder, { [lock]: String(2 ** 31 - 1) });
    const { code, stderr } = await tulle(folder, ["deploy"], { env });
    expect(code, stderr).toBe(0);
    expect(existsSync(join(folder, lock))).toBe(false);
  });

  it("tell of an environment that nobody outside can call", async () => {
    const file = { ...SHOP["tulle.jsonc"], namespaces: { default: { services: {} } } };
    Object.assign(file.namespaces.default.services, {
      payments: SHOP["tulle.jsonc"].namespaces.default.services.payments,
    });
    const { folder } = shop({ ...SHOP, "tulle.jsonc": file });
    // wrangler takes its name from a variable, too.
    for (const [args, env] of [
      [["--env", "staging"], {}],
      [[], { CLOUDFLARE_ENV: "staging" }],
    ] as const) {
      const { code, stdout, stderr } = await tulle(folder, ["deploy", "--plan", ...args], { env });
      expect(code, stderr).toBe(0);
      expect(stdout).toContain("Worker payments-staging");
      expect(stderr).toContain("nobody outside can call shop-staging: `environments.staging.public`");
    }
  });

  it("refuse a mesh over two accounts", async () => {
    const { project } = await runIn(
      shop({
        ...SHOP,
        "web/wrangler.json": { ...SHOP["web/wrangler.json"], account_id: "a1" },
        "payments/wrangler.json": { ...SHOP["payments/wrangler.json"], account_id: "a2" },
      }),
    );
    expect(() => accountOf(project)).toThrow(/payments\/wrangler\.json: its `account_id` is `a2`, but `a1` in .*web/);
    expect(accountOf((await runIn(shop())).project)).toBeUndefined();
  });

  it.each([
    { args: ["deploy", "--plan", "--dry-run"], code: 2, says: "--plan and --dry-run: give one of them" },
    { args: ["deploy", "--pln"], code: 2, says: "unknown option `--pln`" },
    { args: ["deploy", "nowhere.jsonc"], code: 1, says: "no such file: nowhere.jsonc" },
    { args: ["destroy", "web"], code: 1, says: "no such file: web/tulle.jsonc" },
  ])("refuse $args", async ({ args, code, says }) => {
    const { folder } = shop();
    const ended = await tulle(folder, args);
    expect(ended.stderr).toContain(says);
    expect(ended.code).toBe(code);
  });
});

describe("services and policies", () => {
  let control: FakeControl;
  beforeAll(async () => {
    control = await startFakeControl();
  });
  afterAll(async () => control.close());

  const POLICY = "apiVersion: v1\nkind: Namespace\nmetadata: { name: own }\n";
  interface Sent {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata: { readonly name: string; readonly namespace?: string };
  }
  const applying = (body: string) => ({
    generation: 3,
    results: (JSON.parse(body) as readonly Sent[]).map(
      ({ apiVersion, kind, metadata: { name, namespace = null } }) => ({
        apiVersion,
        kind,
        name,
        namespace,
        action: "created",
      }),
    ),
  });

  it("are applied before the first Workers and after later ones, what the mesh file lost is deleted before", async () => {
    const tried = shop({ ...SHOP, "policies/own.yaml": POLICY });
    write(tried.folder, { token: "tulle_token" });
    const access = { ...OPTIONS, server: control.url, tokenFile: join(tried.folder, "token") };
    control.asked.length = 0;
    control.routes = { "POST /api/v1/apply": ({ body }) => ({ body: applying(body) }) };
    const told = captured();
    await deployMesh(await runIn(tried), access);
    expect(told()).toMatch(
      /^ 4\/11 .*^workloadentry\.networking\.istio\.io\/orders-next created$.*^ 5\/11 .*: applied .*^ 6\/11 /ms,
    );
    const [{ body, headers }] = control.asked as [FakeControl["asked"][number]];
    expect(headers.authorization).toBe("Bearer tulle_token");
    const names = applying(body).results.map(({ kind, name }) => `${kind} ${name}`);
    expect(names).toEqual(
      expect.arrayContaining(["Namespace own", "WorkloadEntry orders-next", "VirtualService web-public"]),
    );

    const file = structuredClone(SHOP["tulle.jsonc"]);
    Reflect.deleteProperty(file.namespaces.default.services.orders.versions, "v2");
    write(tried.folder, { "tulle.jsonc": file });
    const path = "DELETE /k8s/apis/networking.istio.io/v1/namespaces/default/workloadentries/orders-next";
    const first = tried.account.calls.length;
    control.routes = { ...control.routes, [path]: () => refused("Forbidden", "not by you") };
    await expect(deployMesh(await runIn(tried), access)).rejects.toThrow(
      /step {2}1\/10 failed: delete from control networking\.istio\.io\/v1 WorkloadEntry default orders-next\n {2}forbidden: not by you/,
    );
    expect(tried.account.calls.length).toBe(first);
    control.routes = { ...control.routes, [path]: () => ({ body: {} }) };
    control.asked.length = 0;
    await deployMesh(await runIn(tried), access);
    expect(control.asked.map(({ method, path: asked }) => `${method} ${asked.split("?")[0]}`)).toEqual([
      path,
      "POST /api/v1/apply",
    ]);
    await deployMesh(await runIn(tried), access);
    expect(control.asked.filter(({ method }) => method === "DELETE")).toHaveLength(1);
  });

  it("stop a deployment before its first Worker where control's domain does not answer", async () => {
    const file = { ...SHOP["tulle.jsonc"], control: { domain: "control.invalid" } };
    const tried = shop({ ...SHOP, "tulle.jsonc": file });
    captured();
    await expect(deployMesh(await runIn(tried), OPTIONS)).rejects.toThrow(
      /^step {2}5\/11 failed: services and policies of .*control\.invalid.*a new domain takes some minutes/s,
    );
    expect(Object.keys(tried.account.workers)).toEqual(["shop-control", "shop-state"]);
    expect(existsSync(join(tried.state, "kubeconfig"))).toBe(false);
  });

  it("that control refuses fail the deployment with its words", async () => {
    const tried = shop();
    write(tried.folder, { token: "tulle_token" });
    control.routes = { "POST /api/v1/apply": () => refused("Forbidden", "not by you") };
    captured();
    const access = { ...OPTIONS, server: control.url, tokenFile: join(tried.folder, "token") };
    await expect(deployMesh(await runIn(tried), access)).rejects.toThrow("forbidden: not by you");
  });
});
