import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { toolPath } from "./tools.ts";
import { within } from "./until.ts";

/** A kubectl that this machine has. */
export interface KubectlBinary {
  readonly path: string;
  /** Major is 1: `20` of 1.20.2. */
  readonly minor: number;
  /** As told in the names of tests; different for each. */
  readonly name: string;
}

/** The unpacked one, the newest other one on PATH, and those that TULLE_KUBECTL names (paths, separated by `:`). */
export function kubectlBinaries(): readonly KubectlBinary[] {
  const unpacked = toolPath("kubectl");
  if (unpacked === null) return [];
  const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "kubectl"));
  const known = new Set([realpathSync(unpacked)]);
  const others = binariesAt(onPath, known).toSorted((a, b) => b.minor - a.minor);
  const named = binariesAt((process.env["TULLE_KUBECTL"] ?? "").split(":"), known);
  return [...binariesAt([unpacked], new Set()), ...others.slice(0, 1), ...named];
}

/** @param known real paths of those that were found already; those found are added */
function binariesAt(paths: readonly string[], known: Set<string>): readonly KubectlBinary[] {
  return paths.flatMap((path) => {
    const real = realPath(path);
    if (real === null || known.has(real)) return [];
    known.add(real);
    const told = execFileSync(path, ["version", "--client", "-o", "json"], { encoding: "utf8" });
    const { clientVersion } = JSON.parse(told) as { clientVersion: { gitVersion: string; minor: string } };
    return [{ path, minor: Number.parseInt(clientVersion.minor, 10), name: `${clientVersion.gitVersion} ${path}` }];
  });
}

function realPath(path: string): string | null {
  if (path === "") return null;
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

/** How one run ended. */
export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run is given besides its arguments. */
export interface Surroundings {
  /** What it reads on its input; `-f -`. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Whatever does not end by itself by then hangs. */
const RUN_MS = 100_000;

/** One kubectl with a home of its own, in which it keeps what it has discovered. */
export class Kubectl {
  readonly binary: KubectlBinary;
  readonly #env: Readonly<Record<string, string>>;
  readonly #folder = mkdtempSync(join(tmpdir(), "tulle-kubectl-"));
  readonly #streams = new Set<KubectlStream>();

  constructor(binary: KubectlBinary, kubeconfig: string) {
    this.binary = binary;
    this.#env = { PATH: process.env.PATH ?? "", HOME: this.#folder, TMPDIR: this.#folder, KUBECONFIG: kubeconfig };
  }

  async run(args: readonly string[], { input = "", env = {} }: Surroundings = {}): Promise<Run> {
    const child = spawn(this.binary.path, args, { env: { ...this.#env, ...env }, stdio: "pipe" });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // It may end without reading all of it.
    child.stdin.on("error", () => undefined).end(input);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        reject(new Error(`kubectl ${args.join(" ")} hangs\n${stdout}${stderr}`));
      }, RUN_MS);
      child.on("error", reject);
      child.on("close", (status) => {
        clearTimeout(timer);
        resolve({ status, stdout, stderr });
      });
    });
  }

  /** Runs one that goes on until it is stopped, as `get -w`. */
  stream(args: readonly string[]): KubectlStream {
    const stream = new KubectlStream(spawn(this.binary.path, args, { env: this.#env, stdio: "pipe" }));
    this.#streams.add(stream);
    return stream;
  }

  /** Writes a file into its home. @returns its path */
  file(name: string, content: string, mode = 0o644): string {
    const path = join(this.#folder, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  async end(): Promise<void> {
    await Promise.all([...this.#streams].map((stream) => stream.stop()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export class KubectlStream {
  /** What it has printed so far. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #stderr = "";
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = new Promise((resolve) =>
      child.on("close", () => {
        this.#ended = true;
        this.#wake?.();
        resolve();
      }),
    );
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      this.#wake?.();
    });
    if (child.stdout)
      createInterface({ input: child.stdout }).on("line", (text) => {
        this.lines.push(text);
        this.#wake?.();
      });
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** The first line that matches; fails where none comes. */
  async line(pattern: RegExp): Promise<string> {
    const found = await within(
      () => `a line like ${pattern}\n${this.#printed()}`,
      100_000,
      (async () => {
        for (;;) {
          const line = this.lines.find((text) => pattern.test(text));
          if (line !== undefined || this.#ended) return line;
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      })(),
    );
    if (found === undefined) throw new Error(`no line like ${pattern} up to the end\n${this.#printed()}`);
    return found;
  }

  /** Until its watch is open, or it needs none and ends: with `-v=6` it tells of each answer that it gets. */
  async watching(): Promise<void> {
    const watches = async (): Promise<void> => {
      while (!this.#ended && !/watch=true.*200 OK/.test(this.#stderr))
        await new Promise<void>((resolve) => (this.#wake = resolve));
    };
    await within(() => `its watch\n${this.#printed()}`, 100_000, watches());
  }

  #printed(): string {
    return `${this.lines.join("\n")}\n${this.#stderr}`;
  }

  async stop(): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGTERM");
    await this.#closed;
  }
}

/** The columns of a table as kubectl prints it, by their titles: rows as they stand. Cells may be empty. */
export function tableRows(text: string): readonly Readonly<Record<string, string>>[] {
  const [head = "", ...lines] = text.split("\n").filter((line) => line.trim() !== "");
  const titles = [...head.matchAll(/\S+(?: \S+)*/g)].map(({ 0: title, index }) => ({ title, index }));
  return lines.map((line) =>
    Object.fromEntries(titles.map(({ title, index }, at) => [title, line.slice(index, titles[at + 1]?.index).trim()])),
  );
}
