import { randomBytes } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { ProjectError } from "../../project/mesh-file.ts";
import { type Project, readProject } from "../../project/read-project.ts";
import { meshResources } from "../../src/deployment/mesh-resources.ts";
import type { MeshGateway } from "../../src/deployment/topology.ts";
import type { ControlClient } from "../control-client.ts";
import type { DataProcess } from "../data-process.ts";
import type { Opening } from "../own-listeners.ts";
import { endOrphans } from "../runtime.ts";
import { StartError } from "../start-error.ts";
import { AppliedSet } from "./applied.ts";
import { DevWorkers, WORKERS_ROLE } from "./dev-workers.ts";
import { readDocuments } from "./documents.ts";
import { type Watch, watchBelow, watchBeside } from "./watch.ts";

/** A project whose Workers this mesh runs. */
export interface OpenProject {
  readonly project: Project;
  readonly gateways: readonly MeshGateway[];
  readonly placesSecret: string;
  /** @throws ProjectError */
  read(): Promise<Project>;
}

/** @throws StartError with all that is wrong, each with its place */
export async function openProject(file: string, environment: string | null): Promise<OpenProject> {
  const read = async (): Promise<Project> => readProject({ file, environment: environment ?? undefined });
  try {
    const project = await read();
    const { gateways } = project.topology;
    return { project, gateways, placesSecret: randomBytes(32).toString("base64url"), read };
  } catch (error) {
    if (error instanceof ProjectError) throw new StartError(error.message);
    throw error;
  }
}

interface ProjectRun {
  readonly opening: Opening;
  readonly data: DataProcess;
  readonly client: ControlClient;
  readonly token: string;
  /** Processes of the mesh's own. */
  readonly known: readonly number[];
  readonly progress: (step: string) => void;
  readonly complain: (problem: string) => void;
  /** Shows a line of a Worker's. */
  readonly print: (line: string) => void;
  readonly onStop: (step: () => Promise<void> | void) => void;
}

/** Tells the mesh of the project's Workers, starts them, and follows what is saved. @returns when each Worker answers, or was refused */
export async function startProject(open: OpenProject, run: ProjectRun): Promise<void> {
  await endOrphans(run.opening.layout.state, WORKERS_ROLE);
  const running = new RunningProject(open, run);
  run.onStop(async () => running.stop());
  await running.start();
}

/** The mesh as the files of a project say, while they change. */
class RunningProject {
  readonly #open: OpenProject;
  readonly #run: ProjectRun;
  readonly #workers: DevWorkers;
  readonly #mesh: AppliedSet;
  readonly #policies: AppliedSet;
  #project: Project;
  #watches: readonly Watch[] = [];
  /** One change after the other. */
  #changes = Promise.resolve();
  #stopped = false;

  constructor(open: OpenProject, run: ProjectRun) {
    const { opening, data, client, token, known, progress, complain, print } = run;
    const { layout } = opening;
    // With its name in front no line of a Worker's passes for one of the access log.
    const onLine = (worker: string, { level, message }: { readonly level: string; readonly message: string }): void => {
      opening.onLine({ level, message: `${worker}: ${message}` });
      print(`${worker}: ${message}`);
    };
    const applied = (name: string) => new AppliedSet(join(layout.state, `applied-${name}.json`), client, token);
    this.#open = open;
    this.#run = run;
    this.#project = open.project;
    this.#mesh = applied("mesh");
    this.#policies = applied("policies");
    const { placesSecret } = open;
    this.#workers = new DevWorkers({ layout, data, placesSecret, known, onLine, progress, complain });
  }

  async start(): Promise<void> {
    this.#run.progress("applying what the mesh file says, and its policies");
    for (const note of notesOf(this.#project)) this.#run.progress(note);
    this.#tell(await this.#mesh.apply(this.#resources()));
    await this.#applyPolicies();
    await this.#workers.become(this.#project);
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const watch of this.#watches) watch.close();
    await this.#changes;
    await this.#workers.stop();
  }

  #resources() {
    const { topology, meshFile } = this.#project;
    return meshResources(topology, true).map((value) => ({ value, place: basename(meshFile.path) }));
  }

  #watch(): void {
    for (const watch of this.#watches) watch.close();
    const { meshFile, configs } = this.#project;
    const files = new Set([meshFile.path, ...[...configs.values()].map(({ path }) => path)]);
    const again = (): void => this.#change(async () => this.#readAgain());
    const policies = (): void => this.#change(async () => this.#applyPolicies());
    this.#watches = [
      ...[...files].map((path) => watchBeside(dirname(path), again, (file) => file === basename(path))),
      ...meshFile.file.policies.map((path) => watchBelow(resolve(meshFile.folder, path), policies)),
    ];
  }

  #change(change: () => Promise<void>): void {
    this.#changes = this.#changes.then(async () => {
      if (this.#stopped) return;
      await change().catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#run.complain(`the mesh goes on as it was:\n${indented(reason)}`);
      });
    });
  }

  async #readAgain(): Promise<void> {
    const before = this.#project;
    const project = await this.#open.read();
    if (fixedOf(before) !== fixedOf(project))
      this.#run.complain(
        "the mesh file says something else of the mesh or its gateways: start `tulle dev` again for it",
      );
    this.#project = project;
    await this.#workers.become(project);
    if (JSON.stringify(before.topology) !== JSON.stringify(project.topology))
      this.#tell(await this.#mesh.apply(this.#resources()));
    if (JSON.stringify(before.meshFile.file.policies) !== JSON.stringify(project.meshFile.file.policies))
      await this.#applyPolicies();
    this.#watch();
  }

  async #applyPolicies(): Promise<void> {
    const documents = readDocuments(this.#project.meshFile);
    if (!documents.ok) return this.#tell({ refused: documents.error, warned: [] });
    const told = await this.#policies.apply(documents.value);
    this.#tell(told);
    if (told.refused.length === 0) this.#run.progress(`policies applied: ${documents.value.length}`);
  }

  #tell({ refused, warned }: { readonly refused: readonly string[]; readonly warned: readonly string[] }): void {
    for (const warning of warned) this.#run.complain(`warning: ${warning}`);
    if (refused.length > 0) this.#run.complain(`nothing was applied:\n${indented(refused.join("\n"))}`);
  }
}

/** Settings that mean nothing on this machine. */
function notesOf({ topology: { gateways } }: Project): readonly string[] {
  return gateways.flatMap(({ name, settings: { certificates, logOneIn } }) => [
    ...(Object.keys(certificates).length > 0
      ? [`${name}: its client certificates are on the account, not shown here`]
      : []),
    ...(logOneIn === undefined ? [] : [`${name}: every call is logged here, not one in ${logOneIn}`]),
  ]);
}

/** What the gateways are started with. */
function fixedOf({ topology: { mesh, trustDomain, gateways } }: Project): string {
  return JSON.stringify([mesh, trustDomain, gateways.map(({ name, settings, gateway }) => [name, settings, gateway])]);
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}
