import { spawn, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import autocannon from "autocannon";

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Raw requests with a NUL byte between them, and a file that holds them. */
  readonly requests: string;
  readonly file: string;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers other than 2xx and 3xx. */
  readonly notOk: number;
  /** Connections that failed and answers that did not come. */
  readonly errors: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

const UNPACKED = join(import.meta.dirname, "../.tools");
const SCRIPT = join(import.meta.dirname, "wrk.lua");

/** The C client where there is one: unpacked by `npm run tools`, or on PATH. */
const WRK = [join(UNPACKED, "usr/bin/wrk"), "/usr/bin/wrk"].find((path) => existsSync(path));
const LIBRARIES = spawnSync("uname", ["-m"], { encoding: "utf8" }).stdout.trim();
const ENV = { LD_LIBRARY_PATH: join(UNPACKED, `usr/lib/${LIBRARIES}-linux-gnu`) };

export const CLIENT = WRK === undefined ? "autocannon (`npm run tools` fetches wrk)" : "wrk";

/** Keeps `connections` busy for `seconds` from the processor `processor`. */
export async function load(job: Load, processor: number): Promise<LoadResult> {
  writeFileSync(job.file, job.requests);
  return WRK === undefined ? loadByAutocannon(job) : loadByWrk(WRK, job, processor);
}

async function loadByWrk(wrk: string, job: Load, processor: number): Promise<LoadResult> {
  const args = [
    "-c",
    String(processor),
    wrk,
    "-t1",
    `-c${job.connections}`,
    `-d${job.seconds}s`,
    "-s",
    SCRIPT,
    job.url,
  ];
  const child = spawn("taskset", args, { env: { ...process.env, ...ENV, BENCH_REQUESTS: job.file } });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  await new Promise((resolve) => child.on("close", resolve));
  const found = /RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(output);
  if (!found) throw new Error(`wrk gave no result:\n${output}`);
  const [requests = 0, microseconds = 0, notOk = 0, errors = 0, p50Us = 0, p99Us = 0] = found.slice(1).map(Number);
  return { requests, seconds: microseconds / 1e6, notOk, errors, p50Us, p99Us };
}

async function loadByAutocannon(job: Load): Promise<LoadResult> {
  const requests = job.requests.split("\0").map((raw) => {
    const [head = "", body = ""] = raw.split("\r\n\r\n");
    const [line = "", ...fields] = head.split("\r\n");
    const [method = "GET", path = "/"] = line.split(" ");
    const headers = Object.fromEntries(fields.map((field) => field.split(/: (.*)/s).slice(0, 2)));
    return { method: method as "GET", path, headers, body };
  });
  const result = await autocannon({ url: job.url, connections: job.connections, duration: job.seconds, requests });
  return {
    requests: result["2xx"] + result["3xx"] + result["4xx"] + result["5xx"],
    seconds: result.duration,
    notOk: result.non2xx,
    errors: result.errors + result.timeouts,
    p50Us: result.latency.p50 * 1_000,
    p99Us: result.latency.p99 * 1_000,
  };
}
