import { randomBytes } from "node:crypto";
import { ProjectError } from "../../project/mesh-file.ts";
import { type Project, readProject } from "../../project/read-project.ts";
import { meshResources } from "../../src/deployment/mesh-resources.ts";
import type { MeshGateway } from "../../src/deployment/topology.ts";
import type { ControlClient } from "../control-client.ts";
import type { DataProcess } from "../data-process.ts";
import type { Opening } from "../own-listeners.ts";
import { StartError } from "../start-error.ts";
import { DevWorkers } from "./dev-workers.ts";

/** A project whose Workers this mesh runs. */
export interface OpenProject {
  readonly project: Project;
  readonly gateways: readonly MeshGateway[];
  readonly placesSecret: string;
}

/** @throws StartError with all that is wrong, each with its place */
export async function openProject(file: string, environment: string | null): Promise<OpenProject> {
  try {
    const project = await readProject({ file, environment: environment ?? undefined });
    return { project, gateways: project.topology.gateways, placesSecret: randomBytes(32).toString("base64url") };
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
  readonly progress: (step: string) => void;
  readonly complain: (problem: string) => void;
  readonly onStop: (step: () => Promise<void> | void) => void;
}

/** Tells the mesh of the project's Workers, and starts them. @returns when each answers, or was refused */
export async function startProject({ project, gateways, placesSecret }: OpenProject, run: ProjectRun): Promise<void> {
  const { opening, data, client, token, progress, complain, onStop } = run;
  const { layout, onLine } = opening;
  const { environment } = opening.options;
  progress("applying what the mesh file says");
  const resources = meshResources(project.topology, true);
  await client.apply(token, resources.map((resource) => JSON.stringify(resource)).join("\n---\n"));
  const workers = new DevWorkers({ layout, data, gateways, placesSecret, environment, onLine, progress, complain });
  onStop(async () => workers.stop());
  await Promise.all([...project.configs.values()].map(async (one) => workers.start(one)));
}
