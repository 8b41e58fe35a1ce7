import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { example as article } from "../examples/article/example.ts";
import { example as bookinfo } from "../examples/bookinfo/example.ts";
import type { Example, ExampleService } from "../examples/example.ts";
import { bundleWorker } from "./bundle.ts";
import type { ExampleName } from "./options.ts";

const PROJECT = join(import.meta.dirname, "..");

const BY_NAME: Readonly<Record<ExampleName, Example>> = { bookinfo, article };

export function exampleOf(name: ExampleName): Example {
  return BY_NAME[name];
}

/** The resources of an example, as one YAML stream. */
export function resourcesOf({ name, resources }: Example): string {
  return resources.map((file) => readFileSync(join(PROJECT, "examples", name, file), "utf8")).join("\n---\n");
}

/** A Worker's code as Miniflare takes it. */
export async function moduleOf(entry: string) {
  return [{ type: "ESModule" as const, path: "index.js", contents: await bundleWorker(join(PROJECT, entry)) }];
}

export function entryOf(example: Example, { entry }: ExampleService): string {
  return join(dirname("examples/x"), example.name, entry);
}
