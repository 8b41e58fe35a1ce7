import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { example as article } from "../examples/article/example.ts";
import { example as bookinfo } from "../examples/bookinfo/example.ts";
import type { Example, ExampleService } from "../examples/example.ts";
import { type OwnWorker, ROOT, sourceCode, workerCode } from "../project/built.ts";
import type { ExampleName } from "./options.ts";

const BY_NAME: Readonly<Record<ExampleName, Example>> = { bookinfo, article };

export function exampleOf(name: ExampleName): Example {
  return BY_NAME[name];
}

/** The resources of an example, as one YAML stream. */
export function resourcesOf({ name, resources }: Example): string {
  return resources.map((file) => readFileSync(join(ROOT, "examples", name, file), "utf8")).join("\n---\n");
}

/** The code of a Worker of the mesh's own, as Miniflare takes it. */
export async function moduleOf(name: OwnWorker) {
  return [esModule(await workerCode(name))];
}

/** The same of another Worker of this checkout. */
export async function moduleFrom(entry: string) {
  return [esModule(await sourceCode(entry))];
}

function esModule(contents: string) {
  return { type: "ESModule" as const, path: "index.js", contents };
}

export function entryOf(example: Example, { entry }: ExampleService): string {
  return join(dirname("examples/x"), example.name, entry);
}
