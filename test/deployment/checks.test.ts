import { describe, expect, it } from "vitest";
import { type AccountFacts, accountChecks } from "../../src/deployment/account-checks.ts";
import { CHECKS, type CheckResult } from "../../src/deployment/check-kinds.ts";
import { type GeneratedFile, generatedChecks } from "../../src/deployment/generated-checks.ts";
import { type GatewayFacts, type MeshFacts, meshChecks, type Own } from "../../src/deployment/mesh-checks.ts";
import { MeshFile } from "../../src/deployment/mesh-file.ts";
import { type ProjectFacts, projectChecks } from "../../src/deployment/project-checks.ts";
import { type Topology, topologyOf } from "../../src/deployment/topology.ts";
import { digest } from "../../project/digest.ts";

/** Those that are not well: `id outcome: details`. */
function told(results: readonly CheckResult[]): readonly string[] {
  return results
    .filter(({ outcome }) => outcome === "error" || outcome === "warning")
    .map(({ id, outcome, details }) => `${id} ${outcome}: ${details.join("; ")}`);
}

function ids(results: readonly CheckResult[], outcome: CheckResult["outcome"]): readonly string[] {
  return results.filter((one) => one.outcome === outcome).map(({ id }) => id);
}

function topology(open = false): Topology {
  const version = (config: string) => ({ versions: { v1: { config } } });
  const file = MeshFile.parse({
    mesh: "shop",
    namespaces: { default: { services: { web: { ...version("web"), allowPublicRoutes: open }, api: version("api") } } },
  });
  const bindings = {
    web: [
      { binding: "API", service: "api" },
      { binding: "MAIL", service: "mailer" },
    ],
    api: [],
  };
  const made = topologyOf(file, (_, name) => ({ name, services: bindings[name as "web"] }), digest);
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  return made.value;
}

const WELL: ProjectFacts = {
  meshFile: null,
  findings: [],
  unnamed: [],
  named: ["web/wrangler.toml"],
  problems: "",
  open: [],
  secretless: [],
  policyErrors: [],
};

describe("projectChecks", () => {
  const finding = (code: ProjectFacts["findings"][number]["code"], config = "web/wrangler.toml") => ({
    findings: [{ code, config, message: "seen" }],
  });

  it("is content with a project in which nothing is wrong", () => {
    expect(ids(projectChecks(WELL), "ok").length).toBe(9);
  });

  const cases: readonly { is: string; facts: Partial<ProjectFacts> }[] = [
    { is: "configurations error", facts: finding("TULLE1001") },
    { is: "configurations error", facts: finding("TULLE1008") },
    { is: "configurations error", facts: finding("TULLE1003") },
    { is: "configurations error", facts: finding("TULLE1005") },
    { is: "names error", facts: { problems: "tulle.jsonc:1:2: twice\ntulle.jsonc:3:4: twice" } },
    { is: "names warning", facts: finding("TULLE1002") },
    { is: "all-workers warning", facts: { unnamed: [{ config: "new/wrangler.toml", worker: "new" }] } },
    { is: "compatibility-dates error", facts: finding("TULLE1006") },
    { is: "compatibility-dates warning", facts: finding("TULLE1007") },
    { is: "compatibility-dates warning", facts: finding("TULLE1011") },
    { is: "calls-through-mesh warning", facts: finding("TULLE1101") },
    { is: "calls-through-mesh warning", facts: finding("TULLE1102") },
    { is: "public-routes error", facts: finding("TULLE1201") },
    { is: "public-routes warning", facts: { open: ["default/web"] } },
    { is: "local-secrets warning", facts: { secretless: ["`api` lacks KEY"] } },
    { is: "policies error", facts: { policyErrors: ["policies/a.yaml:1: wrong"] } },
  ];
  it.each(cases)("tells $is of $facts", ({ is, facts }) => {
    const results = projectChecks({ ...WELL, ...facts });
    expect(told(results).map((line) => line.split(":", 1)[0])).toEqual([is]);
    expect(ids(results, "skipped")).toEqual([]);
  });

  it("says nothing of a project beside the mesh that it cannot take", () => {
    expect(told(projectChecks({ ...WELL, ...finding("TULLE1003", "site/wrangler.toml") }))).toEqual([]);
  });

  it("looks at nothing else where the mesh file cannot be read", () => {
    const results = projectChecks({ ...WELL, meshFile: "tulle.jsonc:1:1: broken" });
    expect(told(results)).toEqual(["mesh-file error: tulle.jsonc:1:1: broken"]);
    expect(ids(results, "skipped").length).toBe(8);
  });
});

describe("accountChecks", () => {
  const account: AccountFacts = {
    login: null,
    nameless: [],
    meshSecrets: "set",
    secrets: [{ worker: "web", required: ["KEY"], set: ["KEY"] }],
    gateways: [{ worker: "shop-gateway", set: ["EDGE_SECRET"] }],
  };

  it.each([
    { is: [], facts: {} },
    { is: ["wrangler-login error: not logged in"], facts: { login: "not logged in" } },
    { is: ["public-names warning: `default/web` has none"], facts: { nameless: ["default/web"] } },
    {
      is: ["mesh-secrets warning: secrets are made, and were not set: a deployment stopped before"],
      facts: { meshSecrets: "pending" as const },
    },
    {
      is: ["worker-secrets error: `web` lacks OTHER"],
      facts: { secrets: [{ worker: "web", required: ["KEY", "OTHER"], set: ["KEY"] }] },
    },
    {
      is: ["worker-secrets warning: `web` is not on the account yet, and needs KEY"],
      facts: { secrets: [{ worker: "web", required: ["KEY"], set: null }] },
    },
    {
      is: ["edge-secret warning: `shop-gateway` has none"],
      facts: {
        gateways: [
          { worker: "shop-gateway", set: ["ASSERTION_KEY"] },
          { worker: "inner", set: ["EDGE_SECRET"] },
        ],
      },
    },
  ])("tells $is", ({ is, facts }) => {
    expect(told(accountChecks({ ...account, ...facts }))).toEqual(is);
  });

  it("does not judge secrets that it cannot see", () => {
    expect(ids(accountChecks({ ...account, login: "no" }), "skipped")).toEqual(["worker-secrets", "edge-secret"]);
    expect(ids(accountChecks({ ...account, meshSecrets: "none" }), "skipped")).toEqual(["mesh-secrets"]);
    const gateways = [{ worker: "shop-gateway", set: null }];
    expect(ids(accountChecks({ ...account, gateways }), "skipped")).toEqual(["edge-secret"]);
  });
});

describe("generatedChecks", () => {
  const mesh = topology();
  const [into] = mesh.services.find(({ name }) => name === "web")!.workers[0]!.bindings;
  const good = { binding: "API", service: "shop-gateway", entrypoint: "MeshEntrypoint", props: into!.props };
  const file = (services: GeneratedFile["services"], waysIn: readonly string[] = []): GeneratedFile => ({
    file: ".tulle/dev/web.jsonc",
    name: "web",
    services: [...services, { binding: "MAIL", service: "mailer" }],
    waysIn,
  });

  it("is content with what the mesh file says, and with other Workers' files", () => {
    expect(told(generatedChecks([file([good]), { ...file([]), name: "shop-gateway" }], mesh))).toEqual([]);
  });

  it.each([
    {
      is: "generated-props error: .tulle/dev/web.jsonc: `API` has no `props`",
      made: file([{ ...good, props: undefined }]),
    },
    {
      is: "generated-props error: .tulle/dev/web.jsonc: the `props` of `API` differ in serviceAccount, extra",
      made: file([{ ...good, props: { ...good.props, serviceAccount: "admin", extra: 1 } }]),
    },
    { is: "generated-props error: .tulle/dev/web.jsonc: the binding `API` is not there", made: file([]) },
    {
      is: "generated-props error: .tulle/dev/web.jsonc: `OLD` leads into the mesh, and the mesh file knows nothing of it",
      made: file([good, { ...good, binding: "OLD" }]),
    },
    {
      is: "generated-bindings error: .tulle/dev/web.jsonc: `API` binds `api` itself, not `shop-gateway`",
      made: file([{ binding: "API", service: "api" }]),
    },
    {
      is: "generated-routes error: .tulle/dev/web.jsonc: the route a.example.com/*",
      made: file([good], ["the route a.example.com/*"]),
    },
  ])("tells $is", ({ is, made }) => {
    expect(told(generatedChecks([made], mesh))).toEqual([is]);
  });

  it("lets a service keep its routes that may", () => {
    expect(told(generatedChecks([file([good], ["a name of workers.dev"])], topology(true)))).toEqual([]);
  });

  it("looks at nothing where nothing was made, or the project cannot be read", () => {
    expect(ids(generatedChecks([], mesh), "skipped").length).toBe(3);
    expect(ids(generatedChecks([file([])], null), "skipped").length).toBe(3);
  });
});

describe("meshChecks", () => {
  const NOW = Date.parse("2026-11-01T00:00:00Z");
  const own: Own = { version: "1.0.0", migrations: ["0000_a.sql", "0001_b.sql"], now: NOW, topology: topology() };
  const gateway: GatewayFacts = {
    gateway: "shop-gateway",
    version: "1.0.0",
    stateVersions: ["1.0.0"],
    bindings: ["EP_API", "EP_WEB"],
    state: "current",
    grade: "good",
  };
  const mesh: NonNullable<MeshFacts["mesh"]> = {
    version: "1.0.0",
    migrations: own.migrations,
    gateways: [gateway],
    unbound: [],
  };
  const facts: MeshFacts = {
    unreachable: null,
    unauthorized: null,
    mesh,
    certificates: [{ subject: "`CN=mesh`", endsAt: NOW + 1_000 * 86_400_000 }],
  };
  const withGateway = (change: Partial<GatewayFacts>) => ({ mesh: { ...mesh, gateways: [{ ...gateway, ...change }] } });
  const ending = (days: number) => ({ certificates: [{ subject: "`CN=mesh`", endsAt: NOW + days * 86_400_000 }] });

  const cases: readonly { is: readonly string[]; change: Partial<MeshFacts> }[] = [
    { is: [], change: {} },
    {
      is: [
        "control-version warning: control is 0.9.0, not 1.0.0",
        "gateway-versions warning: the gateway `shop-gateway` is 1.0.0, not 0.9.0; a state Worker behind `shop-gateway` is 1.0.0, not 0.9.0",
      ],
      change: { mesh: { ...mesh, version: "0.9.0" } },
    },
    {
      is: ["gateway-versions warning: the gateway `shop-gateway` does not say its version: it is older than 1.0.0"],
      change: withGateway({ version: null, stateVersions: [] }),
    },
    {
      is: ["gateway-versions warning: a state Worker behind `shop-gateway` is 0.9.0, not 1.0.0"],
      change: withGateway({ stateVersions: ["1.0.0", "0.9.0"] }),
    },
    { is: ["migrations error: not applied: 0001_b.sql"], change: { mesh: { ...mesh, migrations: ["0000_a.sql"] } } },
    {
      is: ["gateways-registered error: `shop-gateway` of the mesh file never has"],
      change: { mesh: { ...mesh, gateways: [] } },
    },
    {
      is: ["gateway-configuration error: `shop-gateway`: refuses"],
      change: withGateway({ state: "refuses", grade: "bad" }),
    },
    {
      is: ["gateway-configuration warning: `shop-gateway`: behind by 2"],
      change: withGateway({ state: "behind by 2", grade: "late" }),
    },
    {
      is: ["endpoint-bindings error: `shop-gateway` has no binding `EP_API` to `api`"],
      change: withGateway({ bindings: ["EP_WEB"] }),
    },
    {
      is: ["endpoint-bindings error: no gateway has it"],
      change: { mesh: { ...mesh, unbound: ["no gateway has it"] } },
    },
    { is: ["authority-certificate warning: `CN=mesh` ends in 89 days"], change: ending(89.5) },
    { is: ["authority-certificate error: `CN=mesh` has ended"], change: ending(0) },
    { is: ["control-authorized error: 401"], change: { unauthorized: "401", mesh: null } },
    {
      is: ["control-reachable error: nothing listens"],
      change: { unreachable: "nothing listens", mesh: null, certificates: [] },
    },
  ];
  it.each(cases)("tells $is", ({ is, change }) => {
    expect(told(meshChecks({ ...facts, ...change }, own))).toEqual(is);
  });

  it("wants one gateway at least where there is no mesh file", () => {
    const results = meshChecks({ ...facts, mesh: { ...mesh, gateways: [] } }, { ...own, topology: null });
    expect(told(results)).toEqual(["gateways-registered error: none has"]);
  });

  it("looks at nothing behind a control that does not answer, or does not take the token", () => {
    expect(ids(meshChecks({ ...facts, unreachable: "gone" }, own), "skipped").length).toBe(8);
    expect(ids(meshChecks({ ...facts, unauthorized: "401", mesh: null }, own), "skipped").length).toBe(6);
  });

  it("has, with the others, one result for every check of the table", () => {
    const all = [
      ...projectChecks(WELL),
      ...accountChecks({ login: null, nameless: [], meshSecrets: "set", secrets: [], gateways: [] }),
      ...generatedChecks([], own.topology),
      ...meshChecks(facts, own),
    ];
    expect(all.map(({ id }) => id).toSorted()).toEqual(Object.keys(CHECKS).toSorted());
  });
});
