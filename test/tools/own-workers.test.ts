import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type Call, send } from "../support/http.ts";
import { InstalledPackage, registryReached } from "../support/installed-package.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const PROJECTS = join(import.meta.dirname, "../projects");

const IS_REACHED = registryReached();
if (!IS_REACHED) console.log("not run: npm's registry");

/** A bound on what hangs: a dry run of a deployment alone bundles each Worker anew. */
const PATIENCE = { timeout: 600_000 };

/** What is done with one project, whose files nobody changes. */
interface Trial {
  readonly name: string;
  readonly portBase: number;
  /** Calls through the mesh, and what they answer. */
  readonly calls: readonly (readonly [path: string, answer: string | RegExp, call?: Call])[];
  /** A policy that denies one caller, a call that it ends, and one that goes on. */
  readonly policy: string;
  readonly denied: readonly [path: string, answer: RegExp];
  readonly allowed: readonly [path: string, answer: RegExp];
  /** Adds a second version to the service in `tulle.jsonc`. */
  readonly second: {
    readonly service: string;
    /** Absent: `tulle init` found it. */
    readonly version?: object;
    readonly files?: Readonly<Record<string, string>>;
  };
  /** A call whose answer tells the version. */
  readonly canary: { readonly path: string; readonly one: string; readonly two: string };
}

const WEIGHTS = (service: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${service}, namespace: default }
spec:
  host: ${service}
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${service}, namespace: default }
spec:
  hosts: [${service}]
  http:
    - route:
        - { destination: { host: ${service}, subset: v1 }, weight: 50 }
        - { destination: { host: ${service}, subset: v2 }, weight: 50 }
`;

const DENY = (app: string, caller: string) => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${app}, namespace: default }
spec:
  selector: { matchLabels: { app: ${app} } }
  action: DENY
  rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/${caller}] } }] }]
`;

const NEXT_INGEST = `{
  "name": "feed-ingest-next",
  "main": "../feed/ingest/src/index.ts",
  "compatibility_date": "2026-09-15",
  "compatibility_flags": ["nodejs_compat"],
  "d1_databases": [{ "binding": "DB", "database_name": "next", "database_id": "7d1d3a6e-0000-4000-8000-000000000001" }],
  "queues": { "producers": [{ "queue": "posted", "binding": "POSTED" }] }
}`;

const NEXT_ACCOUNTS = `{
  "name": "accounts-next",
  "main": "../accounts/accounts/src/index.ts",
  "compatibility_date": "2026-10-01",
  "services": [{ "binding": "AUDIT", "service": "audit" }]
}`;

const TRIALS: readonly Trial[] = [
  {
    name: "storefront",
    portBase: 20_600,
    calls: [
      ["/", "storefront"],
      ["/items/1", '{"name":"teapot","price":24,"edition":"first"}'],
      ["/items/9", "no such item"],
      ["/cart?item=1&item=2", '{"sum":55}'],
    ],
    policy: DENY("storefront-catalog", "storefront-cart"),
    denied: ["/cart?item=1", /^catalog: 403$/],
    allowed: ["/items/1", /teapot/],
    second: { service: "storefront-catalog" },
    canary: { path: "/items/2", one: "first", two: "second" },
  },
  {
    name: "accounts",
    portBase: 20_800,
    calls: [
      ["/whoami", '{"tenant":"acme","scopes":["read","write"]}'],
      ["/deposit", '{"balance":15}'],
      ["/pipelined", '{"balance":0}'],
      ["/close", '{"name":"ScopeError","message":"closing alice needs the scope admin","code":"SCOPE"}'],
      ["/audit", '["deposit 10 to acme/alice","deposit 5 to acme/alice"]'],
    ],
    policy: DENY("audit", "portal"),
    denied: ["/audit", /^\{"name":"MeshDenied","message":"RBAC: access denied"\}$/],
    allowed: ["/whoami", /acme/],
    second: {
      service: "accounts",
      version: { config: "../next/accounts.jsonc" },
      files: { "../next/accounts.jsonc": NEXT_ACCOUNTS },
    },
    // Each version has a memory of its own.
    canary: { path: "/pipelined", one: "0", two: "0" },
  },
  {
    name: "feed",
    portBase: 20_200,
    calls: [
      ["/style.css", /serif/],
      ["/posts", /^\{"id":1\}$/, { method: "POST", body: "first post" }],
      ["/posts", '[{"id":1,"text":"first post"}]'],
      ["/", /<h1>feed<\/h1><p>1 posts<\/p>/],
    ],
    policy: DENY("feed-ingest", "feed-site"),
    denied: ["/posts", /^RBAC: access denied$/],
    allowed: ["/", /feed/],
    second: {
      service: "feed-ingest",
      version: { config: "../next/wrangler.jsonc" },
      files: { "../next/wrangler.jsonc": NEXT_INGEST },
    },
    canary: { path: "/posts", one: "first post", two: "[]" },
  },
];

describe.skipIf(!IS_REACHED)("a folder of Workers that knows nothing of the mesh", () => {
  let installed: InstalledPackage;
  beforeAll(() => {
    installed = InstalledPackage.install();
  });
  afterAll(() => installed?.remove());

  it.each(TRIALS)(
    "$name: init, dev, a policy, a canary, deploy; none of its files changes",
    PATIENCE,
    async (trial) => {
      const folder = join(installed.project, trial.name);
      cpSync(join(PROJECTS, trial.name), folder, { recursive: true });
      const before = fingerprints(folder);
      const tulle = (...args: string[]) =>
        installed.run("bash", ["-c", `cd ${trial.name} && npx tulle ${args.join(" ")}`]);

      expect(tulle("init", "--yes")).toMatchObject({ status: 0 });
      const mesh = await RunningMesh.start(["--port-base", String(trial.portBase)], join(folder, ".tulle"), (args) =>
        installed.start("bash", [
          "-c",
          `cd ${trial.name} && exec npx tulle dev ${args.join(" ").replace("--json", "-o json")}`,
        ]),
      );
      try {
        const call = async (path: string, how: Call = {}): Promise<Answer> => send(`${mesh.info.gateway}${path}`, how);
        for (const [path, answer, how] of trial.calls)
          await until(`${path}: ${answer}`, async () => matches((await call(path, how)).text, answer));

        save(folder, "policies/deny.yaml", trial.policy);
        await until("the refusal", async () => matches((await call(trial.denied[0])).text, trial.denied[1]));
        expect((await call(trial.allowed[0])).text).toMatch(trial.allowed[1]);
        save(folder, "policies/deny.yaml", "");
        await until("no refusal", async () => !matches((await call(trial.denied[0])).text, trial.denied[1]));

        for (const [path, text] of Object.entries(trial.second.files ?? {})) save(folder, path, text);
        if (trial.second.version !== undefined) addVersion(folder, trial.second.service, trial.second.version);
        save(folder, "policies/canary.yaml", WEIGHTS(trial.second.service));
        const { path, one, two } = trial.canary;
        for (const version of [one, two])
          await until(`an answer with ${version}`, async () => (await call(path)).text.includes(version));
        const endpoints = () => new Set(mesh.accessLog().map(({ endpoint }) => endpoint));
        await until("both versions in the log", async () => {
          await call(path);
          return endpoints().size > 1;
        });
      } finally {
        await mesh.stop();
      }

      expect(tulle("deploy", "--plan")).toMatchObject({ status: 0 });
      expect(tulle("deploy", "--dry-run")).toMatchObject({ status: 0 });
      for (const [path, hash] of before) expect([path, fingerprints(folder).get(path)]).toEqual([path, hash]);
    },
  );
});

function matches(text: string, expected: string | RegExp): boolean {
  return typeof expected === "string" ? text === expected : expected.test(text);
}

function fingerprints(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return new Map(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [relative(folder, path), createHash("sha256").update(readFileSync(path)).digest("hex")];
    }),
  );
}

function save(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** As somebody edits the file: a line more. */
function addVersion(folder: string, service: string, version: object): void {
  const path = join(folder, "tulle.jsonc");
  const text = readFileSync(path, "utf8");
  const edited = text.replace(
    new RegExp(`("${service}":\\s*\\{[^]*?"versions":\\s*\\{)`),
    `$1 "v2": ${JSON.stringify(version)},`,
  );
  if (edited === text) throw new Error(`no versions of ${service} in ${text}`);
  writeFileSync(path, edited);
}
