import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { cpuSeconds, pin } from "./cpu.ts";
import { CLIENT, load, type LoadResult } from "./load.ts";
import { type BenchMesh, startBenchMesh } from "./mesh.ts";
import { type Issuer, makeIssuer, makeRequests, type Shape } from "./requests.ts";
import { world } from "./world.ts";

const USAGE = `npm run bench -- [--json FILE] [--rounds N] [--seconds N] [--only NAME,NAME]

  --json FILE    writes {rows: [{name, connections, routes, cpuRatio, rpsRatio, usPerRequest}]}
  --rounds N     odd rounds run the contestants in order, even ones in reverse (default 5)
  --seconds N    load on each contestant in each round (default 3)
  --only NAMES   only these rows`;

/** The runtime has one processor for itself; the upstream and the load share the other. */
const RUNTIME_PROCESSOR = 0;
const OTHER_PROCESSOR = 1;

interface Row {
  readonly name: string;
  readonly contestant: "bare" | "hono-jose" | "gateway";
  readonly host: string;
  readonly routes: number;
  readonly shape: Shape;
  readonly path?: (index: number) => string;
  /** The row in the same round that it is compared with. */
  readonly against: string;
}

const deep = (index: number) => `/api/v1/items/${index * 4}/x`;

const ROWS: readonly Row[] = [
  { name: "bare", contestant: "bare", host: "one.bench", routes: 1, shape: "get", against: "bare" },
  { name: "whole-job", contestant: "gateway", host: "one.bench", routes: 1, shape: "get", against: "bare" },
  {
    name: "whole-job-10k",
    contestant: "gateway",
    host: "many.bench",
    routes: 10_000,
    shape: "get",
    path: deep,
    against: "bare",
  },
  { name: "whole-job-binding", contestant: "gateway", host: "bound.bench", routes: 1, shape: "get", against: "bare" },
  { name: "hono-jose", contestant: "hono-jose", host: "one.bench", routes: 1, shape: "get", against: "bare" },
  {
    name: "bare-chunked-100k",
    contestant: "bare",
    host: "one.bench",
    routes: 1,
    shape: "chunked",
    against: "bare-chunked-100k",
  },
  {
    name: "whole-job-chunked-100k",
    contestant: "gateway",
    host: "one.bench",
    routes: 1,
    shape: "chunked",
    against: "bare-chunked-100k",
  },
  { name: "bare-post-4k", contestant: "bare", host: "one.bench", routes: 1, shape: "post", against: "bare-post-4k" },
  {
    name: "whole-job-post-4k",
    contestant: "gateway",
    host: "one.bench",
    routes: 1,
    shape: "post",
    against: "bare-post-4k",
  },
];

const CONNECTIONS = [16, 64];

interface Measured {
  readonly usPerRequest: number;
  readonly rps: number;
  readonly p50Us: number;
  /** Answers other than expected: a denial too many or too few, an error of the connection. */
  readonly unexpected: number;
}

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    only: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
  console.error(`--rounds takes a whole number from 1 on, --seconds a number above 0\n\n${USAGE}`);
  process.exit(2);
}
const names = values.only?.split(",");
const rows = names
  ? ROWS.filter(
      ({ name, against }) =>
        names.includes(name) ||
        ROWS.some((row) => names.includes(row.name) && row.against === name) ||
        (names.includes(against) && name === against),
    )
  : ROWS;

const folder = mkdtempSync(join(tmpdir(), "tulle-bench-"));
const issuer = await makeIssuer();
const origin = await startOrigin(issuer);
let mesh: BenchMesh | null = null;
try {
  mesh = await startBenchMesh({ originPort: origin.port, folder });
  for (const text of batches(world(issuer))) await mesh.apply(text);
  for (const pid of mesh.pids()) pin(pid, RUNTIME_PROCESSOR);
  pin(origin.child.pid ?? 0, OTHER_PROCESSOR);
  pin(process.pid, OTHER_PROCESSOR);
  await warm(mesh, issuer);
  const measured = await measureAll(mesh, issuer);
  report(measured);
  checkLog(mesh);
} finally {
  await mesh?.stop();
  origin.child.kill();
  rmSync(folder, { recursive: true, force: true });
}

/** Documents of a stream up to 900 KB each: an apply may be 1 MiB. */
function batches(documents: readonly string[]): readonly string[] {
  const texts: string[] = [];
  let text = "";
  for (const document of documents) {
    if (text.length + document.length > 900_000) {
      texts.push(text);
      text = "";
    }
    text += `${document}\n---\n`;
  }
  return [...texts, text];
}

async function startOrigin({ jwks }: Issuer): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "origin.ts"), jwks], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const port = await new Promise<number>((resolve) => {
    createInterface({ input: child.stdout }).once("line", (line) => resolve(Number(line)));
  });
  return { child, port };
}

/** Every contestant once, until the gateway has its configuration: compiled code and caches are not what is measured. */
async function warm(running: BenchMesh, from: Issuer): Promise<void> {
  for (const row of rows) {
    for (let attempt = 0; ; attempt += 1) {
      const result = await run(running, from, row, 16, 1);
      if (result.unexpected === 0) break;
      if (attempt === 10) throw new Error(`${row.name} does not answer as expected: ${JSON.stringify(result)}`);
    }
  }
}

async function run(running: BenchMesh, from: Issuer, row: Row, connections: number, time: number): Promise<Measured> {
  const requests = makeRequests(from, row.host, row.shape, row.path);
  const pids = running.pids();
  const before = cpuSeconds(pids);
  const result = await load(
    {
      url: running.urls[row.contestant],
      connections,
      seconds: time,
      requests: requests.text,
      file: join(folder, "requests"),
    },
    OTHER_PROCESSOR,
  );
  const cpu = cpuSeconds(pids) - before;
  return {
    usPerRequest: (cpu * 1e6) / result.requests,
    rps: result.requests / result.seconds,
    p50Us: result.p50Us,
    unexpected: unexpectedOf(result, row.contestant === "bare" ? 0 : requests.denied, connections),
  };
}

/** The load goes through the requests in turn, so the share of denials is exact but for those under way at the end. */
function unexpectedOf(result: LoadResult, deniedShare: number, connections: number): number {
  const off = Math.abs(result.notOk - result.requests * deniedShare);
  return Math.max(0, Math.round(off - connections - 1)) + result.errors;
}

async function measureAll(running: BenchMesh, from: Issuer): Promise<Map<string, Measured[]>> {
  const measured = new Map<string, Measured[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const connections of CONNECTIONS) {
      const order = round % 2 === 1 ? rows : rows.toReversed();
      for (const row of order) {
        const result = await run(running, from, row, connections, seconds);
        const key = `${row.name} ${connections}`;
        measured.set(key, [...(measured.get(key) ?? []), result]);
        process.stderr.write(
          `round ${round}/${rounds}: ${key} ${result.usPerRequest.toFixed(0)} us, ${result.rps.toFixed(0)}/s\n`,
        );
      }
    }
  }
  return measured;
}

function report(measured: ReadonlyMap<string, readonly Measured[]>): void {
  const table: string[][] = [
    [
      "row",
      "connections",
      "routes",
      "cpu ratio (min-max)",
      "requests/s ratio",
      "p50 ratio",
      "us/request",
      "unexpected",
    ],
  ];
  const json: unknown[] = [];
  for (const connections of CONNECTIONS) {
    for (const { name, routes, against } of rows) {
      const own = measured.get(`${name} ${connections}`) ?? [];
      const base = measured.get(`${against} ${connections}`) ?? [];
      const ratios = (of: (one: Measured) => number) => own.map((one, round) => of(one) / of(base[round] ?? one));
      const cpu = ratios(({ usPerRequest }) => usPerRequest);
      const cpuRatio = median(cpu);
      const rpsRatio = median(ratios(({ rps }) => rps));
      const usPerRequest = median(own.map((one) => one.usPerRequest));
      const unexpected = own.reduce((total, one) => total + one.unexpected, 0);
      table.push([
        name,
        String(connections),
        String(routes),
        `${cpuRatio.toFixed(2)} (${Math.min(...cpu).toFixed(2)}-${Math.max(...cpu).toFixed(2)})`,
        rpsRatio.toFixed(2),
        median(ratios(({ p50Us }) => p50Us)).toFixed(2),
        usPerRequest.toFixed(0),
        String(unexpected),
      ]);
      json.push({ name, connections, routes, cpuRatio, rpsRatio, usPerRequest });
    }
  }
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  for (const line of table) console.log(line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  console.log(
    `\nCPU of the runtime's process tree, as a ratio to the bare pass-through in the same round; median of ${rounds} rounds of ` +
      `${seconds} s. Load by ${CLIENT}. Missing of the whole job: rate limit, retry, sampled log.`,
  );
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ rows: json }, null, 2)}\n`);
}

/** The gateway's own log must show that each part of the job was done, or the figures are of another job. */
function checkLog(running: BenchMesh): void {
  const log = running.accessLog();
  const share = (holds: (record: (typeof log)[number]) => boolean) =>
    log.filter(holds).length / Math.max(1, log.length);
  const parts: [string, boolean][] = [
    ["one log line a request", log.length > 1_000],
    [
      "tokens verified",
      share((record) => record.request_principal?.startsWith("https://issuer.bench/") ?? false) > 0.9,
    ],
    ["5 % denied", Math.abs(share((record) => record.status === 403) - 0.05) < 0.02],
    ["header route and split", share((record) => record.cluster?.includes("|v2|") ?? false) > 0.1],
    ["endpoints picked", share((record) => record.endpoint !== null) > 0.9],
    ["trace continued", share((record) => /^[0-9a-f]{32}$/.test(record.trace_id)) === 1],
  ];
  for (const [part, done] of parts) console.log(`${done ? "done" : "NOT DONE"}: ${part}`);
  if (parts.some(([, done]) => !done)) process.exitCode = 1;
}

function median(of: readonly number[]): number {
  const sorted = of.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
