import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attackTimes, boundedCases } from "./attacks.ts";
import { gatewayBundleKb } from "./bundle-size.ts";
import { checkLog, checkRpcLog } from "./check-log.ts";
import { COLLECTOR_WAYS, collectorCosts } from "./collector.ts";
import { changeTimes } from "./change.ts";
import { coldTimes } from "./cold.ts";
import { compileTimes } from "./compile-time.ts";
import { loadFlat } from "./flat.ts";
import { countInstructions, startUnderValgrind } from "./instructions.ts";
import { PROFILED, SOURCE_OF } from "./mesh.ts";
import { objectCalls } from "./object-calls.ts";
import { readOptions } from "./options.ts";
import { profileByInspector, profileByPerf } from "./profile.ts";
import { reloadTimes } from "./reload.ts";
import type { Round } from "./judge.ts";
import { percentile } from "./percentile.ts";
import { type Line, lineNotRun, lineOf, lineOfSampled, table } from "./report.ts";
import { makeRequests } from "./requests.ts";
import { tell } from "./runner.ts";
import { onStage, type Stage } from "./stage.ts";
import { isSelected, keyOf, type Measure, measuresOf, type Target, TARGETS, WHOLE_JOB } from "./targets.ts";

/*
 * `npm run bench`: what a request through the mesh costs, beside a bare pass-through and gateways written by hand, all in one
 * runtime that has a processor to itself. `npm run bench -- --help` tells the options. While the request path is worked on:
 * `--only 16,64 --rounds 3` for a figure, `--only chunked --profile` for where its time goes.
 */

/** Isolates for the row `cold`: each answers a first time once. */
const COLD = 7;
const COLLECTOR_ROUNDS = 7;

const options = readOptions();
const flat = loadFlat();
const wants = (row: string): boolean => isSelected(row, options.only);

if (options.profile) await profile();
else if (options.instructions) await instructions();
else report([...(await measured()), ...(await sampled())]);

/** What is measured under load. The many hosts have a mesh of their own: beside all else one control would have to hold 30,000 objects. */
async function measured(): Promise<readonly Line[]> {
  const selected = TARGETS.filter(({ row }) => wants(row));
  const apart = selected.filter(({ row }) => row === "hosts");
  const together = selected.filter(({ row }) => row !== "hosts");
  const besides = { cold: wants("cold"), objects: wants("objects") };
  return [...(await measuredOn(together, besides)), ...(await measuredOn(apart, { cold: false, objects: false }))];
}

/** What is asked of the whole job's gateway beside the ratios: cold isolates of it, and its calls of Durable Objects. */
interface Besides {
  readonly cold: boolean;
  readonly objects: boolean;
}

async function measuredOn(selected: readonly Target[], { cold, objects }: Besides): Promise<readonly Line[]> {
  const measures = measuresOf(selected.filter(isRunnable));
  if (selected.length === 0 && !cold && !objects) return [];
  const lines: Line[] = [];
  const hosts = new Set(measures.map(({ host }) => host));
  await onStage({ flat, inspect: false, cold: cold ? COLD : 0, hosts }, async (stage) => {
    // Their deployment's cell gets its configuration by the warm isolate's requests.
    const warm = cold || objects ? [WHOLE_JOB, ...measures] : measures;
    const young = await stage.runner.warm([...new Map(warm.map((one) => [keyOf(one), one])).values()]);
    if (cold) lines.push(await coldLine(stage));
    if (objects) lines.push(...(await objectLines(stage)));
    const rounds = await stage.runner.rounds(measures, options.rounds, options.seconds);
    for (const target of selected) {
      const own = target.young ? rounds.map((round) => withYoung(round, young, target.measure)) : rounds;
      lines.push(lineOf(target, own, isRunnable(target) ? null : missingFlat()));
    }
    const has = (name: string) => measures.some(({ contestant }) => contestant === name);
    const missing = [
      ...(has("tulle") ? checkLog(stage.mesh.accessLog("tulle")) : []),
      ...(has("rpc") ? checkRpcLog(stage.mesh.accessLog("rpc")) : []),
    ];
    for (const part of missing) {
      console.log(`NOT DONE of the whole job: ${part}`);
      process.exitCode = 1;
    }
  });
  return lines;
}

/** A round in which one measure is what it came to while its code was young. */
function withYoung(round: Round, young: Round, measure: Measure): Round {
  const key = keyOf(measure);
  const outcome = young.get(key);
  return outcome === undefined ? round : new Map(round).set(key, outcome);
}

async function coldLine({ mesh, issuer }: Stage): Promise<Line> {
  const [request] = makeRequests(issuer, WHOLE_JOB.host, WHOLE_JOB.shape, true);
  if (request === undefined) throw new Error("no request to ask with");
  tell("asking cold isolates");
  const values = await coldTimes(await mesh.coldPorts(), request);
  return lineOfSampled({ row: "cold", what: "cold isolate to first answer", unit: "ms", bar: 50, goal: 20, values });
}

/** A count that is taken in advance is asked for by one request in many: as often as a limit of 1,000 requests a second may at most. */
async function objectLines(stage: Stage): Promise<readonly Line[]> {
  const { waited, exchanged } = await objectCalls(stage, options.seconds);
  const unit = "calls";
  const what = "calls to Durable Objects that a request waits for";
  return [
    lineOfSampled({ row: "objects", what, unit, bar: 0.02, goal: 0, values: waited }),
    lineOfSampled({
      row: "objects-exchange",
      what: "the same beside its path",
      unit,
      bar: 0.02,
      goal: null,
      values: exchanged,
    }),
  ];
}

/** What needs no load. */
async function sampled(): Promise<readonly Line[]> {
  const lines: Line[] = [];
  if (wants("collector")) {
    const { p99Ms, memoryMb } = await collectorCosts(flat, COLLECTOR_ROUNDS, options.seconds);
    for (const way of COLLECTOR_WAYS) {
      const what = `a collector that ${way}: p99 at 1,000 req/s, beside none`;
      lines.push(lineOfSampled({ row: `collector-${way}`, what, unit: "ms", bar: 1, goal: 0.5, values: p99Ms[way] }));
    }
    const memory = "a collector that hangs: memory of the isolate";
    lines.push(lineOfSampled({ row: "collector-memory", what: memory, unit: "MB", bar: 5, goal: 3, values: memoryMb }));
  }
  if (wants("compile")) {
    tell("compiling 10,000 objects");
    const what = "one change among 10,000 objects, to the signed root";
    lines.push(lineOfSampled({ row: "compile", what, unit: "ms", bar: 50, goal: 10, values: await compileTimes() }));
  }
  if (wants("gzip")) {
    const values = [await gatewayBundleKb()];
    lines.push(lineOfSampled({ row: "gzip", what: "gateway bundle, gzip", unit: "KB", bar: 120, goal: 60, values }));
  }
  if (wants("reload")) {
    tell("saving a Worker's code under tulle dev");
    const what = "a save under tulle dev, to the new version's first answer";
    lines.push(
      lineOfSampled({ row: "reload", what, unit: "ms", bar: 1_500, goal: 1_000, values: await reloadTimes() }),
    );
  }
  if (wants("change")) lines.push(...(await changeLines()));
  const attacks = boundedCases().filter(({ attack }) => wants("attacks") || wants(`attacks-${attack.id}`));
  const holding = attacks.filter(({ waitsFor }) => waitsFor === null);
  if (holding.length > 0) lines.push(...(await attackTimes(holding, tell)).map(lineOfSampled));
  for (const { attack, bound, waitsFor } of attacks) {
    if (waitsFor !== null) lines.push(lineNotRun(`attacks-${attack.id}`, attack.title, `<= ${bound} ms`, waitsFor));
  }
  return lines;
}

/** The bars are each gateway's; how long the last of all 50 takes is told beside them. */
async function changeLines(): Promise<readonly Line[]> {
  tell("changing a policy under 50 gateways");
  const { each, last } = await changeTimes();
  const what = "a policy change obeyed by every isolate: 50 gateways at 10 locations";
  const p99 = [percentile(each, 0.99)];
  return [
    lineOfSampled({ row: "change", what, unit: "ms", bar: 1_500, goal: 1_000, values: each }),
    lineOfSampled({ row: "change-p99", what: "the same, p99", unit: "ms", bar: 3_000, goal: 2_000, values: p99 }),
    lineOfSampled({
      row: "change-last",
      what: "the same, by the last of 50",
      unit: "ms",
      bar: 3_000,
      goal: 1_500,
      values: last,
    }),
  ];
}

function report(lines: readonly Line[]): void {
  console.log(`${table(lines)}\n`);
  console.log(
    `Ratios: medians of ${options.rounds} rounds of ${options.seconds} s. CPU is user and system time of the runtime per request.`,
  );
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify({ rows: lines }, null, 2)}\n`);
  const bad = lines.filter(({ verdict }) => verdict === "missed" || verdict === "void").map(({ row }) => row);
  if (bad.length === 0) return;
  console.log(`Missed or void: ${bad.join(", ")}`);
  process.exitCode = 1;
}

async function instructions(): Promise<void> {
  const targets = TARGETS.filter((target) => wants(target.row) && isRunnable(target));
  const folder = mkdtempSync(join(tmpdir(), "tulle-instructions-"));
  const counts = startUnderValgrind(folder);
  const measures = measuresOf(targets).map((measure) => ({ ...measure, rate: null }));
  await onStage(
    { flat, inspect: false, cold: 0, hosts: new Set(measures.map(({ host }) => host)) },
    async ({ runner }) => console.log((await countInstructions(runner, measures, counts)).join("\n")),
  );
  console.log(`\nBy function: callgrind_annotate ${counts}.1 (and so on, in the order above)`);
}

async function profile(): Promise<void> {
  const targets = TARGETS.filter((target) => wants(target.row) && isRunnable(target));
  const measures = measuresOf(targets);
  const hosts = new Set(measures.map(({ host }) => host));
  await onStage({ flat, inspect: true, cold: 0, hosts }, async ({ mesh, runner, folder }) => {
    const [pid] = mesh.pids();
    if (mesh.inspectorPort === null || pid === undefined) throw new Error("no runtime to look into");
    await runner.warm(measures);
    for (const one of measures) {
      tell(`sampling ${keyOf(one)}`);
      const work = async () => runner.run(one, options.seconds);
      console.log(`\n${keyOf(one)}: JavaScript, by the inspector\n`);
      console.log(
        await profileByInspector(mesh.inspectorPort, PROFILED[one.contestant], SOURCE_OF[one.contestant], work),
      );
      const native = await profileByPerf(pid, join(folder, "perf.data"), work);
      if (native !== null) console.log(`\n${keyOf(one)}: the whole runtime, by perf\n\n${native}`);
    }
  });
}

function isRunnable({ measure, against }: Target): boolean {
  return missingFlat() === null || (measure.contestant !== "flat" && against.contestant !== "flat");
}

function missingFlat(): string | null {
  return "missing" in flat ? flat.missing : null;
}
