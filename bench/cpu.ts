import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Linux's clock ticks per second for the times in /proc. */
const TICKS = 100;

/** What some processes and a processor have done so far, in seconds. */
export interface CpuSample {
  /** Since this process began. */
  readonly at: number;
  /** User and system time of the processes. */
  readonly own: number;
  /** Time in which the processor was not idle, stolen time included. */
  readonly busy: number;
}

export function sampleCpu(pids: readonly number[], processor: number): CpuSample {
  return { at: performance.now() / 1_000, own: cpuSeconds(pids), busy: busySeconds(processor) };
}

/** A process and all that it started, by the parents that /proc names. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = statOf(Number(name))?.parent;
    if (parent === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found: number[] = [];
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    found.push(pid);
    waiting.push(...(children.get(pid) ?? []));
  }
  return found;
}

/** User and system time so far of these processes, in seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((total, pid) => total + (statOf(pid)?.ticks ?? 0), 0) / TICKS;
}

/** All but idle and iowait, of one processor's line in /proc/stat; guest time is part of user time already. */
function busySeconds(processor: number): number {
  const line = readFileSync("/proc/stat", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`cpu${processor} `));
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? "")
    .split(" ")
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS;
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

/** Pins a process with all its threads to one processor. */
export function pin(pid: number, processor: number): void {
  const { status, stderr } = spawnSync("taskset", ["-apc", String(processor), String(pid)], { encoding: "utf8" });
  if (status !== 0) throw new Error(`taskset could not pin process ${pid}: ${stderr || "is util-linux installed?"}`);
}

function statOf(pid: number): { parent: number; ticks: number } | null {
  try {
    // The command in parentheses may hold blanks: count from behind it. Fields 4, 14, 15 of proc(5).
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return null; // it ended meanwhile
  }
}
