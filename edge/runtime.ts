import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { LOCAL_MARK } from "../src/telemetry/log-format.ts";

/** One line of the runtime's log, as Miniflare hands it on. */
interface RuntimeLine {
  readonly level: string;
  readonly message: string;
}

const ACCESS = '{"event":"access"';
const MAX_LOG_BYTES = 64 * 1024 * 1024;

/**
 * Sorts what Workers print: access records into their file and to whoever listens, all else into the runtime's log.
 */
export function logSink(
  files: { readonly accessLog: string; readonly runtimeLog: string },
  onAccess: (line: string) => void,
): (line: RuntimeLine) => void {
  for (const file of [files.accessLog, files.runtimeLog])
    if (existsSync(file) && statSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  return ({ level, message }) => {
    if (message.startsWith(ACCESS) || message.startsWith(LOCAL_MARK)) {
      const record = message.startsWith(LOCAL_MARK) ? message.slice(LOCAL_MARK.length) : message;
      appendFileSync(files.accessLog, `${record}\n`);
      onAccess(record);
      return;
    }
    appendFileSync(files.runtimeLog, `${level}: ${message}\n`);
  };
}

/** Processes of the runtime that this one has started. Elsewhere than on Linux none is found, and none outlives its parent there. */
export function runtimePids(parent: number): readonly number[] {
  if (!existsSync("/proc/self/stat")) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isRuntime(pid) && parentOf(pid) === parent);
}

function statOf(pid: number): { readonly name: string; readonly state: string; readonly parent: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = text.lastIndexOf(")");
    const [state = "", parent] = text.slice(end + 2).split(" ");
    return { name: text.slice(text.indexOf("(") + 1, end), state, parent: Number(parent) };
  } catch {
    return null;
  }
}

function isRuntime(pid: number): boolean {
  return statOf(pid)?.name === "workerd";
}

function parentOf(pid: number): number {
  return statOf(pid)?.parent ?? -1;
}

function isRunning(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== null && stat.state !== "Z";
}

/** Remembers the runtime's processes, so that the next start finds those which a crash left behind. */
export function recordPids(state: string, role: string, pids: readonly number[]): void {
  writeFileSync(join(state, `${role}.pids`), JSON.stringify({ parent: process.pid, pids }));
}

/** Ends what an earlier start of this role left: a runtime whose parent is gone keeps its ports and answers. */
export async function endOrphans(state: string, role: string): Promise<void> {
  const file = join(state, `${role}.pids`);
  if (!existsSync(file)) return;
  const { parent, pids } = JSON.parse(readFileSync(file, "utf8")) as { parent: number; pids: readonly number[] };
  // A pid may belong to another program by now, and one whose parent is still its own is in use.
  const orphans = pids.filter((pid) => isRuntime(pid) && parentOf(pid) !== parent);
  for (const pid of orphans) process.kill(pid, "SIGKILL");
  // It keeps its ports until it is gone; one that nobody asks for its status stays in the list, without any.
  const until = Date.now() + ORPHAN_MS;
  while (Date.now() < until && orphans.some(isRunning)) await new Promise((resolve) => setTimeout(resolve, 20));
  rmSync(file);
}

const ORPHAN_MS = 5_000;

/** A stale entry of the dev registry keeps its name from being taken for a minute and more. */
export function forgetRegistered(registry: string, names: readonly string[]): void {
  for (const name of names) rmSync(join(registry, name), { force: true });
}
