import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { ProjectError, type ReadMeshFile } from "./mesh-file.ts";

/** A file of YAML or JSON that a mesh file's `policies` name. */
export interface PolicyFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

const EXTENSIONS = /\.(ya?ml|json)$/i;
/** What a mesh file names that names none: it need not be there. */
const USUAL = "policies";

/**
 * Reads what `policies` name: files, and all files below folders, in the order of their names.
 *
 * @throws ProjectError where one is not there
 */
export function policyFiles({ folder, file: { policies } }: ReadMeshFile): readonly PolicyFile[] {
  return policies.flatMap((name) => {
    const path = resolve(folder, name);
    if (existsSync(path)) return filesAt(path).map((each) => ({ path: each, text: readFileSync(each, "utf8") }));
    if (name === USUAL) return [];
    throw new ProjectError(
      `no such file or folder: ${relative(process.cwd(), path)}, of \`policies\` in the mesh file`,
    );
  });
}

function filesAt(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => EXTENSIONS.test(name))
    .toSorted()
    .map((name) => join(path, name));
}
