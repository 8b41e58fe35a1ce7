import { z } from "zod";
import { NOTES } from "../resources/fields.ts";
import { COMMON_DESCRIPTIONS } from "../kinds/descriptions.ts";
import type { Kind } from "../kinds/kind.ts";
import { FREE, listOf, object, OPEN, type Properties, type Schema, STRING, TIME } from "../kinds/openapi.ts";
import { apiVersionOf, type KindInfo } from "../resources/kinds.ts";

/** A kind under one of the names that it is served as. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** All names that a kind is served as: its versions, newest first, then its aliases. */
export function servedAs({ group, versions, aliases, kind }: KindInfo): readonly GroupVersionKind[] {
  return [...versions.map((version) => apiVersionOf(group, version)), ...aliases].map((apiVersion) => {
    const slash = apiVersion.indexOf("/");
    return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1), kind };
  });
}

const STRINGS: Schema = { type: "object", additionalProperties: STRING };
const COUNT: Schema = { type: "integer", format: "int64" };
const BOOLEAN: Schema = { type: "boolean" };

const OBJECT_META = object({
  name: STRING,
  generateName: STRING,
  namespace: STRING,
  labels: STRINGS,
  annotations: STRINGS,
  uid: STRING,
  resourceVersion: STRING,
  generation: COUNT,
  creationTimestamp: TIME,
  deletionTimestamp: TIME,
  deletionGracePeriodSeconds: COUNT,
  selfLink: STRING,
  finalizers: listOf(STRING),
  ownerReferences: listOf(
    object({
      apiVersion: STRING,
      kind: STRING,
      name: STRING,
      uid: STRING,
      controller: BOOLEAN,
      blockOwnerDeletion: BOOLEAN,
    }),
  ),
  managedFields: listOf(
    object({
      manager: STRING,
      operation: STRING,
      apiVersion: STRING,
      time: TIME,
      fieldsType: STRING,
      fieldsV1: FREE,
      subresource: STRING,
    }),
  ),
});

const CONDITION: Schema = {
  ...object({
    type: STRING,
    status: { type: "string", enum: ["True", "False", "Unknown"] },
    reason: STRING,
    message: STRING,
    lastTransitionTime: TIME,
    observedGeneration: COUNT,
  }),
  required: ["type", "status"],
};

const STATUS: Schema = { ...object({ conditions: listOf({ ...CONDITION, ...OPEN }) }), ...OPEN };

/** What Istio writes there, and an export from a cluster brings along. */
const MESH_STATUS: Schema = {
  ...object({
    ...STATUS.properties,
    observedGeneration: COUNT,
    validationMessages: listOf(FREE),
    addresses: listOf(FREE),
  }),
  ...OPEN,
};

/** The schema of whole objects of a kind, the same in every version. */
export function objectSchema(info: Kind): Schema {
  const schema: Schema = {
    ...object({ apiVersion: STRING, kind: STRING, metadata: OBJECT_META, ...fieldsOf(info) }),
    ...(info.core && OPEN),
  };
  return dress(info, schema, "");
}

/** What stands beside `apiVersion`, `kind` and `metadata`. */
function fieldsOf({ core, flat, reader, fields }: Kind): Properties {
  if (reader === null) return fields;
  const spec = fromZod(reader.schema);
  if (flat) return spec.properties ?? {};
  return { spec, status: core ? STATUS : MESH_STATUS };
}

/** Refinements leave no trace; what a schema notes beside its shape becomes a description. */
function fromZod(zod: z.ZodType): Schema {
  const { $schema: _, ...schema } = z.toJSONSchema(zod, {
    target: "openapi-3.0",
    io: "input",
    unrepresentable: "any",
    reused: "inline",
    override: ({ zodSchema, jsonSchema }) => {
      const { refused = {}, tuning, emptyOnly } = NOTES.get(zodSchema) ?? {};
      if (tuning !== undefined) jsonSchema.description = `Stored, without effect: ${tuning.instead}.`;
      if (emptyOnly !== undefined) {
        for (const keyword of Object.keys(jsonSchema)) delete jsonSchema[keyword as keyof typeof jsonSchema];
        Object.assign(jsonSchema, { description: emptyOnly, "x-tulle-refused": true });
      }
      const names = Object.entries(refused);
      if (names.length === 0) return;
      const explained = names.map(([name, description]) => [name, { description, "x-tulle-refused": true }]);
      jsonSchema.properties = { ...jsonSchema.properties, ...Object.fromEntries(explained) };
    },
  });
  return schema as Schema;
}

/**
 * Adds what is told apart by path: descriptions, how lists merge, and the fields of Kubernetes' kinds that nobody reads.
 *
 * @param path within the object; lists and maps leave no trace in it: `spec.http.match`. Empty for the object itself
 */
function dress(info: Kind, schema: Schema, path: string): Schema {
  const description = describe(info, path) ?? schema.description;
  return { ...(description !== undefined && { description }), ...dressShape(info, schema, path) };
}

function describe({ descriptions }: Kind, path: string): string | undefined {
  return descriptions[path] ?? COMMON_DESCRIPTIONS[path];
}

function dressShape(info: Kind, schema: Schema, path: string): Schema {
  const { description: _, items, additionalProperties: more, properties, ...rest } = schema;
  if (items !== undefined) return { ...rest, ...listRule(info, path), items: dressShape(info, items, path) };
  const loose = typeof more === "object" && Object.keys(more).length === 0;
  if (typeof more === "object" && !loose) return { ...rest, additionalProperties: dressShape(info, more, path) };
  const shape = { ...rest, ...(more === false && { additionalProperties: false }), ...(loose && OPEN) };
  const all = { ...keptFields(info, path), ...properties };
  if (Object.keys(all).length === 0) return shape;
  const dressed = Object.entries(all).map(
    ([name, below]) => [name, dress(info, below, path === "" ? name : `${path}.${name}`)] as const,
  );
  return { ...shape, type: "object", properties: Object.fromEntries(dressed) };
}

function listRule({ lists, core }: Kind, path: string): Schema {
  const keys = lists.get(path);
  if (keys === undefined) return { "x-kubernetes-list-type": "atomic" };
  return {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": keys.apply,
    ...(core && { "x-kubernetes-patch-merge-key": keys.merge, "x-kubernetes-patch-strategy": "merge" }),
  };
}

const KEPT: Readonly<Record<string, Schema>> = {
  "": STRING,
  "#": COUNT,
  "?": BOOLEAN,
  "{}": FREE,
  "[]": listOf(STRING),
  "[#]": listOf(COUNT),
  "[{}]": listOf(FREE),
  "*": OPEN,
};

function keptFields(info: Kind, path: string): Properties {
  const kept = (info.keptFields[path] ?? []).map((field) => {
    const name = field.replace(/\W+$/, "");
    return [name, { description: "Kept, not read.", ...KEPT[field.slice(name.length)] }] as const;
  });
  return Object.fromEntries(kept);
}
