import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { commandOf, processTree } from "./cpu.ts";
import { type Runner, tell } from "./runner.ts";
import { keyOf, type Measure } from "./targets.ts";

/**
 * The runtime's instructions for each request, counted by valgrind: no clock is read, so that two states of the code can be told
 * apart by a hundredth on a machine that is busy with other things. A request takes some thirty times as long, and all that comes
 * by time (the exchange of each second, what is taken of limits in advance) weighs as much more than it does; the kernel's part
 * and how well the processor's caches serve are not seen. So it says whether a change was one for the better, and no more.
 */

const TOOL = "callgrind_control";
/** Compiled for good: see the runner's own. */
const WARM_REQUESTS = 35_000;
const WARM_SECONDS = 5;
const COUNT_SECONDS = 10;

/** The runtime that a stage starts from now on runs under valgrind, counting nothing yet. @returns where its counts will lie */
export function startUnderValgrind(folder: string): string {
  try {
    execFileSync("valgrind", ["--version"], { stdio: "ignore" });
  } catch {
    throw new Error("--instructions needs valgrind: install it (Debian: apt-get install valgrind)");
  }
  const { default: workerd } = createRequire(createRequire(import.meta.url).resolve("miniflare"))("workerd") as {
    readonly default: string;
  };
  const counts = join(folder, "counts");
  const script = join(folder, "workerd");
  const command = `exec valgrind -q --tool=callgrind --instr-atstart=no --callgrind-out-file='${counts}' '${workerd}' "$@"`;
  writeFileSync(script, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
  process.env["MINIFLARE_WORKERD_PATH"] = script;
  return counts;
}

/** Warms all, then counts each. @returns a line for each, beside the first */
export async function countInstructions(
  runner: Runner,
  measures: readonly Measure[],
  counts: string,
): Promise<readonly string[]> {
  const pid = processTree(process.pid).find((one) => commandOf(one).startsWith("callgrind"));
  if (pid === undefined) throw new Error("the runtime does not run under valgrind");
  const control = (...words: readonly string[]): void => {
    execFileSync(TOOL, [...words, String(pid)], { stdio: "ignore" });
  };
  const warm = new Map<string, number>();
  for (const measure of measures) {
    tell(`warming ${keyOf(measure)} under valgrind, for some minutes`);
    let requests = warm.get(measure.contestant) ?? 0;
    do requests += (await runner.run(measure, WARM_SECONDS)).answers;
    while (requests < WARM_REQUESTS);
    warm.set(measure.contestant, requests);
  }
  const lines: string[] = [];
  let first = 0;
  for (const measure of measures) {
    tell(`counting ${keyOf(measure)}`);
    control("--instr=on");
    // All code is translated anew for counting, which takes seconds.
    await runner.run(measure, COUNT_SECONDS);
    control("--zero");
    const { answers, unexpected, example } = await runner.run(measure, COUNT_SECONDS);
    control(`--dump=${keyOf(measure)}`);
    control("--instr=off");
    if (unexpected > 0) throw new Error(`${keyOf(measure)}: ${unexpected} unexpected answers, such as ${example}`);
    const each = lastCount(counts) / answers;
    first ||= each;
    lines.push(
      `${keyOf(measure).padEnd(40)} ${Math.round(each / 1_000)},000 instructions a request, ${(each / first).toFixed(3)} of the first, ${answers} requests`,
    );
  }
  return lines;
}

/** Of the dump that was written last: they are numbered from 1 on. */
function lastCount(counts: string): number {
  let last = 0;
  while (existsSync(`${counts}.${last + 1}`)) last += 1;
  const total = /^(?:summary|totals): (\d+)/m.exec(readFileSync(`${counts}.${last}`, "utf8"))?.[1];
  if (total === undefined) throw new Error(`valgrind left no count in ${readdirSync(join(counts, "..")).join(", ")}`);
  return Number(total);
}
