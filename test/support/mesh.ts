import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { AccessRecord } from "../../src/telemetry/record.ts";
import { type Answer, type Call, send } from "./http.ts";
import { certificateRequest } from "./csr.ts";
import { until } from "./until.ts";

/** The line that `npm start -- --json` prints when the mesh is up. */
export interface MeshInfo {
  readonly page?: string;
  readonly gateway: string;
  readonly mesh: string;
  readonly control: string;
  readonly controlHttp: string;
  readonly metrics: string;
  readonly tokenFile: string;
  readonly kubeconfigFile: string;
  readonly caFile: string;
  readonly stateDir: string;
  readonly gatewayClassName: string;
  readonly controllerName: string;
  readonly gateways: readonly string[];
  readonly meshes: readonly string[];
  /** With `--service-ports`: straight to the example services, past the mesh, by the name of the Worker. */
  readonly services?: Readonly<Record<string, string>>;
  readonly pid: number;
}

export interface Svid {
  readonly cert: string;
  readonly key: string;
}

interface MeshStatus {
  readonly gateways: readonly { readonly gateway: string; readonly generation: number | null }[];
}

const PROJECT = join(import.meta.dirname, "../..");

/** A start that takes longer than this hangs. */
const START_MS = 110_000;

type Launch = (args: readonly string[]) => ChildProcessByStdio<null, Readable, Readable>;

const ofCheckout: Launch = (args) =>
  spawn(process.execPath, ["edge/start.ts", ...args], { cwd: PROJECT, stdio: ["ignore", "pipe", "pipe"] });

/** The local mesh as `npm start` brings it up, in a process of its own. */
export class RunningMesh {
  readonly info: MeshInfo;
  readonly #child: ChildProcess;
  readonly #removes: boolean;
  #logged: { bytes: number; readonly records: AccessRecord[] } = { bytes: 0, records: [] };

  private constructor(info: MeshInfo, child: ChildProcess, removes: boolean) {
    this.info = info;
    this.#child = child;
    this.#removes = removes;
  }

  /**
   * @param args as for `npm start`; `--json` is added
   * @param stateDir kept when given, else made and removed at the end
   * @param launch starts the program
   */
  static async start(args: readonly string[], stateDir?: string, launch: Launch = ofCheckout): Promise<RunningMesh> {
    const state = stateDir ?? mkdtempSync(join(tmpdir(), "tulle-mesh-"));
    const child = launch(["--json", "--state", state, ...args]);
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors = (errors + text).slice(-4_000)));
    const line = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the mesh was not up in time\n${errors}`)), START_MS);
      child.on("close", (code) => reject(new Error(`the mesh ended with ${code}\n${errors}`)));
      createInterface({ input: child.stdout }).on("line", (text) => {
        if (!text.startsWith("{")) return;
        clearTimeout(timer);
        resolve(text);
      });
    }).catch(async (error: unknown) => {
      await ended(child);
      throw error;
    });
    return new RunningMesh(JSON.parse(line) as MeshInfo, child, stateDir === undefined);
  }

  async stop(): Promise<void> {
    await ended(this.#child);
    if (this.#removes) rmSync(this.info.stateDir, { recursive: true, force: true });
  }

  get token(): string {
    return readFileSync(this.info.tokenFile, "utf8").trim();
  }

  get ca(): string {
    return readFileSync(this.info.caFile, "utf8");
  }

  /** A call to the control API with the administrator's token. */
  async control(path: string, call: Call = {}): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.token}`, ...call.headers };
    return send(`${this.info.controlHttp}${path}`, { ...call, headers });
  }

  async apply(yaml: string, query = ""): Promise<Answer> {
    const headers = { "content-type": "application/yaml" };
    return this.control(`/api/v1/apply${query}`, { method: "POST", headers, body: yaml });
  }

  /** Applies, and fails the test where something was refused. */
  async mustApply(yaml: string): Promise<void> {
    const answer = await this.apply(yaml);
    if (answer.status !== 200) throw new Error(`apply: ${answer.status} ${answer.text}`);
  }

  /** Lines of the access log so far: whole ones, for the last may be half written. Who waits for one asks often: none is read twice. */
  accessLog(): readonly AccessRecord[] {
    const path = join(this.info.stateDir, "access.log");
    if (!existsSync(path)) return [];
    const bytes = readFileSync(path);
    // Ones that a start put aside are gone.
    if (bytes.length < this.#logged.bytes) this.#logged = { bytes: 0, records: [] };
    const fresh = bytes.subarray(this.#logged.bytes, bytes.lastIndexOf("\n") + 1);
    for (const line of fresh.toString().split("\n"))
      if (line.startsWith("{")) this.#logged.records.push(JSON.parse(line) as AccessRecord);
    this.#logged.bytes += fresh.length;
    return [...this.#logged.records];
  }

  /**
   * Waits until every gateway decides by its newest root: the access log says by which generation. Writes that change
   * nothing for a gateway give it no new root.
   */
  async settled(): Promise<void> {
    await Promise.all(this.info.gateways.map(async (gateway) => this.#settledAt(gateway)));
  }

  async #settledAt(gateway: string): Promise<void> {
    const host = `${randomUUID()}.settled.invalid`;
    await until(`${gateway} to have its newest root`, async () => {
      await send(`${gateway}/`, { host });
      const { text } = await this.control("/api/v1/status");
      const { gateways } = JSON.parse(text) as MeshStatus;
      const record = this.accessLog().findLast(({ authority }) => authority === host);
      const newest = gateways.find((one) => one.gateway === record?.gateway)?.generation ?? null;
      return newest !== null && record !== undefined && record.generation >= newest;
    });
  }

  /** A certificate of the mesh's authority for this service account, through join token and CSR. */
  async enrol(namespace: string, serviceAccount: string, ttlSeconds?: number): Promise<Svid> {
    const made = await this.control("/api/v1/join-tokens", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ namespace, serviceAccount }),
    });
    if (made.status !== 201) throw new Error(`join token: ${made.status} ${made.text}`);
    const { token } = JSON.parse(made.text) as { token: string };
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const csr = certificateRequest(privateKey, publicKey);
    const issued = await send(`${this.info.controlHttp}/api/v1/enrol`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ csr, ttlSeconds }),
    });
    if (issued.status !== 200 && issued.status !== 201) throw new Error(`enrol: ${issued.status} ${issued.text}`);
    const { certificate } = JSON.parse(issued.text) as { certificate: string };
    return { cert: certificate, key: privateKey.export({ format: "pem", type: "pkcs8" }).toString() };
  }

  /** A call as a workload outside, over mutual TLS through gateway `index`. */
  async asWorkload(svid: Svid | null, url: string, call: Call = {}, index = 0): Promise<Answer> {
    const { host, pathname, search } = new URL(url);
    const front = this.info.meshes[index];
    if (front === undefined) throw new Error(`no gateway ${index}`);
    return send(`${front}${pathname}${search}`, { ...call, host, tls: { ca: this.ca, ...svid } });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    child.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill("SIGTERM");
  });
}
