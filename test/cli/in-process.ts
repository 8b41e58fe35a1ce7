import { ended } from "../../cli/tulle/ended.ts";
import { tulleProgram } from "../../cli/tulle/program.ts";
import type { Ended } from "./tulle.ts";

/**
 * One run of a command in this process: a start of the program costs a second. What it writes does not get out.
 *
 * @param options.columns of the terminal; absent: stdout is a pipe
 */
export async function ran(
  args: readonly string[],
  { columns, color = false }: { readonly columns?: number; readonly color?: boolean } = {},
): Promise<Ended> {
  const { stdout, stderr } = process;
  const written = { stdout: "", stderr: "" };
  const before = { out: stdout.write, err: stderr.write, columns: stdout.columns, code: process.exitCode };
  const { NO_COLOR, FORCE_COLOR } = process.env;
  const keep = (name: "stdout" | "stderr") => (text: string | Uint8Array) => {
    written[name] += String(text);
    return true;
  };
  stdout.write = keep("stdout");
  stderr.write = keep("stderr");
  Object.assign(stdout, { columns });
  process.exitCode = undefined;
  set("NO_COLOR", color ? undefined : "1");
  set("FORCE_COLOR", color ? "1" : undefined);
  try {
    await tulleProgram().parseAsync(["node", "tulle", ...args]);
  } catch (error) {
    process.exitCode = ended(error);
  } finally {
    stdout.write = before.out;
    stderr.write = before.err;
    Object.assign(stdout, { columns: before.columns });
    set("NO_COLOR", NO_COLOR);
    set("FORCE_COLOR", FORCE_COLOR);
  }
  const code = process.exitCode ?? 0;
  process.exitCode = before.code;
  return { code, ...written };
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
