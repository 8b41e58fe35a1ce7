import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One process of each role a state folder. @returns what gives the lock back; null where another process holds it */
export function takeLock(state: string, role: string): { readonly holder: number } | { release(): void } {
  const file = join(state, `${role}.lock`);
  if (existsSync(file)) {
    const holder = Number(readFileSync(file, "utf8"));
    // One of a process that is gone was left by a crash.
    if (Number.isInteger(holder) && holder > 0 && holder !== process.pid && isAlive(holder)) return { holder };
  }
  writeFileSync(file, String(process.pid));
  return { release: () => rmSync(file, { force: true }) };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
