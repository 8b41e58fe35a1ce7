import { relative } from "node:path";
import type { ReadMeshFile } from "../../project/mesh-file.ts";
import { policyFiles } from "../../project/policy-files.ts";
import { parseDocuments } from "../../src/resources/documents.ts";
import { err, ok, type Result } from "../../src/result.ts";

/** One object of a file. */
export interface Document {
  readonly value: unknown;
  /** `policies/orders.yaml:12`. */
  readonly place: string;
}

/**
 * Reads the policies that a mesh file names.
 *
 * @returns what cannot be read, each with its place
 * @throws ProjectError where a file is not there
 */
export function readDocuments(meshFile: ReadMeshFile): Result<readonly Document[], readonly string[]> {
  const problems: string[] = [];
  const documents = policyFiles(meshFile).flatMap(({ path, text }) => {
    const shown = relative(process.cwd(), path);
    const parsed = parseDocuments(text, path.endsWith(".json") ? "json" : "yaml");
    if (parsed.ok) return parsed.value.map(({ value, line }) => ({ value, place: `${shown}:${line}` }));
    problems.push(`${shown}:${parsed.error.line}: ${parsed.error.message}`);
    return [];
  });
  return problems.length > 0 ? err(problems) : ok(documents);
}
