import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { Argument, type Command } from "commander";
import { type InitResult, planInit } from "../../project/init-project.ts";
import { ProjectError } from "../../project/mesh-file.ts";
import { callsOf, drawGraph } from "../../src/deployment/call-graph.ts";
import { PROJECT_FINDINGS, type ProjectFinding } from "../../src/deployment/project-finding-codes.ts";
import type { Severity } from "../../src/resources/finding-kind.ts";
import { CommandError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { complain, paint, print, printable, printStructured, type Style, tell } from "./output.ts";

interface InitOptions extends GlobalOptions {
  readonly dryRun?: boolean;
}

export function addInit(program: Command): void {
  program
    .command("init")
    .description("write the mesh file of a folder of Workers, or add to it what is new")
    .addArgument(new Argument("[folder]", "that has the Workers").default("."))
    .option("--dry-run", "print what would be written, and write nothing")
    .option("--yes", "for scripts: nothing asks anyway")
    .addHelpText(
      "after",
      `
It looks for wrangler's configurations here and below, draws who binds whom, and writes \`tulle.jsonc\`: docs/mesh-file.md
has its fields. Run again it keeps what stands in the file, and adds what is new. What it finds has codes: docs/findings.md.

Example:
  $ tulle init --dry-run`,
    )
    .action(async (folder: string, _: unknown, command: Command) =>
      init(folder, command.optsWithGlobals<InitOptions>()),
    );
}

async function init(folder: string, { dryRun = false, output }: InitOptions): Promise<void> {
  const result = await planned(folder);
  const writes = result.isChanged && !dryRun;
  if (writes) writeFileSync(result.path, result.text);
  if (!(await printStructured(output, asData(result, writes)))) show(result, dryRun);
  if (result.problems !== "") throw new CommandError(`the mesh file cannot be used yet:\n${result.problems}`);
}

async function planned(folder: string): Promise<InitResult> {
  try {
    return await planInit(folder);
  } catch (error) {
    if (error instanceof ProjectError) throw new CommandError(error.message);
    throw error;
  }
}

function show(result: InitResult, dryRun: boolean): void {
  const { services, findings, additions, gone, isNew } = result;
  const workers = services.reduce((sum, { versions }) => sum + versions.length, 0);
  print(`mesh ${result.mesh}: ${counted(services.length, "service")} of ${counted(workers, "Worker")}\n`);
  for (const line of drawGraph(services)) print(printable(line));
  if (!isNew) {
    if (additions.length + gone.length > 0) print("");
    for (const { what, service, version, worker } of additions)
      print(`${what === "moved" ? "moved" : "new"}: ${service} ${version} (${printable(worker.config)})`);
    for (const { service, version, config } of gone) print(`gone: ${service} ${version} (${printable(config)})`);
  }
  if (findings.length > 0) print("");
  for (const found of findings) print(lineOf(found));
  if (dryRun && result.isChanged) print(`\n${result.text.trimEnd()}`);
  tellOfOther(result);
  tell(ending(result, dryRun));
}

function tellOfOther({ above, path }: InitResult): void {
  if (above === null) return;
  const [other, own] = [above, path].map((file) => relative(process.cwd(), file));
  complain("warning", `there is ${other} above; commands below take ${own} in its place`);
}

function ending({ path, isNew, isChanged }: InitResult, dryRun: boolean): string {
  const file = relative(process.cwd(), path);
  if (!isChanged) return `${file} has all of them: nothing was changed`;
  if (dryRun) return `${file} was not ${isNew ? "written" : "changed"}: this was a dry run`;
  return `${isNew ? "wrote" : "changed"} ${file}`;
}

const STYLES: Readonly<Record<Severity, Style>> = { error: "red", warning: "yellow", info: "dim" };

/** `workers/orders/wrangler.toml: warning: its code … [TULLE1108]; name it in the service's `calls`` */
function lineOf({ code, config, message }: ProjectFinding): string {
  const { severity, mend } = PROJECT_FINDINGS[code];
  return `${printable(config)}: ${paint(STYLES[severity], `${severity}:`)} ${printable(`${message}; ${mend} [${code}]`)}`;
}

function asData(result: InitResult, written: boolean): object {
  const { path, mesh, services, additions, gone, findings, isNew, isChanged, text, problems } = result;
  return {
    file: path,
    mesh,
    isNew,
    isChanged,
    written,
    services: services.map(({ name, public: hosts, versions }) => ({
      name,
      public: hosts,
      versions: versions.map(({ version, worker }) => ({ version, worker: worker.name, config: worker.config })),
    })),
    calls: callsOf(services),
    new: additions.map(({ worker, ...one }) => ({ ...one, worker: worker.name, config: worker.config })),
    gone,
    findings: findings.map((found) => ({ ...PROJECT_FINDINGS[found.code], ...found })),
    problems: problems === "" ? [] : problems.split("\n"),
    text,
  };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
