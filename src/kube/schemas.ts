import { z } from "zod";
import { NOTES } from "../resources/fields.ts";
import { apiVersionOf, type KindInfo } from "../resources/kinds.ts";
import { SCHEMAS } from "../resources/parse.ts";
import { KEPT_FIELDS } from "./core-fields.ts";
import { COMMON_DESCRIPTIONS, DESCRIPTIONS } from "./descriptions.ts";
import { keyedLists, type KeyedLists } from "./list-keys.ts";

/**
 * A schema as OpenAPI 3.0 writes it, as far as Kubernetes uses it; nothing is a `$ref`. Without a `type` it takes anything.
 * `x-tulle-refused` marks a field that upstream knows and that is refused here: it stands among the properties for the
 * sake of its description, so that a client leaves it to the server to say why.
 */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Properties;
  /** False: the object is strict. A schema: it is a map. */
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly [extension: `x-${string}`]: unknown;
}

type Properties = Readonly<Record<string, Schema>>;

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

const STRING: Schema = { type: "string" };
const STRINGS: Schema = { type: "object", additionalProperties: STRING };
const TIME: Schema = { type: "string", format: "date-time" };
const COUNT: Schema = { type: "integer", format: "int64" };
const BOOLEAN: Schema = { type: "boolean" };
/** Other fields than those named may stand there. */
const OPEN = { "x-kubernetes-preserve-unknown-fields": true } as const;
const FREE: Schema = { type: "object", ...OPEN };

function object(properties: Properties): Schema {
  return { type: "object", properties };
}

function listOf(items: Schema): Schema {
  return { type: "array", items };
}

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

const EVENT_FIELDS: Properties = {
  involvedObject: {
    ...object({
      apiVersion: STRING,
      kind: STRING,
      namespace: STRING,
      name: STRING,
      uid: STRING,
      resourceVersion: STRING,
      fieldPath: STRING,
    }),
    ...OPEN,
  },
  type: STRING,
  reason: STRING,
  message: STRING,
  action: STRING,
  count: { type: "integer", format: "int32" },
  firstTimestamp: TIME,
  lastTimestamp: TIME,
  eventTime: TIME,
  source: { ...object({ component: STRING, host: STRING }), ...OPEN },
  reportingComponent: STRING,
  reportingInstance: STRING,
  related: FREE,
  series: FREE,
};

/** The schema of whole objects of a kind, the same in every version. */
export function objectSchema(info: KindInfo): Schema {
  const place: Place = { lists: keyedLists(info), core: info.core, path: "" };
  const schema: Schema = {
    ...object({ apiVersion: STRING, kind: STRING, metadata: OBJECT_META, ...fieldsOf(info) }),
    ...(info.core && OPEN),
  };
  return dress(info.kind, schema, place);
}

/** What stands beside `apiVersion`, `kind` and `metadata`. */
function fieldsOf({ kind, core, flat }: KindInfo): Properties {
  if (kind === "Event") return EVENT_FIELDS;
  const zod = SCHEMAS.get(kind);
  if (zod === undefined) throw new Error(`no schema for ${kind}`);
  const spec = fromZod(zod);
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
      const { refused = {}, tuning } = NOTES.get(zodSchema) ?? {};
      if (tuning !== undefined) jsonSchema.description = `Stored, without effect: ${tuning.instead}.`;
      const names = Object.entries(refused);
      if (names.length === 0) return;
      const explained = names.map(([name, description]) => [name, { description, "x-tulle-refused": true }]);
      jsonSchema.properties = { ...jsonSchema.properties, ...Object.fromEntries(explained) };
    },
  });
  return schema as Schema;
}

interface Place {
  readonly lists: KeyedLists;
  readonly core: boolean;
  /** Within the object; lists and maps leave no trace in it: `spec.http.match`. Empty for the object itself. */
  readonly path: string;
}

/** Adds what is told apart by path: descriptions, how lists merge, and the fields of Kubernetes' kinds that nobody reads. */
function dress(kind: string, schema: Schema, place: Place): Schema {
  const description = describe(kind, place.path) ?? schema.description;
  return { ...(description !== undefined && { description }), ...dressShape(kind, schema, place) };
}

function describe(kind: string, path: string): string | undefined {
  return path === "" ? DESCRIPTIONS[kind] : (DESCRIPTIONS[`${kind}.${path}`] ?? COMMON_DESCRIPTIONS[path]);
}

function dressShape(kind: string, schema: Schema, place: Place): Schema {
  const { description: _, items, additionalProperties: more, properties, ...rest } = schema;
  if (items !== undefined) return { ...rest, ...listRule(place), items: dressShape(kind, items, place) };
  const loose = typeof more === "object" && Object.keys(more).length === 0;
  if (typeof more === "object" && !loose) return { ...rest, additionalProperties: dressShape(kind, more, place) };
  const shape = { ...rest, ...(more === false && { additionalProperties: false }), ...(loose && OPEN) };
  const all = { ...keptFields(kind, place), ...properties };
  if (Object.keys(all).length === 0) return shape;
  const dressed = Object.entries(all).map(([name, below]) => {
    const path = place.path === "" ? name : `${place.path}.${name}`;
    return [name, dress(kind, below, { ...place, path })] as const;
  });
  return { ...shape, type: "object", properties: Object.fromEntries(dressed) };
}

function listRule({ lists, core, path }: Place): Schema {
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

function keptFields(kind: string, { path }: Place): Properties {
  const kept = (KEPT_FIELDS[`${kind}.${path}`] ?? []).map((field) => {
    const name = field.replace(/\W+$/, "");
    return [name, { description: "Kept, not read.", ...KEPT[field.slice(name.length)] }] as const;
  });
  return Object.fromEntries(kept);
}
