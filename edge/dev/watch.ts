import { type FSWatcher, existsSync, watch } from "node:fs";
import { sep } from "node:path";

/** Several events of one save come within this time. */
const SETTLE_MS = 50;

/** What tools write beside a Worker, which is no save of its user's. */
const OTHERS = new Set([".git", ".tulle", ".wrangler", "node_modules"]);

export interface Watch {
  close(): void;
}

/**
 * Calls back after changes below a folder, or of a file.
 *
 * @param concerns whether a change of this file counts, as a path relative to the folder
 */
export function watchBelow(
  path: string,
  onChange: () => void,
  concerns: (file: string) => boolean = () => true,
): Watch {
  if (!existsSync(path)) return { close: () => undefined };
  let timer: NodeJS.Timeout | undefined;
  const watcher: FSWatcher = watch(path, { recursive: true }, (_, file) => {
    if (file !== null && (file.split(sep).some((part) => OTHERS.has(part)) || !concerns(file))) return;
    clearTimeout(timer);
    timer = setTimeout(onChange, SETTLE_MS);
  });
  watcher.on("error", () => undefined);
  return {
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
