import { z } from "zod";
import type { ExplainedRequest } from "../../src/api/explain-bodies.ts";
import { findKind } from "../../src/kinds/registry.ts";
import { parseObject } from "../../src/kinds/parse.ts";
import { canonicalJson } from "../../src/snapshot/canonical.ts";
import { type Client, jsonOf } from "./client.ts";
import { documentsOf, isJson, readSources } from "./manifests.ts";
import { complain } from "./output.ts";
import { positionsIn } from "./positions.ts";

type Stage = z.infer<typeof ExplainedRequest>["stages"][number];

/** Where something stands in a file. */
export interface Placed {
  readonly file: string;
  readonly line: number;
}

/** An object of a file. */
interface Found {
  readonly file: string;
  readonly line: number;
  readonly apiVersion: string;
  readonly spec: unknown;
  lineOf(field: string): number;
}

/** With the place of each object that stands in one of these files as the mesh has it. */
export async function placesIn(
  client: Client,
  stages: readonly Stage[],
  names: readonly string[],
  recursive: boolean,
): Promise<readonly (Stage & { readonly place?: Placed })[]> {
  const found = await objectsIn(names, recursive, client.target.namespace);
  const equal = new Map<string, Found | null>();
  for (const { object } of stages) {
    const key = object && `${object.kind}/${object.namespace}/${object.name}`;
    if (object === null || key === null || equal.has(key)) continue;
    const here = found.get(key);
    equal.set(key, here !== undefined && (await isStored(client, here, object)) ? here : null);
  }
  return stages.map((stage) => {
    const { object, field } = stage;
    const here = object && equal.get(`${object.kind}/${object.namespace}/${object.name}`);
    return here ? { ...stage, place: { file: here.file, line: here.lineOf(field ?? "spec") } } : stage;
  });
}

async function objectsIn(
  names: readonly string[],
  recursive: boolean,
  namespace: string,
): Promise<ReadonlyMap<string, Found>> {
  const found = new Map<string, Found>();
  for (const source of await readSources(names, recursive)) {
    const positionOf = positionsIn(source.text, isJson(source.file, source.text));
    for (const [index, document] of documentsOf(source).entries()) {
      if (!document.ok) continue;
      const { object } = parseObject(document.value.value, { local: true });
      if (object === null) continue;
      const { apiVersion, kind, metadata, spec } = object;
      const placed = findKind(apiVersion, kind)?.namespaced === false ? "" : (metadata.namespace ?? namespace);
      found.set(`${kind}/${placed}/${metadata.name}`, {
        file: source.file,
        line: document.value.line,
        apiVersion,
        spec,
        lineOf: (field) => positionOf(index, field).line,
      });
    }
  }
  return found;
}

const Stored = z.looseObject({ spec: z.unknown() });

/** What a file says of an object counts where the mesh has the same. */
async function isStored(
  client: Client,
  { file, line, apiVersion, spec }: Found,
  { kind, namespace, name }: NonNullable<Stage["object"]>,
): Promise<boolean> {
  const plural = findKind(apiVersion, kind)?.plural;
  if (plural === undefined) return false;
  const of = namespace === "" ? "" : `/namespaces/${namespace}`;
  const answer = await client.send({ below: "/k8s/apis", path: `/${apiVersion}${of}/${plural}/${name}` });
  const stored = answer.status === 200 ? Stored.safeParse(jsonOf(answer.text)) : null;
  if (stored?.success === true && canonicalJson(stored.data.spec) === canonicalJson(spec)) return true;
  complain("warning", `${file}:${line} has another ${kind} ${namespace}/${name} than the mesh: its lines are not told`);
  return false;
}
