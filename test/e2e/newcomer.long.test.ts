import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { send } from "../support/http.ts";
import type { MeshInfo } from "../support/mesh.ts";
import { until } from "../support/until.ts";

const PROJECT = join(import.meta.dirname, "../..");

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command as a shell runs it in the project's folder. */
async function shell(command: string): Promise<Ran> {
  return new Promise((resolve) => {
    execFile("sh", ["-c", command], { cwd: PROJECT }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

/** `npm start` and what it has said so far. */
function npmStart(args: readonly string[]): { readonly npm: ChildProcess; said(): string } {
  const npm = spawn("npm", ["start", "--", ...args], { cwd: PROJECT, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  npm.stdout.on("data", (data: Buffer) => (text += data.toString()));
  npm.stderr.on("data", (data: Buffer) => (text += data.toString()));
  return { npm, said: () => text };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("what `npm start` prints works as it stands", () => {
  let state: string;
  let started: ReturnType<typeof npmStart>;
  beforeAll(async () => {
    state = mkdtempSync(join(tmpdir(), "tulle-newcomer-"));
    started = npmStart(["--state", state, "--port-base", "22200", "--loopback", "127.0.47.0/24"]);
    await until("the announcement", () => started.said().includes("Ctrl-C"));
  });
  afterAll(async () => {
    const ended = new Promise((resolve) => started.npm.once("close", resolve));
    started.npm.kill("SIGTERM");
    await ended;
    await until("the end of the mesh", () => !existsSync(join(state, "data.lock")));
    rmSync(state, { recursive: true, force: true });
  });

  /** The one line that begins so. */
  function printed(begin: string): string {
    const line = started
      .said()
      .split("\n")
      .map((text) => text.trim())
      .find((text) => text.startsWith(begin));
    if (line === undefined) throw new Error(`not printed: ${begin}\n${started.said()}`);
    return line;
  }

  it("gets a certificate, and with it an answer of a service", async () => {
    const enrolled = await shell(`${printed("export KUBECONFIG=")}; ${printed("npx tulle cert enrol")}`);
    expect(enrolled).toMatchObject({ code: 0, stderr: "" });
    const [, url = ""] = /(https:\S+)$/.exec(printed("curl --cacert")) ?? [];
    const given = (option: string): string =>
      new RegExp(` --${option} (\\S+)`).exec(printed("curl --cacert"))?.[1] ?? "";
    const [, host = ""] = /"Host: ([^"]+)"/.exec(printed("curl --cacert")) ?? [];
    const [ca, cert, key] = ["cacert", "cert", "key"].map((option) => readFileSync(join("/", given(option)), "utf8"));
    const answer = await send(url, { host, tls: { ca: ca ?? "", cert: cert ?? "", key: key ?? "" } });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ id: 0 });
  });

  it("shows both gateways, and has seen both", async () => {
    const gateways = [...started.said().matchAll(/^ +gateway +(http:\S+)/gm)].map(([, url = ""]) => url);
    expect(gateways).toHaveLength(2);
    await until("both gateways, seen", async () => {
      // The Hub knows whom it heard since it woke, and on a slow machine it has slept since the start.
      await Promise.all(gateways.map(async (url) => send(url)));
      const { stdout } = await shell(`${printed("export KUBECONFIG=")}; npx tulle status`);
      return /gateway-a .*\n.*gateway-b /.test(stdout) && !stdout.includes("not seen lately");
    });
  });

  it("finds the way from the page's bare address to the page", async () => {
    const [, page = ""] = /page +(\S+)/.exec(started.said()) ?? [];
    const start = await send(new URL("/", page).href);
    expect(start.status).toBe(200);
    const [, link = ""] = /href="(\/productpage[^"]*)"/.exec(start.text) ?? [];
    expect((await send(new URL(link, page).href)).status).toBe(200);
  });

  it("is found by `npx --prefix` from another folder", async () => {
    const { stdout, code } = await shell(`cd ${tmpdir()} && npx --prefix ${PROJECT} tulle version`);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

it("SIGTERM to npm ends the mesh that it started", async () => {
  const state = mkdtempSync(join(tmpdir(), "tulle-npm-"));
  const { npm, said } = npmStart([
    "--json",
    "--empty",
    "--state",
    state,
    "--port-base",
    "22600",
    "--loopback",
    "127.0.48.0/24",
  ]);
  const line = await until("the mesh", () => /^\{.*"pid":\d+.*\}$/m.exec(said())?.[0]);
  const { pid, controlHttp } = JSON.parse(line) as MeshInfo;
  expect((await send(`${controlHttp}/healthz`)).status).toBe(200);
  npm.kill("SIGTERM");
  await until("the end of the mesh", () => !isAlive(pid));
  for (const role of ["control", "data"]) expect(existsSync(join(state, `${role}.lock`))).toBe(false);
  rmSync(state, { recursive: true, force: true });
});
