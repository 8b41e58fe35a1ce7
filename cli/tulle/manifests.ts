import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { parseDocuments } from "../../src/resources/documents.ts";
import { findKind } from "../../src/kinds/registry.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { CommandError, usageError } from "./command-error.ts";
import { positionsIn } from "./positions.ts";
import { whyUnread } from "./target.ts";

/** One object of a file, to be sent. */
export interface Manifest {
  /** `policies/reviews.yaml`, as the user would name it; `stdin`. */
  readonly file: string;
  readonly line: number;
  readonly kind: string;
  readonly name: string;
  readonly json: string;
  /** @returns the line where a field stands, or what is around it */
  readonly lineOf: (field: string) => number;
}

export interface Placement {
  /** For namespaced objects that name none. */
  readonly namespace: string;
  /** The namespace was asked for: one that names another is refused. */
  readonly isForced: boolean;
}

export interface Source {
  readonly file: string;
  readonly text: string;
}

interface Fault {
  readonly message: string;
  readonly line: number;
}

/** One object as it stands in a file. */
export interface Document {
  readonly value: unknown;
  readonly line: number;
}

const EXTENSIONS = /\.(ya?ml|json)$/i;
/** As much as `parseDocuments` reads at once. */
const MAX_TEXT = 1_048_576;
const MAX_DOCUMENTS = 500;

/** Reads files, folders and stdin. Everything that is wrong is told at once, with its place, before anything is sent. */
export async function readManifests(
  names: readonly string[],
  recursive: boolean,
  placement: Placement,
): Promise<readonly Manifest[]> {
  const read = (await readSources(names, recursive)).flatMap((source) => manifestsOf(source, placement));
  const problems = read.flatMap((manifest) => (manifest.ok ? [] : [manifest.error]));
  if (problems.length > 0) throw new CommandError(["nothing was sent", ...problems].join("\n"));
  const manifests = read.flatMap((manifest) => (manifest.ok ? [manifest.value] : []));
  if (manifests.length > 0) return manifests;
  throw new CommandError(`there is no document in ${names.map((name) => `\`${name}\``).join(", ")}`);
}

/** The texts of files, of the manifests in folders, and of stdin. */
export async function readSources(names: readonly string[], recursive: boolean): Promise<readonly Source[]> {
  if (names.filter((name) => name === "-").length > 1) throw usageError("`-f -` reads stdin, once");
  const sources: Source[] = [];
  for (const name of names) sources.push(...(await sourcesOf(name, recursive)));
  return sources;
}

async function sourcesOf(name: string, recursive: boolean): Promise<readonly Source[]> {
  if (name === "-") return [{ file: "stdin", text: decoded(await buffer(process.stdin), "stdin") }];
  try {
    if (!statSync(name).isDirectory()) return [{ file: name, text: decoded(readFileSync(name), name) }];
    const files = filesOf(name, recursive);
    if (files.length === 0)
      throw new CommandError(
        `the folder \`${name}\` holds no .yaml, .yml or .json file${recursive ? "" : "; -R looks into the folders in it too"}`,
      );
    return files.map((file) => ({ file, text: decoded(readFileSync(file), file) }));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const hint = /^https?:/.test(name) ? "; fetch it with curl and pipe it to `-f -`" : "";
    throw new CommandError(`-f: ${whyUnread(pathOf(error) ?? name, error)}${hint}`);
  }
}

/** Which file of a folder it was. */
function pathOf(error: unknown): string | null {
  return error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : null;
}

function filesOf(folder: string, recursive: boolean): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    // A link to a folder is not followed: it may lead around in a circle.
    if (entry.isDirectory()) return recursive ? filesOf(path, true) : [];
    return EXTENSIONS.test(entry.name) && statSync(path).isFile() ? [path] : [];
  });
}

function decoded(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CommandError(`\`${file}\` is not UTF-8; save it as UTF-8`);
  }
}

function manifestsOf(source: Source, placement: Placement): readonly Result<Manifest, string>[] {
  const { file, text } = source;
  // Worked out for what is refused or warned of alone.
  let positions: ReturnType<typeof positionsIn> | null = null;
  const lineOf = (index: number, field: string): number =>
    (positions ??= positionsIn(text, isJson(file, text)))(index, field).line;
  return documentsOf(source).map((read, index) => {
    if (!read.ok) return err(`${file}:${read.error.line}: ${read.error.message}`);
    const { value, line } = read.value;
    return manifestOf(value, { file, line, lineOf: (field) => lineOf(index, field) }, placement);
  });
}

/** The objects of one text in their order, or what is wrong with it. */
export function documentsOf({ file, text }: Source): readonly Result<Document, Fault>[] {
  const type = isJson(file, text) ? "json" : "yaml";
  const pieces = type === "json" ? [{ text, line: 1 }] : piecesOf(text);
  return pieces.flatMap((piece): readonly Result<Document, Fault>[] => {
    const before = piece.line - 1;
    const parsed = parseDocuments(piece.text, type);
    if (!parsed.ok) return [err({ message: parsed.error.message, line: parsed.error.line + before })];
    return parsed.value.map(({ value, line }) => ok({ value, line: line + before }));
  });
}

/** By its name; what has none that says it (stdin), by what stands in it. */
export function isJson(file: string, text: string): boolean {
  if (EXTENSIONS.test(file)) return /\.json$/i.test(file);
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

interface Piece {
  readonly text: string;
  /** Where it begins in the whole. */
  readonly line: number;
}

/** A stream that is too large for one reading, cut before `---`, which at the start of a line is nothing else in YAML (1.2 section 9.1.2). */
function piecesOf(text: string): readonly Piece[] {
  const documents = text.split(/^(?=---(?:\s|$))/m);
  if (text.length <= MAX_TEXT / 4 && documents.length <= MAX_DOCUMENTS) return [{ text, line: 1 }];
  const pieces: { text: string; line: number; documents: number; bytes: number }[] = [];
  let line = 1;
  for (const document of documents) {
    const bytes = Buffer.byteLength(document);
    const last = pieces.at(-1);
    if (last && last.documents < MAX_DOCUMENTS && last.bytes + bytes <= MAX_TEXT) {
      last.text += document;
      last.documents += 1;
      last.bytes += bytes;
    } else pieces.push({ text: document, line, documents: 1, bytes });
    line += document.split("\n").length - 1;
  }
  return pieces;
}

function manifestOf(
  value: unknown,
  place: Pick<Manifest, "file" | "line" | "lineOf">,
  placement: Placement,
): Result<Manifest, string> {
  const { file, line } = place;
  const at = `${file}:${line}`;
  const { apiVersion, kind, metadata } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const { name, namespace } = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  const info = findKind(String(apiVersion), String(kind));
  const isPlaced = info?.namespaced === true && typeof metadata === "object" && metadata !== null;
  const hasNone = namespace === undefined || namespace === null || namespace === "";
  if (isPlaced && placement.isForced && wordOf(namespace) !== "" && namespace !== placement.namespace)
    return err(
      `${at}: its namespace is \`${wordOf(namespace)}\`, but \`-n ${placement.namespace}\` was asked for; leave one of them out`,
    );
  const placed =
    isPlaced && hasNone ? { ...(value as object), metadata: { ...metadata, namespace: placement.namespace } } : value;
  const json = jsonText(placed);
  if (json === null) return err(`${at}: \`.inf\` and \`.nan\` are no numbers that can be sent; write a finite one`);
  return ok({ ...place, kind: wordOf(kind), name: wordOf(name), json });
}

function wordOf(field: unknown): string {
  return typeof field === "string" ? field : "";
}

/** @returns null where JSON would say `null` for a number of YAML's */
function jsonText(value: unknown): string | null {
  let isWhole = true;
  const text = JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === "number" && !Number.isFinite(member)) isWhole = false;
    return member;
  });
  return isWhole ? text : null;
}
