import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { until, within } from "../../support/until.ts";

/** The line that `tulle dev -o json` prints when the mesh is up. */
interface DevInfo {
  readonly gateway: string;
  readonly controlHttp: string;
  readonly tokenFile: string;
  readonly stateDir: string;
  readonly pid: number;
  readonly project: {
    readonly public: Readonly<Record<string, string>>;
    readonly elsewhere: Readonly<Record<string, string>>;
  };
}

const PROJECT = join(import.meta.dirname, "../../..");
const START_MS = 110_000;
const END_MS = 100_000;

/** `tulle dev` as a person runs it, in a process of its own. */
export class RunningDev {
  readonly info: DevInfo;
  readonly #child: ChildProcess;
  readonly #said: () => string;

  private constructor(info: DevInfo, child: ChildProcess, said: () => string) {
    this.info = info;
    this.#child = child;
    this.#said = said;
  }

  /** @param args beside the mesh file's folder */
  static async start(folder: string, args: readonly string[]): Promise<RunningDev> {
    const child = spawn(process.execPath, [join(PROJECT, "cli/tulle/main.ts"), "dev", "-o", "json", ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const line = new Promise<string>((resolve, reject) => {
      child.on("close", (code) => reject(new Error(`tulle dev ended with ${code}\n${said}`)));
      createInterface({ input: child.stdout }).once("line", resolve);
    });
    return new RunningDev(JSON.parse(await within("tulle dev", START_MS, line)) as DevInfo, child, () => said);
  }

  /** What it told on the terminal so far. */
  get said(): string {
    return this.#said();
  }

  /** Waits until it says this, after `from`. */
  async says(text: string, from = 0): Promise<void> {
    await until(`tulle dev to say: ${text}`, () => this.said.slice(from).includes(text));
  }

  /**
   * Runs what it says runs a Worker in another terminal.
   *
   * @returns what ends it
   */
  elsewhere(folder: string, worker: string, args: readonly string[]): () => Promise<void> {
    const bin = join(PROJECT, "node_modules/.bin");
    const command = (this.info.project.elsewhere[worker] ?? "").replace("npx wrangler", `${bin}/wrangler`);
    const child = spawn("sh", ["-c", `exec ${command} ${args.join(" ")}`.replace("exec ", "exec env ")], {
      cwd: folder,
      env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}` },
      stdio: "ignore",
      detached: true,
    });
    return async () => {
      const ended = new Promise((resolve) => child.on("close", resolve));
      process.kill(-(child.pid ?? 0), "SIGTERM");
      await within("the other terminal to end", END_MS, ended);
    };
  }

  /** @returns the exit code */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGKILL" = "SIGTERM"): Promise<number | null> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return exitCode;
    const ended = new Promise<number | null>((resolve) => this.#child.on("exit", resolve));
    this.#child.kill(signal);
    return within("tulle dev to end", END_MS, ended);
  }
}
