import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMPILED, MAIN, tulle as runTulle } from "../cli/tulle.ts";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const GATEWAYS = "/k8s/apis/networking.istio.io/v1/namespaces/default/gateways";

const DENY = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: shut }
spec: { action: DENY, selector: { matchLabels: { app: productpage } }, rules: [{}] }
`;

/** A change that no request notices. */
const DENY_NOTHING = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: quiet }
spec: { action: DENY, selector: { matchLabels: { app: productpage } }, rules: [{ to: [{ operation: { paths: [/nothing] } }] }] }
`;

/** The command line with a real mesh. */
describe("tulle", () => {
  let mesh: RunningMesh;
  let folder: string;
  beforeAll(async () => {
    mesh = await RunningMesh.start(["--port-base", "29500", "--loopback", "127.0.35.0/24", "--example", "bookinfo"]);
    folder = mkdtempSync(join(tmpdir(), "tulle-cli-"));
    writeFileSync(join(folder, "shut.yaml"), DENY);
  });
  afterAll(async () => {
    await mesh.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const tulle = async (...args: readonly string[]) =>
    runTulle(folder, [...args, "--kubeconfig", mesh.info.kubeconfigFile]);

  async function page(): Promise<number> {
    return (await send(mesh.info.page ?? "")).status;
  }

  /** A gateway says what it has as long as requests come. */
  async function whileInUse<T>(run: () => Promise<T>): Promise<T> {
    const state = { over: false };
    const running = run().finally(() => (state.over = true));
    while (!state.over) await page();
    return running;
  }

  async function generation(): Promise<number> {
    return (JSON.parse((await tulle("status", "-o", "json")).stdout) as { generation: number }).generation;
  }

  it("applies a bad policy, waits until gateways have it, and takes it back by one rollback", async () => {
    const good = await generation();
    const applied = await tulle("apply", "-f", "shut.yaml");
    expect([applied.code, applied.stdout]).toEqual([0, "authorizationpolicy.security.istio.io/shut created\n"]);
    await until("the page is shut", async () => (await page()) === 403);
    const waited = await whileInUse(async () => tulle("status", "--wait", "60", "--check"));
    expect([waited.code, waited.stdout]).toEqual([0, expect.stringContaining("current")]);
    const tried = await tulle("rollback", String(good), "--dry-run");
    expect([tried.code, await page()]).toEqual([0, 403]);
    const back = await tulle("rollback", String(good));
    expect([back.code, back.stdout]).toEqual([0, expect.stringContaining("shut deleted")]);
    await until("the page is open", async () => (await page()) === 200);
    const listed = await tulle("revisions", "--limit", "2");
    expect(listed.stdout).toContain(`rollback to ${good}`);
  });

  it("explains a refused request by its id, with the line of the file, and the same one by a curl line", async () => {
    expect((await tulle("apply", "-f", "shut.yaml")).code).toBe(0);
    await until("the page is shut", async () => (await page()) === 403);
    let id: string | null = null;
    await until("a refusal is written down", async () => {
      await page();
      return (id = await anyRecord()) !== null;
    });
    const recorded = id ?? "";
    const told = (await tulle("explain", recorded, "-f", "shut.yaml")).stdout;
    expect(told).toMatch(/^verdict +403 rbac_denied_matched_policy$/m);
    expect(told).toMatch(/AuthorizationPolicy default\/shut, spec\.rules\[0\]\n.*\n +shut\.yaml:5$/m);
    const json = await tulle("explain", recorded, "-o", "json");
    expect(JSON.parse(json.stdout)).toMatchObject({ record: { agrees: true }, verdict: { policy: "default/shut" } });
    const curl = ["explain", "--", "curl", "-s", mesh.info.page ?? ""];
    const invented = await runTulle(folder, ["--kubeconfig", mesh.info.kubeconfigFile, ...curl]);
    expect([invented.code, invented.stdout]).toEqual([0, expect.stringContaining("default/shut")]);
    expect((await tulle("rollback", String((await generation()) - 1))).code).toBe(0);
    await until("the page is open", async () => (await page()) === 200);
  });

  async function anyRecord(): Promise<string | null> {
    const token = readFileSync(mesh.info.tokenFile, "utf8").trim();
    const answer = await send(`${mesh.info.controlHttp}/api/v1/records?policy=default/shut&limit=1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const { records } = JSON.parse(answer.text) as { readonly records: readonly { readonly requestId: string }[] };
    return records[0]?.requestId ?? null;
  }

  it("shows a live request, with the id that explain takes", async () => {
    const args = [MAIN, "tail", "--path", "/productpage", "--kubeconfig", mesh.info.kubeconfigFile];
    const child = spawn(process.execPath, args, { cwd: folder, env: COMPILED, stdio: ["ignore", "pipe", "pipe"] });
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      await until("the tail is ready", () => said.err.includes("ready"));
      const began = performance.now();
      expect(await page()).toBe(200);
      await until("its line", () => /GET default\/productpage \/productpage < .* [\da-f-]{36}$/m.test(said.out));
      console.log(`tulle tail showed a request after ${Math.round(performance.now() - began)} ms; docs say within 2 s`);
    } finally {
      child.kill("SIGTERM");
      await ended;
    }
  });

  it("shows a gateway as current after the one request that brought it the change, though no other comes", async () => {
    writeFileSync(join(folder, "quiet.yaml"), DENY_NOTHING);
    expect((await tulle("apply", "-f", "quiet.yaml")).code).toBe(0);
    expect(await page()).toBe(200);
    await until("a gateway is current", async () => /\bcurrent$/m.test((await tulle("status")).stdout));
  });

  it("says what is wrong with a file and with what is stored, by the same codes", async () => {
    const file = join(folder, "lost.yaml");
    const lost = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: lost }
spec:
  hosts: [lost.test]
  http: [{ route: [{ destination: { host: nowhere } }] }]
`;
    writeFileSync(file, lost);
    const files = await tulle("analyze", "-f", file);
    expect(files).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/:6:22: warning: .*nowhere.*\[TULLE0102\]$/m),
    });
    expect((await tulle("apply", "-f", file)).stderr).toMatch(/nowhere.*\[TULLE0102\]$/m);
    const stored = await tulle("analyze", "--fail-on", "warning");
    expect(stored).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^warning: VirtualService default\/lost: .*\[TULLE0102\]$/m),
    });
    writeFileSync(
      file,
      lost.replace("name: lost }", "name: lost, annotations: { tulle.dev/analyze-suppress: TULLE0102 } }"),
    );
    await tulle("apply", "-f", file);
    expect((await tulle("analyze")).stdout).not.toContain("lost");
  });

  it("refuses a rollback to what never was, and an apply for another generation", async () => {
    expect((await tulle("rollback", "99999")).code).toBe(1);
    const late = await tulle("apply", "-f", "shut.yaml", "--if-generation", "1");
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("generation")]);
    expect(await page()).toBe(200);
  });

  it("makes a token that reaches one namespace, and takes it back", async () => {
    const made = await tulle("token", "create", "ci", "--role", "viewer", "-n", "default");
    const headers = { authorization: `Bearer ${made.stdout.trim()}` };
    const ask = async (path: string) => (await send(`${mesh.info.controlHttp}${path}`, { headers })).status;
    expect([made.code, await ask(GATEWAYS), await ask(GATEWAYS.replace("default", "istio-system"))]).toEqual([
      0, 200, 403,
    ]);
    const tokens = JSON.parse((await tulle("token", "list", "-o", "json")).stdout) as {
      tokens: { id: string; name: string }[];
    };
    const id = tokens.tokens.find(({ name }) => name === "ci")?.id ?? "";
    expect((await tulle("token", "revoke", id)).code).toBe(0);
    expect(await ask(GATEWAYS)).toBe(401);
  });

  it("enrols a workload, whose certificate opens the mesh", async () => {
    const enrolled = await tulle("cert", "enrol", "--service-account", "bookinfo-productpage", "--out", folder);
    expect(enrolled.code).toBe(0);
    const [cert, key] = ["pem", "key"].map((end) => readFileSync(join(folder, `bookinfo-productpage.${end}`), "utf8"));
    const answer = await mesh.asWorkload({ cert: cert ?? "", key: key ?? "" }, "http://details:9080/details/0");
    expect(answer.status).toBe(200);
    const shown = await tulle("cert", "show", "bookinfo-productpage.pem");
    expect([shown.code, shown.stdout]).toEqual([
      0,
      expect.stringContaining("spiffe://cluster.local/ns/default/sa/bookinfo-productpage"),
    ]);
  });

  it("keeps a Gateway's status true: replaced, deleted and made again", async () => {
    const name = "bookinfo-gateway";
    const read = async () =>
      JSON.parse((await mesh.control(`${GATEWAYS}/${name}`)).text) as {
        spec: unknown;
        metadata: { generation: number; annotations?: Record<string, string> };
        status: { addresses?: unknown[]; conditions: { type: string; status: string; observedGeneration: number }[] };
      };
    const programmed = async () => {
      const { status, metadata } = await read();
      const condition = status.conditions.find(({ type }) => type === "Programmed");
      return (
        condition?.status === "True" &&
        condition.observedGeneration === metadata.generation &&
        (status.addresses ?? []).length > 0
      );
    };
    await until("it is programmed", programmed);
    const { spec } = await read();
    const object = { apiVersion: "networking.istio.io/v1", kind: "Gateway", metadata: { name }, spec };
    const changed = { ...object, metadata: { name, labels: { a: "b" } } };
    await mesh.mustApply(JSON.stringify(changed));
    await until("it is programmed after the change", programmed);
    await mesh.control(`${GATEWAYS}/${name}`, { method: "DELETE" });
    await mesh.mustApply(JSON.stringify(object));
    await until("the new one is programmed", programmed);
    await until("the page is back", async () => (await page()) === 200);
  });
});
