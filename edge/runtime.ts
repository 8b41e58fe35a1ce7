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

/** One line of the runtime's log, as Miniflare hands it on. */
interface RuntimeLine {
  readonly level: string;
  readonly message: string;
}

const ACCESS = '{"event":"access"';
const MAX_LOG_BYTES = 64 * 1024 * 1024;

/**
 * Sorts what Workers print: access records into their file and to whoever listens, errors to stderr, all else into the
 * runtime's log.
 */
export function logSink(
  files: { readonly accessLog: string; readonly runtimeLog: string },
  onAccess: (line: string) => void,
): (line: RuntimeLine) => void {
  for (const file of [files.accessLog, files.runtimeLog])
    if (existsSync(file) && statSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  return ({ level, message }) => {
    if (message.startsWith(ACCESS)) {
      appendFileSync(files.accessLog, `${message}\n`);
      onAccess(message);
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

function statOf(pid: number): { readonly name: string; readonly parent: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = text.lastIndexOf(")");
    return { name: text.slice(text.indexOf("(") + 1, end), parent: Number(text.slice(end + 2).split(" ")[1]) };
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

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Remembers the runtime's processes, so that the next start finds those which a crash left behind. */
export function recordPids(state: string, role: string, pids: readonly number[]): void {
  writeFileSync(join(state, `${role}.pids`), JSON.stringify(pids));
}

/** Ends what an earlier start of this role left: a runtime whose parent is gone keeps its ports and answers. */
export function endOrphans(state: string, role: string): void {
  const file = join(state, `${role}.pids`);
  if (!existsSync(file)) return;
  const pids: unknown = JSON.parse(readFileSync(file, "utf8"));
  for (const pid of Array.isArray(pids) ? (pids as number[]) : []) {
    // A pid may belong to another program by now; one of the runtime whose parent is alive is another mesh's.
    if (isRuntime(pid) && parentOf(pid) === 1) process.kill(pid, "SIGKILL");
  }
  rmSync(file);
}

/** A stale entry of the dev registry keeps its name from being taken for a minute and more. */
export function forgetRegistered(registry: string, names: readonly string[]): void {
  for (const name of names) rmSync(join(registry, name), { force: true });
}
