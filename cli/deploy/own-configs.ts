import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, workerFile } from "../../project/built.ts";
import { type WorkerConfig, workerConfigs } from "../../src/deployment/worker-config.ts";

/** What each of the mesh's own Workers is deployed with, but for what differs from deployment to deployment; paths are absolute. */
export function ownConfigs(): Readonly<Record<"control" | "state" | "gateway", WorkerConfig>> {
  const { control, state, gateway } = workerConfigs((path) => readFileSync(join(ROOT, path), "utf8"));
  return {
    control: {
      ...control,
      main: workerFile("control"),
      d1_databases: control.d1_databases.map((each) => ({ ...each, migrations_dir: join(ROOT, each.migrations_dir) })),
    },
    state: { ...state, main: workerFile("state") },
    gateway: { ...gateway, main: workerFile("gateway") },
  };
}
