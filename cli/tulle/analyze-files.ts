import { Compiler } from "../../src/compile/compiler.ts";
import type { FoundFinding } from "../../src/kube/findings.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import { findKind, kindOfObject } from "../../src/kinds/registry.ts";
import { kindOfFinding } from "../../src/resources/finding-codes.ts";
import { errorAt, type Finding, warningAt } from "../../src/resources/finding.ts";
import type { MeshConfigSpec } from "../../src/resources/mesh-config.ts";
import { type KubeObject, refKey, refOf } from "../../src/resources/object.ts";
import { type Document, documentsOf, isJson, readSources, type Source } from "./manifests.ts";
import { type Position, positionsIn } from "./positions.ts";

/** A finding of some mesh, which may be newer than this program, or of files. */
export interface Told extends Omit<FoundFinding, "object"> {
  /** Null where the text could not be read so far. */
  readonly object: FoundFinding["object"] | null;
  /** Null where it is of no file. */
  readonly place: ({ readonly file: string } & Position) | null;
}

export interface Analysis {
  readonly objects: number;
  /** Files of folders in which something else stands, such as a tool's settings. */
  readonly others: readonly string[];
  readonly findings: readonly Told[];
}

/** An object of a file, with what its form alone says of it. */
interface Read {
  readonly source: Source;
  readonly index: number;
  /** Of the source, where it begins. */
  readonly line: number;
  readonly object: KubeObject | null;
  readonly head: NonNullable<Told["object"]>;
  readonly findings: readonly Finding[];
}

/** What is to be said of the objects in files, each among all the others: parsed and compiled here, without a mesh. */
export async function analyzeFiles(names: readonly string[], recursive: boolean, namespace: string): Promise<Analysis> {
  const sources = await readSources(names, recursive);
  const faults: Told[] = [];
  const others = new Set<string>();
  const read: Read[] = [];
  for (const source of sources) {
    const { file } = source;
    let index = 0;
    for (const document of documentsOf(source)) {
      if (!document.ok) {
        const { message, line } = document.error;
        faults.push(toldOf(errorAt("", message), null, { file, line, column: 1 }));
      } else if (isOther(document.value.value) && !names.includes(file) && !names.includes("-")) others.add(file);
      else read.push(readObject(source, index, document.value, namespace));
      index += 1;
    }
  }
  const among = findingsAmong(read);
  const positions = new Map<Source, ReturnType<typeof positionsIn>>();
  const told = read.flatMap((each): readonly Told[] => {
    const { source, index, head } = each;
    const findings = [...each.findings, ...(among.get(each) ?? [])];
    if (findings.length === 0) return [];
    const positionOf = positions.get(source) ?? positionsIn(source.text, isJson(source.file, source.text));
    positions.set(source, positionOf);
    return findings.map((found) => toldOf(found, head, { file: source.file, ...positionOf(index, found.field) }));
  });
  return { objects: read.length, others: [...others], findings: [...faults, ...told] };
}

/** Nobody meant it as an object: it says neither its kind nor its version. */
function isOther(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return !Object.hasOwn(value, "apiVersion") && !Object.hasOwn(value, "kind");
}

function toldOf({ code, severity, field, message }: Finding, object: Told["object"], place: Told["place"]): Told {
  const { name, istio = [] } = kindOfFinding(code);
  return { code, name, severity, istio, object, field, message, place };
}

function readObject(source: Source, index: number, { value, line }: Document, namespace: string): Read {
  // What the local mesh alone takes is not refused: nobody says here which mesh the files are for.
  const { object, findings } = parseObject(value, { local: true });
  const { apiVersion, kind, metadata } = (object ?? value ?? {}) as Partial<Record<string, unknown>>;
  const names = (metadata ?? {}) as Partial<Record<string, unknown>>;
  const text = (field: unknown): string => (typeof field === "string" ? field : "");
  const placed = findKind(text(apiVersion), text(kind))?.namespaced === false ? "" : namespace;
  const head = {
    apiVersion: text(apiVersion),
    kind: text(kind),
    namespace: text(names["namespace"]) || placed,
    name: text(names["name"]),
  };
  return { source, index, line, object, head, findings };
}

/** What the compiler says. Of objects that are there twice the last one holds, as where they are applied one after the other. */
function findingsAmong(read: readonly Read[]): ReadonlyMap<Read, readonly Finding[]> {
  const last = new Map<string, Read>();
  const objects = new Map<string, KubeObject>();
  const found = new Map<Read, readonly Finding[]>();
  for (const each of read) {
    if (each.object === null) continue;
    const { namespace } = each.head;
    const metadata = { ...each.object.metadata, ...(namespace !== "" && { namespace }) };
    const key = refKey(refOf({ ...each.object, metadata }));
    const before = last.get(key);
    if (before) {
      const message = `the same object is there once more, in ${each.source.file}:${each.line}, and the later one holds`;
      found.set(before, [warningAt("metadata.name", message, "TULLE0307")]);
    }
    last.set(key, each);
    objects.set(key, { ...each.object, metadata: { ...metadata, uid: key } });
  }
  const config = [...objects.values()].find(({ kind }) => kind === "MeshConfig")?.spec as MeshConfigSpec | undefined;
  const trustDomain = config?.trustDomain ?? "cluster.local";
  // Without the mesh's settings nobody knows what they allow.
  const settings = config ? {} : { anyAddress: true as const };
  const compiler = new Compiler({ local: true, trustDomain, kindOf: kindOfObject, ...settings });
  const { findings } = compiler.attempt([...objects.values()].map((after) => ({ before: null, after })));
  for (const [key, said] of findings) {
    const each = last.get(key);
    if (each) found.set(each, said);
  }
  return found;
}
