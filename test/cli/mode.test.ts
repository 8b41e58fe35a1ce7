import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CommandError } from "../../cli/tulle/command-error.ts";
import { tulleProgram } from "../../cli/tulle/program.ts";
import { RUNGS } from "../../src/deployment/adoption.ts";
import { type Asked, type FakeControl, startFakeControl } from "./fake-control.ts";
import { folderFor, tulle } from "./tulle.ts";

let control: FakeControl;
let folder: string;

beforeAll(async () => {
  control = await startFakeControl();
  folder = folderFor(control.url);
  const list =
    (...items: readonly object[]) =>
    () => ({ body: { items } });
  control.routes = {
    "GET /k8s/api/v1/namespaces": list(),
    "GET /k8s/apis/security.istio.io/v1/peerauthentications": list({
      metadata: { name: "all", namespace: "root" },
      spec: { mtls: { mode: "STRICT" } },
    }),
    "GET /k8s/apis/security.istio.io/v1/authorizationpolicies": list(),
    "GET /k8s/apis/networking.istio.io/v1/virtualservices": list({
      metadata: { name: "made", namespace: "default", labels: { "app.kubernetes.io/managed-by": "tulle" } },
      spec: {},
    }),
    "GET /k8s/apis/networking.istio.io/v1/destinationrules": list(
      ...["a", "b", "c"].map((name) => ({ metadata: { name, namespace: "default" }, spec: {} })),
    ),
    "GET /k8s/apis/tulle.dev/v1alpha1/meshconfigs": list({
      metadata: { name: "default" },
      spec: { rootNamespace: "root" },
    }),
  };
});
afterAll(async () => {
  await control.close();
  rmSync(folder, { recursive: true });
});

describe("tulle mode", () => {
  it("tells on which rungs a mesh is, and by which objects", async () => {
    const { code, stdout } = await tulle(folder, ["mode"]);
    expect(code).toBe(0);
    const rows = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {3,}/));
    expect(rows.map(([rung, state, , by]) => [rung, state, by])).toEqual([
      ["RUNG", "STATE", "BY"],
      ["observe", "off", undefined],
      ["permissive", "off", undefined],
      ["strict", "on", "PeerAuthentication root/all"],
      ["policies", "off", undefined],
      ["traffic", "on", "DestinationRule default/a, DestinationRule default/b and 1 more"],
    ]);
    const json = JSON.parse((await tulle(folder, ["mode", "-o", "json"])).stdout) as { rungs: readonly object[] };
    expect(json.rungs[2]).toEqual({
      rung: "strict",
      state: "on",
      by: ["PeerAuthentication root/all"],
      does: RUNGS.strict.does,
    });
  });

  const refused = async (rung: string) => tulleProgram().parseAsync(["node", "tulle", "mode", rung]);

  it.each(["policies", "traffic"])("refuses to take %s, and tells what to do in its place", async (rung) => {
    await expect(refused(rung)).rejects.toThrow(`see docs/adoption.md#${rung}`);
    await expect(refused(rung)).rejects.toThrow(CommandError);
  });

  it("tells what the mesh refuses without the lines of a file that nobody wrote", async () => {
    const { routes } = control;
    const reason = 'namespaces "shopp" not found';
    const refusal = { kind: "Status", status: "Failure", code: 422, message: `nothing was stored: line 1: ${reason}` };
    const results = [{ kind: "Namespace", name: "shopp", line: 1, status: { message: reason } }];
    control.routes = {
      ...routes,
      "POST /api/v1/apply": () => ({ status: 422, body: { ...refusal, results } }),
    };
    const { code, stderr } = await tulle(folder, ["mode", "observe", "shopp"]);
    control.routes = routes;
    expect(code).toBe(1);
    expect(stderr).toContain('nothing was stored: namespaces "shopp" not found');
    expect(stderr).not.toContain("line 1");
  });

  it("takes a rung by writing what makes it, and passes on whom it locks out", async () => {
    let asked: Asked | null = null;
    const result = { apiVersion: "v1", kind: "Namespace", namespace: "", name: "shop", action: "configured" };
    const applied = { generation: 3, results: [{ ...result, warnings: ["locks out nobody [TULLE0610]"] }] };
    control.routes = {
      ...control.routes,
      "POST /api/v1/apply": (call) => {
        asked = call;
        return { body: applied };
      },
    };
    const { code, stdout, stderr } = await tulle(folder, ["mode", "observe", "shop", "--dry-run"]);
    expect(code, stderr).toBe(0);
    const { path, body: sent } = asked ?? { path: "", body: "null" };
    const body: unknown = JSON.parse(sent);
    expect(path).toContain("dryRun=All");
    expect(body).toEqual([
      {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: "shop", labels: { "tulle.dev/mode": "observe" }, annotations: {} },
      },
    ]);
    expect(stdout).toContain("shop");
    expect(stderr).toContain("locks out nobody [TULLE0610]");
  });

  it("refuses a rung that there is not", async () => {
    const { code, stderr } = await tulle(folder, ["mode", "paranoid"]);
    expect(code).toBe(2);
    expect(stderr).toContain("observe, permissive");
  });
});
