import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import {
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
  getNodeValue,
} from "jsonc-parser";
import { MeshFile } from "../src/deployment/mesh-file.ts";
import type { Problem } from "../src/deployment/topology.ts";

/** The mesh file's usual name. */
export const MESH_FILE = "tulle.jsonc";

/** What is wrong with a user's project; its message says how to mend it. */
export class ProjectError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProjectError";
  }
}

/** A mesh file that was read. */
export interface ReadMeshFile {
  readonly path: string;
  /** What paths in it are relative to. */
  readonly folder: string;
  readonly file: MeshFile;
  /** `tulle.jsonc:12:5: message` of each. */
  explain(problems: readonly Problem[]): string;
}

/**
 * @param given a path, else the nearest `tulle.jsonc` of this folder and those above it
 * @throws ProjectError
 */
export function readMeshFile(given: string | undefined, from: string = process.cwd()): ReadMeshFile {
  const path = given === undefined ? findMeshFile(from) : resolve(from, given);
  if (path === null)
    throw new ProjectError(`no ${MESH_FILE} in this folder or above it: \`tulle init\` writes one from your Workers`);
  if (!existsSync(path)) throw new ProjectError(`no such file: ${relative(from, path)}`);
  return parseMeshFile(readFileSync(path, "utf8"), path, relative(from, path) || path);
}

/**
 * @param path whose folder paths in it are relative to
 * @param shown how messages name it
 * @throws ProjectError
 */
export function parseMeshFile(text: string, path: string, shown: string): ReadMeshFile {
  if (text.startsWith("\u{feff}"))
    throw new ProjectError(`${shown}:1:1: it begins with a byte order mark: save it as UTF-8 without one`);
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const [broken] = errors;
  if (broken !== undefined || tree === undefined) {
    const what = broken === undefined ? "it is empty" : printParseErrorCode(broken.error);
    throw new ProjectError(`${shown}:${placeOf(text, broken?.offset ?? 0)}: no JSON with comments: ${what}`);
  }
  const explain = (problems: readonly Problem[]): string =>
    problems
      .map(({ path: at, message }) => `${shown}:${placeOf(text, nodeAt(tree, at).offset)}: ${at.join(".")}: ${message}`)
      .join("\n");
  const unread = unreadKeys(tree, []);
  if (unread.length > 0)
    throw new ProjectError(
      unread
        .map(({ key, at, why }) => `${shown}:${placeOf(text, key.offset)}: ${[...at, key.value].join(".")}: ${why}`)
        .join("\n"),
    );
  const parsed = MeshFile.safeParse(getNodeValue(tree));
  if (!parsed.success)
    throw new ProjectError(
      explain(parsed.error.issues.map(({ path: at, message }) => ({ path: at.map(asKey), message }))),
    );
  return { path, folder: dirname(path), file: parsed.data, explain };
}

/** @returns the nearest one's path: of this folder, else of those above it; null: none is there */
export function findMeshFile(from: string = process.cwd()): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const path = join(folder, MESH_FILE);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return null;
  }
}

interface UnreadKey {
  readonly key: Node;
  readonly at: readonly string[];
  readonly why: string;
}

/** What would be lost without a word: of two equal keys the last one counts, and one is none to JavaScript. */
function unreadKeys({ type, children = [] }: Node, at: readonly string[]): readonly UnreadKey[] {
  if (type === "array") return children.flatMap((child, index) => unreadKeys(child, [...at, String(index)]));
  const seen = new Set<unknown>();
  return (type === "object" ? children : []).flatMap(({ children: [key, value] = [] }) => {
    if (key === undefined || value === undefined) return [];
    const name = String(key.value);
    const why = seen.has(name) ? "it stands here twice" : name === "__proto__" ? "it cannot be a name" : null;
    seen.add(name);
    return [...(why === null ? [] : [{ key, at, why }]), ...unreadKeys(value, [...at, name])];
  });
}

function asKey(key: PropertyKey): string | number {
  return typeof key === "number" ? key : String(key);
}

/** The node of a path, else of as much of it as is there. */
function nodeAt(tree: Node, path: readonly (string | number)[]): Node {
  for (let length = path.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(tree, path.slice(0, length));
    if (node !== undefined) return node;
  }
  return tree;
}

/** @returns `line:column`, each from 1 on */
function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split("\n");
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}
