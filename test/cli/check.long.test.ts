import "reflect-metadata";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { checkAll } from "../../cli/tulle/check.ts";
import { VERSION } from "../../src/version.ts";
import { kubeconfig } from "../../src/kube/kubeconfig.ts";
import { folderOf, worker } from "../project/folders.ts";
import { type FakeControl, startFakeControl } from "./fake-control.ts";
import { folderFor, TOKEN, tulle, write } from "./tulle.ts";

const MIGRATIONS = readdirSync(join(import.meta.dirname, "../../migrations")).filter((name) => name.endsWith(".sql"));

let control: FakeControl;
let bundle: string;

beforeAll(async () => {
  control = await startFakeControl();
  x509.cryptoProvider.set(crypto);
  const signing = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(signing, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=mesh",
    notAfter: new Date(Date.now() + 1_000 * 86_400_000),
    keys: keys as CryptoKeyPair,
    signingAlgorithm: signing,
  });
  bundle = certificate.toString("pem");
});
afterAll(async () => control.close());

/** Gateways are seen so long after control is asked: they are in use, however long this process waits for its turn. */
const AHEAD_MS = 3_600_000;

/** Control as it answers where all is well, but for these. */
function answering(more: FakeControl["routes"] = {}, gateways: readonly object[] = [gateway()]): void {
  const status = () => ({
    generation: 3,
    resourceVersion: "9",
    watches: 0,
    gateways: gateways.map((one) => ({ ...one, seenAt: new Date(Date.now() + AHEAD_MS).toISOString() })),
    version: VERSION,
    migrations: MIGRATIONS,
  });
  control.routes = {
    "GET /api/v1/bundle": () => ({ body: bundle }),
    "GET /api/v1/status": () => ({ body: status() }),
    "GET /api/v1/findings": () => ({ body: { generation: 3, objects: 4, findings: [] } }),
    ...more,
  };
}

function gateway(more: object = {}): object {
  const registered = { format: 1, version: VERSION, stateVersions: [VERSION], bindings: ["EP_WEB", "EP_API"] };
  return { gateway: "shop-gateway", generation: 3, have: 3, problem: null, ...registered, ...more };
}

const PROJECT = {
  "tulle.jsonc": {
    mesh: "shop",
    namespaces: {
      default: {
        services: {
          web: { versions: { v1: { config: "web/wrangler.jsonc" } } },
          api: { versions: { v1: { config: "api/wrangler.jsonc" } } },
        },
      },
    },
  },
  ...worker("web", "web", { services: [{ binding: "API", service: "api" }] }),
  ...worker("api", "api", { secrets: { required: ["KEY"] } }),
  "api/.dev.vars": "# of this machine\nKEY=value\n",
};

function project(files: object = {}): string {
  const folder = folderOf("shop", { ...PROJECT, ...files });
  write(
    folder,
    ".tulle/kubeconfig",
    kubeconfig({ server: control.url, ca: null, user: "admin", token: TOKEN, namespace: "default" }),
  );
  return folder;
}

/** Those checks that are not well. */
async function bad(folder: string, more: { pre?: true; env?: string; kubeconfig?: string } = {}) {
  // The kubeconfig is found beside the mesh file.
  const results = await checkAll(folder, { output: "table", timeout: 30_000, ...more });
  return results
    .filter(({ outcome }) => outcome === "error" || outcome === "warning")
    .map(({ id, outcome, details }) => `${id} ${outcome}: ${details.join("; ").replaceAll(/[^ ]*\/shop\//g, "")}`);
}

describe("tulle check", () => {
  it("prints one mark a line, in groups, and ends with 0 where all is well", async () => {
    answering();
    const { code, stdout, stderr } = await tulle(project(), ["check"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines.slice(0, 2)).toEqual([
      "the project: its mesh file, and the Workers that it names",
      "√ the mesh file can be read",
    ]);
    expect(lines.filter((line) => line.startsWith("√")).length).toBe(18);
    expect(lines.filter((line) => line.startsWith("- ")).length).toBe(3);
    expect(lines.at(-2)).toBe("0 errors, 0 warnings in 21 checks");
  });

  it("looks at the mesh alone where there is no mesh file", async () => {
    answering();
    const folder = folderFor(control.url);
    const { code, stdout } = await tulle(folder, ["check", "-o", "json"]);
    rmSync(folder, { recursive: true });
    expect(code).toBe(0);
    const { success, checks } = JSON.parse(stdout) as { success: boolean; checks: readonly object[] };
    expect(success).toBe(true);
    expect(checks[0]).toEqual({
      id: "control-reachable",
      group: "control",
      title: "control answers",
      outcome: "ok",
      details: [],
      docs: "docs/checks.md#control-reachable",
    });
  });

  it("ends with 1 where something must be mended, with a hint and where to read on", async () => {
    answering({}, [gateway({ problem: "its root is too large" })]);
    const { code, stdout, stderr } = await tulle(project(), ["check"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "error: something must be mended\n" });
    expect(stdout).toContain(
      "× gateways have the newest configuration\n    `shop-gateway`: its root is too large\n    docs/troubleshooting.md, `A change that does not arrive`; see docs/checks.md#gateway-configuration\n",
    );
  });

  it("tells what control says of its mesh, and what it does not", async () => {
    answering(
      {
        "GET /api/v1/findings": () => ({
          body: {
            findings: [
              { code: "TULLE0106", message: "no registered gateway has the binding `EP_X`" },
              { code: "TULLE0105", message: "-" },
            ],
          },
        }),
      },
      // As an older control and gateway have it.
      [gateway({ version: undefined, stateVersions: undefined, bindings: ["EP_WEB"], have: 1 })],
    );
    expect(await bad(project())).toEqual([
      `gateway-versions warning: the gateway \`shop-gateway\` does not say its version: it is older than ${VERSION}`,
      "gateway-configuration warning: `shop-gateway`: behind by 2",
      "endpoint-bindings error: `shop-gateway` has no binding `EP_API` to `api`; no registered gateway has the binding `EP_X`",
    ]);
  });

  it("looks at an environment's own mesh where it is deployed, and at the file's where it is local", async () => {
    const web = { services: [{ binding: "API", service: "api" }] };
    const staging = { env: { staging: { services: [{ binding: "API", service: "api-staging" }] } } };
    const files = {
      ...worker("web", "web", { ...web, ...staging }),
      ...worker("api", "api", { env: { staging: {} } }),
    };
    const bindings = ["EP_WEB_STAGING", "EP_API_STAGING"];
    answering({}, [gateway({ bindings })]);
    const folder = project(files);
    expect(await bad(folder, { env: "staging" })).toEqual([]);
    const kubeconfig = join(folder, ".tulle/kubeconfig");
    expect(await bad(folder, { env: "staging", kubeconfig })).toEqual([
      "gateways-registered error: `shop-staging-gateway` of the mesh file never has",
    ]);
    answering({}, [gateway({ gateway: "shop-staging-gateway", bindings })]);
    expect(await bad(folder, { env: "staging", kubeconfig })).toEqual([]);
  });

  it.each([
    { name: "nobody", routes: null, is: /^control-reachable error: nothing listens at / },
    { name: "another server", routes: {}, is: /^control-reachable error: .* answers 404, and not as control does/ },
    {
      name: "a control that does not know the token",
      routes: { "GET /api/v1/status": () => ({ status: 401, body: { kind: "Status", message: "Unauthorized" } }) },
      is: /^control-authorized error: /,
    },
  ])("tells of $name at control's address", async ({ routes, is }) => {
    answering(routes ?? {});
    if (routes !== null && Object.keys(routes).length === 0) control.routes = {};
    const folder = project();
    if (routes === null)
      write(
        folder,
        ".tulle/kubeconfig",
        kubeconfig({ server: "http://127.0.0.1:1", ca: null, user: "a", token: TOKEN, namespace: "default" }),
      );
    expect(await bad(folder)).toEqual([expect.stringMatching(is)]);
  });

  it("tells what is wrong in the project's files", async () => {
    answering();
    const props = { namespace: "default", serviceAccount: "admin", workload: "web", app: "web", version: "v1" };
    const made = {
      name: "web",
      services: [{ binding: "API", service: "shop-gateway", entrypoint: "MeshEntrypoint", props }],
    };
    const folder = project({
      ...worker("new", "new", { services: [{ binding: "API", service: "api" }] }),
      ".tulle/dev/web.jsonc": made,
      "api/.dev.vars": "OTHER=value\n#KEY=1\n",
      "policies/one.yaml":
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: one }\nspec: { rulez: [] }\n",
    });
    expect(await bad(folder)).toEqual([
      "all-workers warning: new/wrangler.jsonc: `new`",
      "policies error: policies/one.yaml:4: spec.rulez: unknown field; did you mean `rules`",
      "local-secrets warning: `api` lacks KEY",
      "generated-props error: .tulle/dev/web.jsonc: the `props` of `API` differ in serviceAccount, service, port",
      "generated-routes error: .tulle/dev/web.jsonc: a name of workers.dev; .tulle/dev/web.jsonc: preview URLs",
    ]);
  });

  it("tells of a mesh file that cannot be read, of a configuration that is gone, of names that clash", async () => {
    answering();
    expect(await bad(project({ "tulle.jsonc": "{ }" }))).toEqual([
      expect.stringMatching(/^mesh-file error: tulle\.jsonc:1:1: /),
    ]);
    const gone = project();
    rmSync(join(gone, "api/wrangler.jsonc"));
    expect((await bad(gone)).map((line) => line.split(":", 1)[0])).toEqual([
      "configurations error",
      "calls-through-mesh warning",
    ]);
    const twice = project(worker("api", "shop-control"));
    expect((await bad(twice)).map((line) => line.split(":", 1)[0])).toContain("names error");
  });
});

/** Stands where wrangler stands: what it says of an account. */
const WRANGLER = `
const [, , ...args] = process.argv;
if (args[0] === "whoami") {
  if (process.env.FAKE_LOGIN === "broken") {
    console.error("✘ [ERROR] Unable to resolve the host\\n\\n  Perhaps…");
    process.exit(1);
  }
  const loggedIn = process.env.FAKE_LOGIN === "yes";
  console.log(JSON.stringify({ loggedIn }));
  process.exit(loggedIn ? 0 : 1);
}
if (process.env.FAKE_SECRETS === undefined) process.exit(1);
console.log(process.env.FAKE_SECRETS);
`;

/** All that the Workers and their gateway need. */
const SECRETS = '[{ "name": "KEY", "type": "secret_text" }, { "name": "EDGE_SECRET", "type": "secret_text" }]';

describe("tulle check --pre", () => {
  const pre = async (env: Readonly<Record<string, string>>, files: object = {}) => {
    const folder = project(files);
    vi.stubEnv("TULLE_WRANGLER", write(folder, "fake-wrangler.mjs", WRANGLER));
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    return bad(folder, { pre: true });
  };
  afterEach(() => vi.unstubAllEnvs());

  it("is content with an account that wrangler may talk to, and that has the secrets", async () => {
    control.asked.length = 0;
    const account = { FAKE_LOGIN: "yes", FAKE_SECRETS: SECRETS };
    // What this machine has of them counts for nothing there.
    expect(await pre(account, { "api/.dev.vars": "" })).toEqual([]);
    expect(control.asked).toEqual([]);
  });

  it.each([
    { env: {}, is: ["wrangler-login error: wrangler is not logged in, and has no token"] },
    {
      env: { FAKE_LOGIN: "yes", FAKE_SECRETS: "[]" },
      is: ["worker-secrets error: `api` lacks KEY", "edge-secret warning: `shop-gateway` has none"],
    },
    { env: { FAKE_LOGIN: "yes" }, is: ["worker-secrets warning: `api` is not on the account yet, and needs KEY"] },
    {
      env: { FAKE_LOGIN: "broken" },
      is: ["wrangler-login error: `wrangler whoami` failed: Unable to resolve the host"],
    },
  ])("tells $is", async ({ env, is }) => {
    expect(await pre(env)).toEqual(is);
  });

  it("tells of a public service that no name leads to, unless its gateway has a domain or its Worker a route", async () => {
    const account = { FAKE_LOGIN: "yes", FAKE_SECRETS: SECRETS };
    const open = (more: object, host = "*") => {
      const { default: namespace } = PROJECT["tulle.jsonc"].namespaces;
      const web = { ...namespace.services.web, public: [host] };
      const services = { ...namespace.services, web };
      return { "tulle.jsonc": { mesh: "shop", namespaces: { default: { services } }, ...more } };
    };
    const nameless = ["public-names warning: `default/web` has none"];
    expect(await pre(account, open({}))).toEqual(nameless);
    expect(await pre(account, open({}, "web.localhost"))).toEqual(nameless);
    expect(await pre(account, open({}, "shop.example.com"))).toEqual([]);
    expect(await pre(account, open({ gateways: { front: { domains: ["shop.example.com"] } } }))).toEqual([]);
    const services = [{ binding: "API", service: "api" }];
    expect(await pre(account, { ...open({}), ...worker("web", "web", { services, route: "example.com/*" }) })).toEqual(
      [],
    );
  });

  it("looks at the routes that an environment is deployed with, as its deployment does", async () => {
    const services = [{ binding: "API", service: "api-staging" }];
    const files = {
      ...worker("web", "web", { services: [], env: { staging: { services, route: "live.example.com/*" } } }),
      ...worker("api", "api", { env: { staging: {} } }),
    };
    expect(await bad(project(files), { pre: true, env: "staging" })).toContainEqual(
      expect.stringMatching(
        /^public-routes error: .*say `"public": \{ "default\/web": \["live.example.com"\] \}` of `environments.staging`/,
      ),
    );
  });

  it("tells of secrets that a deployment made and did not set", async () => {
    const secrets = { FAKE_LOGIN: "yes", FAKE_SECRETS: SECRETS };
    expect(await pre(secrets, { ".tulle/deploy/shop/pending-secrets.json": {} })).toEqual([
      "mesh-secrets warning: secrets are made, and were not set: a deployment stopped before",
    ]);
  });

  it("wants a mesh file", async () => {
    const folder = folderFor(control.url);
    vi.stubEnv("TULLE_WRANGLER", write(folder, "fake-wrangler.mjs", WRANGLER));
    vi.stubEnv("FAKE_LOGIN", "yes");
    expect(await bad(folder, { pre: true })).toEqual([expect.stringMatching(/^mesh-file error: no such file: /)]);
    rmSync(folder, { recursive: true });
  });
});
