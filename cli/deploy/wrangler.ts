import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { err, ok, type Result } from "../../src/result.ts";

/** What a run of wrangler said: stdout where it went well, else all of it. */
export type Wrangler = (args: readonly string[]) => Promise<Result<string, string>>;

/**
 * The package's own wrangler, run by this Node, whatever stands on PATH.
 *
 * @param folder where it runs: it reads `.env` there
 * @param account its id, for what is in no user's configuration
 */
export function wranglerIn(folder: string, account?: string): Wrangler {
  const program = process.env["TULLE_WRANGLER"] ?? ownWrangler(); // only tests set it
  return async (args) =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [program, ...args], {
        cwd: folder,
        stdio: ["ignore", "pipe", "pipe"],
        // The configurations are made for their environment already: it must not be applied to them once more.
        env: {
          ...process.env,
          CI: "1",
          WRANGLER_SEND_METRICS: "false",
          CLOUDFLARE_ENV: undefined,
          ...(account !== undefined && { CLOUDFLARE_ACCOUNT_ID: account }),
          FORCE_COLOR: "0",
          NO_COLOR: "1",
        },
      });
      let output = "";
      let all = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        all += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => (all += text));
      child.on("error", (error) => resolve(err(`wrangler could not be started: ${error.message}`)));
      child.on("close", (code) => {
        resolve(
          code === 0 ? ok(output) : err(`\`wrangler ${args.join(" ")}\` ended with status ${code}\n${all.trim()}`),
        );
      });
    });
}

function ownWrangler(): string {
  const manifest = createRequire(import.meta.url).resolve("wrangler/package.json");
  return join(dirname(manifest), "bin/wrangler.js");
}
