import { existsSync, statSync, watch } from "node:fs";
import { basename, dirname, sep } from "node:path";

/** Several events of one save come within this time. */
const SETTLE_MS = 50;

/** What tools write beside a Worker, which is no save of its user's. */
const OTHERS = new Set([".git", ".tulle", ".wrangler", "node_modules"]);

export interface Watch {
  close(): void;
}

/**
 * Calls back after changes of files in a folder, not below it: a project's folder may hold all that npm installed.
 *
 * @param concerns whether a change of this file counts
 */
export function watchBeside(folder: string, onChange: () => void, concerns: (file: string) => boolean): Watch {
  return watching(folder, false, onChange, concerns);
}

/** Calls back after changes below a folder, or of a file; where it is not there yet, once it is. */
export function watchBelow(path: string, onChange: () => void): Watch {
  if (existsSync(path) && statSync(path).isDirectory()) return watching(path, true, onChange, isUsers);
  let below: Watch | null = null;
  const parent = watchBeside(
    dirname(path),
    () => {
      // What is saved in it from now on is seen before what is in it already is looked at.
      if (existsSync(path) && statSync(path).isDirectory()) below ??= watching(path, true, onChange, isUsers);
      onChange();
    },
    (file) => file === basename(path),
  );
  return {
    close() {
      parent.close();
      below?.close();
    },
  };
}

function isUsers(file: string): boolean {
  return !file.split(sep).some((part) => OTHERS.has(part));
}

function watching(path: string, recursive: boolean, onChange: () => void, concerns: (file: string) => boolean): Watch {
  if (!existsSync(path)) return { close: () => undefined };
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(path, { recursive }, (_, file) => {
    if (file !== null && !concerns(file)) return;
    // The first event begins the time: saves that never pause hold nothing back.
    timer ??= setTimeout(() => {
      timer = undefined;
      onChange();
    }, SETTLE_MS);
  });
  watcher.on("error", () => undefined);
  return {
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
