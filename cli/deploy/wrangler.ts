import { spawn } from "node:child_process";
import { err, ok, type Result } from "../../src/result.ts";

/** Runs `wrangler` as found on PATH. Its output passes on to the terminal unless it is to be read. */
export async function wrangler(args: readonly string[], read: boolean): Promise<Result<string, string>> {
  return new Promise((resolve) => {
    const child = spawn("wrangler", args, {
      stdio: ["ignore", read ? "pipe" : "inherit", "inherit"],
      env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" },
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.on("error", (error) => {
      resolve(
        err(`wrangler could not be started (${error.message}); run this by \`npm run deploy\`, after \`npm ci\``),
      );
    });
    child.on("close", (code) => {
      resolve(code === 0 ? ok(output) : err(`\`wrangler ${args.join(" ")}\` ended with status ${code}`));
    });
  });
}
