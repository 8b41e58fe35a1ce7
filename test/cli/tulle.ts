import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { kubeconfig } from "../../src/kube/kubeconfig.ts";

export const MAIN = join(import.meta.dirname, "../../cli/tulle/main.ts");
export const TOKEN = "tulle_secret-of-the-test";

/** Most of a run is the start: kept compiled it takes half the time. */
export const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") };

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One run of the program, in a folder of the test's, with nothing of this machine's environment but what is given. */
export async function tulle(
  folder: string,
  args: readonly string[],
  { env = {}, stdin = "" }: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string | Buffer } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: { ...COMPILED, ...env } });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  // A program that does not read its stdin may be gone before this is written.
  child.stdin.on("error", () => undefined).end(stdin);
  const code = await new Promise<number | null>((resolve) => {
    child.on("close", resolve);
  });
  return { code, stdout, stderr };
}

/** A folder as `npm start` leaves it. */
export function folderFor(server: string, namespace = "default"): string {
  const folder = mkdtempSync(join(tmpdir(), "tulle-cli-"));
  write(folder, ".tulle/kubeconfig", kubeconfig({ server, ca: null, user: "admin", token: TOKEN, namespace }));
  return folder;
}

export function write(folder: string, path: string, text: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}
