import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Linux's clock ticks per second for the times in /proc. */
const TICKS = 100;

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
