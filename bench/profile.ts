import { spawn, spawnSync } from "node:child_process";
import { bundleWorker } from "../project/bundle.ts";
import type { Outcome } from "./load.ts";
import { readReport, sharesOfParts } from "./native-parts.ts";

/** V8's samples of one run, by function. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly lineNumber: number; readonly url: string };
  }[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const SAMPLE_US = 200;
const FUNCTIONS = 40;
const FILES = 15;
/** Samples a second by perf: not a divisor of the timer's. */
const PERF_HZ = 997;
/** Name of a Worker's bundle in the runtime. */
const SCRIPT = "index.js";

/**
 * Runs `work` while V8 samples the JavaScript of one Worker, and shows where its own time went: by function and by file of
 * the project. `(program)` is the runtime's own code, `(garbage collector)` what the garbage costs; `(idle)` is left out.
 */
export async function profileByInspector(
  port: number,
  worker: string,
  source: string | null,
  work: () => Promise<unknown>,
): Promise<string> {
  const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as readonly {
    readonly id: string;
    readonly title: string;
    readonly webSocketDebuggerUrl: string;
  }[];
  const target = targets.find(({ id, title }) =>
    [id, title].some((text) => text.endsWith(`:${worker}`) || text === worker),
  );
  if (!target) throw new Error(`no inspector for ${worker} among ${targets.map(({ id }) => id).join(", ")}`);
  const session = await Session.open(target.webSocketDebuggerUrl);
  await session.call("Profiler.enable");
  await session.call("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await session.call("Profiler.start");
  await work();
  const { profile } = (await session.call("Profiler.stop")) as { profile: Profile };
  session.close();
  const bundle = source === null ? "" : await bundleWorker(source);
  return shown(profile, fileOfLine(bundle));
}

/**
 * Self time of the whole runtime, its native code included, by part and by function, where Linux's `perf` is at hand; else null.
 *
 * @param work what it came to tells what each part takes of a request
 */
export async function profileByPerf(pid: number, file: string, work: () => Promise<Outcome>): Promise<string | null> {
  if (spawnSync("perf", ["--version"]).status !== 0) return null;
  const args = ["record", "-q", "-F", String(PERF_HZ), "-p", String(pid), "-o", file];
  const recorder = spawn("perf", args, { stdio: "ignore" });
  const ended = new Promise((resolve) => {
    recorder.on("close", resolve);
  });
  const { cpuSeconds, requests } = await work();
  recorder.kill("SIGINT");
  await ended;
  const report = spawnSync("perf", ["report", "-i", file, "--stdio", "-s", "dso,symbol", "--percent-limit", "0"], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const sampled = readReport(report.stdout);
  const us = (cpuSeconds * 1e6) / requests;
  const parts = sharesOfParts(sampled).map(
    ([part, share]) => `${percent(share)}  ${(share * us).toFixed(1).padStart(6)} us a request  ${part}`,
  );
  // Names are as long as a page where templates make them.
  const functions = sampled.slice(0, FUNCTIONS).map(({ share, name }) => `${percent(share)}  ${name.slice(0, 100)}`);
  return `${us.toFixed(0)} us a request, by part\n${parts.join("\n")}\n\nby function\n${functions.join("\n")}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1).padStart(6)} %`;
}

function shown({ nodes, samples, timeDeltas }: Profile, fileOf: (line: number) => string): string {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, lineNumber, url } }) => {
      // The runtime's own modules have other URLs, its built-in functions none.
      const file = url === SCRIPT ? fileOf(lineNumber) : url;
      return [id, { file, name: functionName === "" ? `(anonymous at bundle line ${lineNumber + 1})` : functionName }];
    }),
  );
  const byFunction = new Map<string, number>();
  const byFile = new Map<string, number>();
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const { file, name } = names.get(id) ?? { file: "", name: "?" };
    const time = Math.max(0, timeDeltas[index] ?? 0);
    if (name === "(idle)") continue;
    total += time;
    add(byFunction, file === "" ? name : `${name}  ${file}`, time);
    add(byFile, file === "" ? name : file, time);
  }
  const top = (of: ReadonlyMap<string, number>, count: number) =>
    [...of]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, count)
      .map(([name, time]) => `${percent(time / total)}  ${name}`)
      .join("\n");
  return `self time by function\n${top(byFunction, FUNCTIONS)}\n\nby file\n${top(byFile, FILES)}`;
}

function add(to: Map<string, number>, key: string, time: number): void {
  to.set(key, (to.get(key) ?? 0) + time);
}

/** The bundler writes a comment with a module's file above it. */
function fileOfLine(bundle: string): (line: number) => string {
  let file = "";
  const files = bundle.split("\n").map((line) => (file = /^\/\/ (\S+\.\w+)$/.exec(line)?.[1] ?? file));
  return (line) => files[line] || `line ${line + 1}`;
}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Calls of the Chrome DevTools protocol, answered by id. */
class Session {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer & { readonly id?: number };
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
  }

  static async open(url: string): Promise<Session> {
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve);
      socket.addEventListener("error", () => reject(new Error(`the inspector does not answer at ${url}`)));
    });
    return new Session(socket);
  }

  async call(method: string, params: object = {}): Promise<unknown> {
    this.#id += 1;
    const id = this.#id;
    const answer = new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await answer;
    this.#waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  close(): void {
    this.#socket.close();
  }
}
