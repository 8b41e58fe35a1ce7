import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Argument, type Command, Option } from "commander";
import { fileOf } from "../../project/built.ts";
import { onEndOfNpm } from "../../project/parent.ts";
import { MESH_FILE, ProjectError, readMeshFile } from "../../project/mesh-file.ts";
import { CommandError } from "./command-error.ts";
import type { Format } from "./output.ts";

interface DevOptions {
  readonly state?: string;
  readonly portBase: string;
  readonly loopback: string;
  readonly env?: string;
  readonly output: Format;
}

export function addDev(program: Command): void {
  program
    .command("dev")
    .description("run a folder of Workers as a mesh on this machine, and follow what is saved")
    .addArgument(new Argument("[path]", `the mesh file or its folder (default: the nearest ${MESH_FILE})`))
    .option("--env <name>", "the environment of Workers whose version names none")
    .option("--state <folder>", "where state is kept (default: .tulle beside the mesh file)")
    .addOption(new Option("--port-base <n>", "first port of the mesh's own listeners").default("18000"))
    .addOption(new Option("--loopback <net>", "addresses of Gateways: 127.0.K.0/24").default("127.0.1.0/24"))
    .addHelpText(
      "after",
      `
Each Worker runs in a runtime of its own, bundled and watched by wrangler; a save puts the new version in the place of the
old one, of which nobody who calls notices. \`-o json\` prints one line of JSON when the mesh is up. docs/dev.md tells more.

Example:
  $ tulle dev`,
    )
    .action(async (path: string | undefined, _: unknown, command: Command) =>
      dev(path, command.optsWithGlobals<DevOptions>()),
    );
}

async function dev(path: string | undefined, options: DevOptions): Promise<void> {
  const file = meshFileOf(path);
  const args = [
    `--project=${file}`,
    `--state=${options.state ?? join(dirname(file), ".tulle")}`,
    `--port-base=${options.portBase}`,
    `--loopback=${options.loopback}`,
    ...(options.env === undefined ? [] : [`--env=${options.env}`]),
    ...(options.output === "json" ? ["--json"] : []),
  ];
  const child = spawn(process.execPath, [fileOf("start"), ...args], {
    stdio: "inherit",
    // It ends where this process is gone.
    env: { ...process.env, TULLE_DEV: "1" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      // A terminal's Ctrl-C reaches the mesh by itself, and a second one would cut its end short.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  onEndOfNpm(
    () => true,
    () => child.kill("SIGTERM"),
  );
  process.exitCode = await new Promise<number>((ended, failed) => {
    child.on("error", failed);
    child.on("close", (code) => ended(code ?? 1));
  });
}

function meshFileOf(path: string | undefined): string {
  try {
    if (path === undefined) return readMeshFile(undefined).path;
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return readMeshFile(isFolder ? join(path, MESH_FILE) : resolve(path)).path;
  } catch (error) {
    if (error instanceof ProjectError) throw new CommandError(error.message);
    throw error;
  }
}
