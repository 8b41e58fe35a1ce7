import { readFileSync } from "node:fs";
import { join } from "node:path";
import { workerConfigs } from "../../src/deployment/worker-config.ts";

const PROJECT = join(import.meta.dirname, "../..");

/** What each of the mesh's own Workers is deployed with, but for what differs from deployment to deployment. */
export const CONFIGS = workerConfigs((path) => readFileSync(join(PROJECT, path), "utf8"));
