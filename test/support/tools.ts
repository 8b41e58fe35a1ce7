import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** System programs that tests drive: those that `npm run tools` unpacked, else those on PATH. */
export const TOOLS = ["kubectl", "openssl", "promtool", "prometheus", "curl", "strace", "chromium"] as const;

export type Tool = (typeof TOOLS)[number];

const UNPACKED = join(import.meta.dirname, "../../.tools/usr/bin");

/** The program's path, or null where the machine has none. */
export function toolPath(name: Tool): string | null {
  // The package's own is a script for a desktop.
  const folders = [
    ...(name === "chromium" ? [join(UNPACKED, "../lib/chromium")] : []),
    UNPACKED,
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  for (const folder of folders) {
    const path = join(folder, name);
    if (isExecutable(path)) return path;
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
