import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import { RunningMesh } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const PORTS = ["--port-base", "27000", "--loopback", "127.0.29.0/24"];
const PROJECT = join(import.meta.dirname, "../..");

function start(args: readonly string[]) {
  return spawnSync(process.execPath, ["edge/start.ts", ...args], { cwd: PROJECT, encoding: "utf8", timeout: 110_000 });
}

/** One that has ended and that nobody has asked for its status is not alive, though its number is taken. */
const alive = (pid: number): boolean => {
  try {
    return !/^\d+ \([^)]*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

describe("npm start", () => {
  let state: string;
  beforeAll(() => {
    state = mkdtempSync(join(tmpdir(), "tulle-start-"));
  });
  afterAll(() => rmSync(state, { recursive: true, force: true }));

  const pids = (): readonly number[] =>
    ["control", "data"].flatMap(
      (role) => (JSON.parse(readFileSync(join(state, `${role}.pids`), "utf8")) as { pids: number[] }).pids,
    );

  it("keeps its state over a restart, and leaves nothing running behind", async () => {
    const mesh = await RunningMesh.start([...PORTS, "--example", "article"], state);
    await mesh.mustApply(`
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: kept }
spec: { selector: { matchLabels: { app: order-service } } }
`);
    const { token } = mesh;
    const runtimes = pids();
    expect(statSync(mesh.info.tokenFile).mode & 0o077).toBe(0);
    expect(statSync(mesh.info.kubeconfigFile).mode & 0o077).toBe(0);
    await mesh.stop();
    expect(runtimes.filter(alive)).toEqual([]);
    expect(existsSync(join(state, "data.lock"))).toBe(false);

    const again = await RunningMesh.start([...PORTS, "--example", "article"], state);
    try {
      expect(again.token).toBe(token);
      const web = await again.enrol("default", "web");
      await until("the kept policy", async () => (await again.asWorkload(web, "http://order-service/")).status === 403);
    } finally {
      await again.stop();
    }
  });

  it("ends what a killed start left behind, and takes its place", async () => {
    const child = spawn(process.execPath, ["edge/start.ts", "--json", "--empty", "--state", state, ...PORTS], {
      cwd: PROJECT,
      stdio: ["ignore", "pipe", "ignore"],
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const left = pids();
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    const mesh = await RunningMesh.start([...PORTS, "--empty"], state);
    try {
      expect(left.filter(alive)).toEqual([]);
      expect((await send(`${mesh.info.controlHttp}/healthz`)).status).toBe(200);
    } finally {
      await mesh.stop();
    }
  });

  it("names a state folder that is in use, and by whom", async () => {
    const mesh = await RunningMesh.start([...PORTS, "--empty"], state);
    try {
      const second = start(["--empty", "--state", state, "--port-base", "27500"]);
      expect(second.status).toBe(1);
      expect(second.stderr).toContain(String(mesh.info.pid));
      expect(second.stderr).toContain("--state");
    } finally {
      await mesh.stop();
    }
  });

  it("names a port that is taken, and the way out", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(27_000, "127.0.0.1", resolve));
    try {
      const run = start(["--empty", "--state", state, ...PORTS]);
      expect(run.status).toBe(1);
      expect(run.stderr).toContain("port 27000 is taken");
      expect(run.stderr).toContain("--port-base");
    } finally {
      server.close();
    }
  });

  it("explains an option that it does not know", () => {
    const run = start(["--nothing"]);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain("--nothing");
    expect(start(["--help"]).stdout).toContain("--port-base");
  });

  it("prints for a person what to open and to type next, and the access log", async () => {
    const child = spawn(process.execPath, ["edge/start.ts", "--state", state, ...PORTS], { cwd: PROJECT });
    let out = "";
    let err = "";
    child.stdout.on("data", (data: Buffer) => (out += data.toString()));
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    await until("the announcement", () => err.includes("Ctrl-C"));
    child.kill("SIGINT");
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(0);
    expect(err).toMatch(/page +http:\/\/127\.0\.29\.1/);
    expect(err).toContain("kubectl apply -f");
    expect(err).toContain("npx tulle status");
    expect(err).toContain("/metrics");
    expect(JSON.parse(out.split("\n")[0] ?? "")).toMatchObject({ event: "access", gateway: "gateway-a" });
  });
});
