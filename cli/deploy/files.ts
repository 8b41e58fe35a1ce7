import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { DeployStep } from "./plan.ts";

/** Where things are: the project, the folder for generated files, the description's own folder. */
export interface Places {
  readonly project: string;
  readonly output: string;
  readonly description: string;
}

/** Writes the step's wrangler configuration (and, for a service, its entry) and gives the configuration's path. */
export function writeStep(step: DeployStep, places: Places): string {
  const { worker, without, pass } = step;
  const folder = join(places.output, worker.name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `wrangler.${pass}.json`);
  const services = worker.bindings.filter(({ service }) => !without.includes(service));
  const config = { ...worker.config, name: worker.name, main: mainOf(step, folder, places), services };
  writeFileSync(path, `${JSON.stringify(withRelativeMigrations(config, folder, places), null, 2)}\n`);
  return path;
}

function mainOf({ worker }: DeployStep, folder: string, places: Places): string {
  if (worker.sidecar === undefined) return relative(folder, join(places.project, String(worker.config.main)));
  const entry = join(folder, "entry.ts");
  mkdirSync(dirname(entry), { recursive: true });
  writeFileSync(entry, sidecarEntry(worker.sidecar, folder, places));
  return "entry.ts";
}

/** The service's module as it is, with its calls to mesh hosts sent through the bindings. All its exports pass on. */
function sidecarEntry(
  sidecar: NonNullable<DeployStep["worker"]["sidecar"]>,
  folder: string,
  { project, description }: Places,
): string {
  const service = importPath(folder, resolve(description, sidecar.main));
  const intercept = importPath(folder, join(project, "workers/sidecar/intercept.ts"));
  writeFileSync(
    join(folder, "mesh.ts"),
    `import { interceptFetch } from ${intercept};\n\ninterceptFetch(${JSON.stringify(sidecar.hosts, null, 2)});\n`,
  );
  // `mesh.ts` comes first: modules are evaluated in order, so the service's code already sees the mesh's fetch.
  return `import "./mesh.ts";\nexport * from ${service};\nexport { default } from ${service};\n`;
}

function importPath(folder: string, file: string): string {
  const path = relative(folder, file);
  return JSON.stringify(path.startsWith(".") ? path : `./${path}`);
}

function withRelativeMigrations(
  config: Readonly<Record<string, unknown>>,
  folder: string,
  { project }: Places,
): Readonly<Record<string, unknown>> {
  const databases = config.d1_databases;
  if (!Array.isArray(databases)) return config;
  const moved = databases.map((database: Readonly<Record<string, unknown>>) => ({
    ...database,
    migrations_dir: relative(folder, join(project, String(database.migrations_dir))),
  }));
  return { ...config, d1_databases: moved };
}
