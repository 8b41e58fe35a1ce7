import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface Ran {
  readonly ok: boolean;
  /** Stdout. */
  readonly output: string;
  /** Stdout and stderr. */
  readonly all: string;
}

/**
 * Runs the package's own wrangler by this Node.
 *
 * @param folder where it runs: it reads `.env` there
 */
export async function runWrangler(folder: string, args: readonly string[]): Promise<Ran> {
  const program = process.env["TULLE_WRANGLER"] ?? ownWrangler(); // only tests set it
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" },
    });
    let output = "";
    let all = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      all += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (all += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ ok: code === 0, output, all }));
  });
}

function ownWrangler(): string {
  return join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin/wrangler.js");
}
