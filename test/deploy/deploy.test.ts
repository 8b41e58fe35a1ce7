import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

interface Call {
  readonly args: readonly string[];
  readonly config?: {
    readonly name: string;
    readonly vars?: Record<string, string>;
    readonly mtls_certificates?: readonly object[];
    readonly services: readonly { readonly binding: string; readonly service: string; readonly props?: object }[];
    readonly d1_databases?: readonly { readonly database_id: string }[];
  };
  readonly secrets?: readonly string[];
}

const PROJECT = join(import.meta.dirname, "../..");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tulle-deploy-"));
  // The fake stands first on PATH, under the name of the real one.
  symlinkSync(join(import.meta.dirname, "fixtures/fake-wrangler.mjs"), join(folder, "wrangler"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function deploy(args: readonly string[], env: Record<string, string> = {}) {
  const run = spawnSync(process.execPath, ["cli/deploy/main.ts", "--state", join(folder, "state"), ...args], {
    cwd: PROJECT,
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${folder}${delimiter}${process.env.PATH}`,
      FAKE_WRANGLER_LOG: join(folder, "calls"),
      ...env,
    },
  });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

function calls(): readonly Call[] {
  const path = join(folder, "calls");
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Call);
}

function words(call: Call): string {
  return call.args.filter((word, at) => word !== "--config" && call.args[at - 1] !== "--config").join(" ");
}

describe("npm run deploy, with a fake wrangler", () => {
  it("prints the plan for Bookinfo, whose gateway and services bind each other, and calls nothing", () => {
    const { status, stdout } = deploy(["--plan"]);
    expect(status).toBe(0);
    const steps = stdout.split("\n").map((line) => line.replace(/^ *\d+\. /, "").replace(/ {2}\(.*/, ""));
    expect(steps.filter((step) => step.startsWith("deploy"))).toEqual([
      "deploy the control Worker tulle-control",
      "deploy the state Worker tulle-state",
      "deploy the service Worker details-v1",
      "deploy the service Worker ratings-v1",
      "deploy the gateway Worker tulle-gateway, without its bindings to productpage-v1, reviews-v1, reviews-v2, reviews-v3 (they are not there yet)",
      "deploy the service Worker productpage-v1",
      "deploy the service Worker reviews-v1",
      "deploy the service Worker reviews-v2",
      "deploy the service Worker reviews-v3",
      "deploy the gateway Worker tulle-gateway, again, now with all its bindings",
    ]);
    expect(calls()).toEqual([]);
  });

  it("creates the database, migrates it, sets the secrets with control, then deploys in order", () => {
    const { status } = deploy([]);
    expect(status).toBe(0);
    const made = calls();
    expect(made.slice(0, 4).map(words)).toEqual([
      "d1 list --json",
      "d1 create tulle",
      "d1 list --json",
      "d1 migrations apply tulle --remote",
    ]);
    expect(made[4]?.config?.name).toBe("tulle-control");
    expect(made[4]?.secrets).toEqual(["BOOTSTRAP_SECRET", "KEY_ENCRYPTION_SECRET", "SNAPSHOT_PRIVATE_KEY"]);
    expect(made[4]?.config?.d1_databases?.[0]?.database_id).toBe("11111111-2222-3333-4444-555555555555");
    const gateways = made.filter((call) => call.config?.name === "tulle-gateway");
    expect(
      gateways.map((call) => call.config?.services.filter(({ binding }) => binding.startsWith("EP_")).length),
    ).toEqual([2, 6]);
    const caller = made.find((call) => call.config?.name === "reviews-v2")?.config?.services[0];
    expect(caller).toMatchObject({
      service: "tulle-gateway",
      entrypoint: "MeshEntrypoint",
      props: { namespace: "default", serviceAccount: "bookinfo-reviews", workload: "reviews-v2" },
    });
  });

  it("finds its database and keys again, and leaves the secrets as they are", () => {
    deploy([]);
    const before = calls().length;
    const { status } = deploy([]);
    expect(status).toBe(0);
    const again = calls().slice(before);
    expect(again.some((call) => call.args[1] === "create" || call.secrets)).toBe(false);
    const keys = calls()
      .filter((call) => call.config?.name === "tulle-gateway")
      .map((call) => call.config?.vars?.SNAPSHOT_KEYS);
    expect(new Set(keys).size).toBe(1);
  });

  it("keeps the bootstrap secret readable by its owner alone, and no file of the others", () => {
    deploy([]);
    expect(statSync(join(folder, "state/bootstrap-secret")).mode & 0o077).toBe(0);
    expect(existsSync(join(folder, "state/secrets.json"))).toBe(false);
  });

  it("stops at the step that fails, says so, and deploys nothing after it", () => {
    const { status, stderr } = deploy([], { FAKE_WRANGLER_FAIL: "tulle-state" });
    expect(status).toBe(1);
    expect(stderr).toContain("Nothing after this step was done");
    expect(calls().at(-1)?.config?.name).toBe("tulle-state");
  });

  it("gives a gateway the client certificates that DestinationRules name", () => {
    const web = { name: "web", serviceAccount: "web", workers: [{ worker: "web-v1", main: "web.ts", version: "v1" }] };
    const file = join(folder, "deploy.json");
    const gateways = [{ name: "gw", fronts: ["*"], certificates: { "shop.client-cert": "id-1" } }];
    writeFileSync(file, JSON.stringify({ services: [web], gateways }));
    writeFileSync(join(folder, "web.ts"), "export default {};");
    expect(deploy(["--file", file]).status).toBe(0);
    expect(calls().find((call) => call.config?.name === "gw")?.config?.mtls_certificates).toEqual([
      { binding: "CERT_SHOP_CLIENT_CERT", certificate_id: "id-1" },
    ]);
  });

  it("sets how much of its log a gateway writes", () => {
    const web = { name: "web", serviceAccount: "web", workers: [{ worker: "web-v1", main: "web.ts", version: "v1" }] };
    const file = join(folder, "deploy.json");
    const gateways = [{ name: "gw", fronts: ["*"], logOneIn: 100 }];
    writeFileSync(file, JSON.stringify({ services: [web], gateways }));
    writeFileSync(join(folder, "web.ts"), "export default {};");
    expect(deploy(["--file", file]).status).toBe(0);
    expect(calls().find((call) => call.config?.name === "gw")?.config?.vars).toMatchObject({ LOG_ONE_IN: "100" });
  });

  it.each([
    {
      name: "a call to a service that is not there",
      change: { calls: ["nowhere"] },
      says: "services.0.calls.0: no service `nowhere` here",
    },
    { name: "a field that nobody knows", change: { colour: "red" }, says: "colour" },
    {
      name: "a Worker named like control",
      change: { workers: [{ worker: "tulle-control", main: "x.ts", version: "v1" }] },
      says: "already that of the control Worker",
    },
  ])("refuses $name, and calls nothing", ({ change, says }) => {
    const service = {
      name: "web",
      serviceAccount: "web",
      workers: [{ worker: "web-v1", main: "web.ts", version: "v1" }],
      ...change,
    };
    const file = join(folder, "deploy.json");
    writeFileSync(file, JSON.stringify({ services: [service], gateways: [{ name: "gw", fronts: ["*"] }] }));
    const { status, stderr } = deploy(["--file", file]);
    expect(status).toBe(1);
    expect(stderr).toContain(says);
    expect(calls()).toEqual([]);
  });

  it("names an option that it does not know", () => {
    const { status, stderr } = deploy(["--pln"]);
    expect(status).toBe(2);
    expect(stderr).toContain("--pln");
  });
});
