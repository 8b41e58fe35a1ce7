import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { checkLog } from "./check-log.ts";
import { pin } from "./cpu.ts";
import { loadFlat } from "./flat.ts";
import { OTHERS_LIMIT } from "./judge.ts";
import { Load } from "./load.ts";
import { type BenchMesh, startBenchMesh, WORKER_OF } from "./mesh.ts";
import { profileByInspector, profileByPerf } from "./profile.ts";
import { type Line, lineOf, table } from "./report.ts";
import { type Issuer, makeIssuer } from "./requests.ts";
import { OTHER_PROCESSOR, Runner, RUNTIME_PROCESSOR, tell } from "./runner.ts";
import { isSelected, keyOf, measuresOf, type Target, TARGETS } from "./targets.ts";
import { world } from "./world.ts";

const USAGE = `npm run bench -- [--only ROW,ROW] [--rounds N] [--seconds S] [--json FILE] [--profile]

  --only ROWS    only these rows: ${TARGETS.map(({ row }) => row).join(", ")};
                 a name stands for all that begin with it and a dash (binding: both of them)
  --rounds N     odd rounds measure in order, even ones in reverse (default 7)
  --seconds S    load on each contestant in each round (default 2; with --profile 6)
  --json FILE    writes the rows as JSON
  --profile      instead of measuring: samples each contestant of the mesh that the rows name (default row: 16) while it is
                 loaded, and prints the functions with the most time of their own: JavaScript's by the runtime's inspector,
                 then native ones by perf, where it is installed

Exit code 1 if a row misses its bar or is void: others took more than ${OTHERS_LIMIT * 100} % of the runtime's processor, also when
it was measured again. Needs Linux with two processors that are otherwise idle.`;

interface Options {
  readonly only: readonly string[] | null;
  readonly rounds: number;
  readonly seconds: number;
  readonly json: string | null;
  readonly profile: boolean;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "7" },
      seconds: { type: "string" },
      json: { type: "string" },
      profile: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds ?? (values.profile ? 6 : 2))];
  if (!Number.isInteger(rounds) || rounds < 1 || !(seconds > 0)) {
    return usage("--rounds takes a whole number from 1 on, --seconds a number above 0");
  }
  const only = values.only?.split(",") ?? (values.profile ? ["16"] : null);
  for (const name of only ?? []) {
    if (!TARGETS.some(({ row }) => isSelected(row, [name]))) return usage(`no row \`${name}\``);
  }
  return { only, rounds, seconds, json: values.json ?? null, profile: values.profile };
}

function usage(problem: string): never {
  console.error(`${problem}\n\n${USAGE}`);
  process.exit(2);
}

const options = readOptions();
const flat = loadFlat();
const folder = mkdtempSync(join(tmpdir(), "tulle-bench-"));
const issuer = await makeIssuer();
const origin = await startOrigin(issuer);
const load = new Load();
let mesh: BenchMesh | null = null;
try {
  mesh = await startBenchMesh({
    originPort: origin.port,
    folder,
    jwks: issuer.jwks,
    flat,
    inspect: options.profile,
  });
  const selected = TARGETS.filter(({ row }) => isSelected(row, options.only));
  const running = selected.filter((target) => !needsFlat(target) || !("missing" in flat));
  const hosts = new Set(measuresOf(running).map(({ host }) => host));
  for (const text of batches(world(issuer, hosts))) await mesh.apply(text);
  for (const pid of mesh.pids()) pin(pid, RUNTIME_PROCESSOR);
  for (const pid of [origin.child.pid, load.child.pid, process.pid]) pin(pid ?? 0, OTHER_PROCESSOR);
  const runner = new Runner(mesh, issuer, load);
  if (options.profile) await profile(mesh, runner, running);
  else await measure(mesh, runner, selected, running);
} finally {
  await mesh?.stop();
  load.stop();
  origin.child.kill();
  rmSync(folder, { recursive: true, force: true });
}

async function measure(
  of: BenchMesh,
  runner: Runner,
  selected: readonly Target[],
  running: readonly Target[],
): Promise<void> {
  const measures = measuresOf(running);
  await runner.warm(measures);
  const rounds = await runner.rounds(measures, options.rounds, options.seconds);
  const missing = "missing" in flat ? flat.missing : null;
  report(selected.map((target) => lineOf(target, rounds, needsFlat(target) ? missing : null)));
  const undone = checkLog(of.accessLog());
  for (const part of undone) console.log(`NOT DONE of the whole job: ${part}`);
  if (undone.length > 0) process.exitCode = 1;
}

function report(lines: readonly Line[]): void {
  console.log(`${table(lines)}\n`);
  console.log(
    `Medians of ${options.rounds} rounds of ${options.seconds} s. CPU is user and system time of the runtime per request.`,
  );
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify({ rows: lines }, null, 2)}\n`);
  if (lines.some(({ verdict }) => verdict === "missed" || verdict === "void")) process.exitCode = 1;
}

async function profile(of: BenchMesh, runner: Runner, targets: readonly Target[]): Promise<void> {
  const [pid] = of.pids();
  const measures = measuresOf(targets.filter(({ bar }) => bar !== null)).filter(({ contestant }) =>
    contestant.startsWith("tulle"),
  );
  await runner.warm(measures);
  for (const one of measures) {
    tell(`sampling ${keyOf(one)}`);
    const work = async () => runner.run(one, options.seconds);
    if (of.inspectorPort === null || pid === undefined) throw new Error("no runtime to look into");
    console.log(`\n${keyOf(one)}: JavaScript, by the inspector\n`);
    console.log(await profileByInspector(of.inspectorPort, WORKER_OF[one.contestant], work));
    const native = await profileByPerf(pid, join(folder, "perf.data"), work);
    if (native !== null) console.log(`\n${keyOf(one)}: the whole runtime, by perf\n\n${native}`);
  }
}

function needsFlat({ measure: of, against }: Target): boolean {
  return of.contestant === "flat" || against.contestant === "flat";
}

/** Streams of what one apply may hold: 500 documents, 1 MiB. */
function batches(documents: readonly string[]): readonly string[] {
  const texts: string[] = [];
  let batch: string[] = [];
  let length = 0;
  for (const document of documents) {
    if (batch.length === 500 || length + document.length > 900_000) {
      texts.push(batch.join("\n---\n"));
      batch = [];
      length = 0;
    }
    batch.push(document);
    length += document.length;
  }
  return [...texts, batch.join("\n---\n")];
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
