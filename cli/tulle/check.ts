import { existsSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { Argument, type Command } from "commander";
import { generatedFiles, lookAtProject } from "../../project/check-project.ts";
import { MESH_FILE } from "../../project/mesh-file.ts";
import { CHECK_GROUPS, CHECKS, type CheckGroup, type CheckResult } from "../../src/deployment/check-kinds.ts";
import { accountChecks } from "../../src/deployment/account-checks.ts";
import { generatedChecks } from "../../src/deployment/generated-checks.ts";
import { meshChecks } from "../../src/deployment/mesh-checks.ts";
import { projectChecks } from "../../src/deployment/project-checks.ts";
import { VERSION } from "../../src/version.ts";
import { routesPastGateways } from "../deploy/public-routes.ts";
import { lookAtAccount } from "./check-account.ts";
import { lookAtMesh, ownMigrations } from "./check-mesh.ts";
import { CommandError } from "./command-error.ts";
import type { GlobalOptions } from "./options.ts";
import { paint, print, printable, printStructured, type Style } from "./output.ts";

interface CheckOptions extends GlobalOptions {
  readonly pre?: true;
  readonly env?: string;
}

export function addCheck(program: Command): void {
  program
    .command("check")
    .description("look whether all is well: the project's files, the mesh that runs, or an account before a deployment")
    .addArgument(new Argument("[path]", `the mesh file or its folder (default: the nearest ${MESH_FILE})`))
    .option("--pre", "before a deployment: the account in place of a mesh that runs")
    .option("--env <name>", "the environment of the Workers' configurations")
    .addHelpText(
      "after",
      `
One mark a line: √ is well, ‼ may be meant so, × must be mended, - could not be looked at. Each hint names its part of
docs/checks.md. It ends with 1 where there is a ×. Where there is no mesh file it looks at the mesh alone.

Example:
  $ tulle check --pre`,
    )
    .action(async (path: string | undefined, _: unknown, command: Command) =>
      check(path, command.optsWithGlobals<CheckOptions>()),
    );
}

async function check(path: string | undefined, options: CheckOptions): Promise<void> {
  const results = await checkAll(path, options);
  const errors = results.filter(({ outcome }) => outcome === "error").length;
  const warnings = results.filter(({ outcome }) => outcome === "warning").length;
  const data = { success: errors === 0, checks: results.map(asData) };
  if (!(await printStructured(options.output, data))) {
    show(results);
    print(`\n${counted(errors, "error")}, ${counted(warnings, "warning")} in ${counted(results.length, "check")}`);
  }
  if (errors > 0) throw new CommandError("something must be mended");
}

/** Every check, in the order of the table. @param path the mesh file or its folder; undefined: the nearest one */
export async function checkAll(path: string | undefined, options: CheckOptions): Promise<readonly CheckResult[]> {
  const isFolder = path !== undefined && (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
  // Whoever names a mesh means none that runs beside the files: an environment's has a name of its own there.
  const isDeployed = options.pre === true || isNamed(options);
  const looked = await lookAtProject({
    file: path !== undefined && isFolder ? join(path, MESH_FILE) : path,
    environment: options.env,
    isDeployed,
  });
  const { facts, meshFile, project, policies } = looked;
  const topology = project?.topology ?? null;
  const isEnvironments = isDeployed && options.env !== undefined && project !== null;
  const routes = isEnvironments ? routesPastGateways(project, options.env) : undefined;
  const ofProject =
    looked.folder === null && !options.pre
      ? []
      : [
          ...projectChecks({ ...facts, routes, policyErrors: await policyErrors(policies) }),
          ...generatedChecks(
            meshFile === null || topology === null ? [] : generatedFiles(meshFile.folder, topology),
            topology,
          ),
        ];
  // An account has the secrets in place of this machine.
  const deployed = ofProject.filter(({ id }) => id !== "local-secrets");
  if (options.pre) return inGroups([...deployed, ...accountChecks(await lookAtAccount(meshFile, project))]);
  const own = { version: VERSION, migrations: ownMigrations(), now: Date.now(), topology };
  return inGroups([...ofProject, ...meshChecks(await lookAtMesh(besides(looked.folder, options)), own)]);
}

/** Whether somebody said which mesh. */
function isNamed({ kubeconfig, server }: CheckOptions): boolean {
  const named = [kubeconfig, server, process.env["TULLE_KUBECONFIG"], process.env["KUBECONFIG"]];
  return named.some((one) => one !== undefined && one !== "");
}

/** The local mesh of a project keeps its kubeconfig beside the mesh file, wherever this runs. */
function besides(folder: string | null, options: CheckOptions): CheckOptions {
  const own = folder === null ? null : relative(process.cwd(), join(folder, ".tulle/kubeconfig"));
  return own === null || isNamed(options) || !existsSync(own) ? options : { ...options, kubeconfig: own };
}

/** What control would refuse of the files; what may be among the objects of the mesh is not looked for. */
async function policyErrors(files: readonly string[]): Promise<readonly string[]> {
  if (files.length === 0) return [];
  const named = files.map((file) => relative(process.cwd(), file));
  const { analyzeFiles } = await import("./analyze-files.ts");
  const { findings } = await analyzeFiles(named, false, "default");
  return findings
    .filter(({ severity }) => severity === "error")
    .map(
      ({ place, field, message }) =>
        `${place ? `${place.file}:${place.line}: ` : ""}${field === "" ? "" : `${field}: `}${message}`,
    );
}

/** In the order of the table, whatever order they were looked at in. */
function inGroups(results: readonly CheckResult[]): readonly CheckResult[] {
  const order = Object.keys(CHECKS);
  return results.toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
}

const MARKS: Readonly<Record<CheckResult["outcome"], readonly [mark: string, style: Style]>> = {
  ok: ["√", "green"],
  warning: ["‼", "yellow"],
  error: ["×", "red"],
  skipped: ["-", "dim"],
};

function show(results: readonly CheckResult[]): void {
  let group: CheckGroup | null = null;
  for (const { id, outcome, details } of results) {
    const kind = CHECKS[id];
    if (kind.group !== group) {
      print(`${group === null ? "" : "\n"}${CHECK_GROUPS[kind.group]}`);
      ({ group } = kind);
    }
    const [mark, style] = MARKS[outcome];
    if (outcome === "skipped") {
      print(`${paint(style, `${mark} ${kind.title}:`)} ${printable(details.join("; "))}`);
      continue;
    }
    print(`${paint(style, mark)} ${kind.title}`);
    for (const detail of details) print(`    ${printable(detail).replaceAll("\n", "\n    ")}`);
    if (outcome === "warning" || outcome === "error") print(`    ${paint("dim", `${kind.mend}; see ${docsOf(id)}`)}`);
  }
}

function docsOf(id: string): string {
  return `docs/checks.md#${id}`;
}

function asData({ id, outcome, details }: CheckResult): object {
  const { group, title, mend } = CHECKS[id];
  const isGood = outcome === "ok" || outcome === "skipped";
  return { id, group, title, outcome, details, ...(!isGood && { hint: mend }), docs: docsOf(id) };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
