import type { Kind } from "../kinds/kind.ts";
import { apiVersionOf } from "../resources/kinds.ts";
import { KINDS } from "../kinds/registry.ts";
import { componentName, objectPath, PATCH_PARAMETERS, patchTypes } from "./openapi-v3.ts";
import { type GroupVersionKind, objectSchema, servedAs } from "./schemas.ts";
import type { Schema } from "../kinds/openapi.ts";

// What kubectl before 1.27 reads to check objects, explain kinds and find out what can be tried out (`--dry-run=server`).

interface Operation {
  readonly operationId: string;
  readonly consumes: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly type: string }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly [extension: `x-${string}`]: unknown;
}

/** Swagger 2.0. One definition for all names of a kind, since its versions differ in nothing else. */
interface Document {
  readonly swagger: "2.0";
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, { readonly patch: Operation }>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

/** The document at `/openapi/v2`. */
export function openApiV2(): Document {
  const written = KINDS.filter(({ readOnly }) => !readOnly);
  return {
    swagger: "2.0",
    info: { title: "Tulle", version: "v1" },
    paths: Object.fromEntries(
      written.flatMap((info) => servedAs(info).map((gvk) => [objectPath(info, gvk), { patch: patchOf(info, gvk) }])),
    ),
    definitions: Object.fromEntries(KINDS.map(definitionOf)),
  };
}

function patchOf(info: Kind, gvk: GroupVersionKind): Operation {
  return {
    operationId: `patch ${apiVersionOf(gvk.group, gvk.version)} ${gvk.kind}`.replace(/[^a-z0-9]+/gi, "_"),
    consumes: patchTypes(info),
    parameters: PATCH_PARAMETERS.map(({ name, in: place, schema }) => ({ name, in: place, type: schema.type ?? "" })),
    responses: { "200": { description: "done" } },
    "x-kubernetes-action": "patch",
    "x-kubernetes-group-version-kind": gvk,
  };
}

function definitionOf(info: Kind): readonly [string, Schema] {
  const { group, version, kind } = info;
  const schema = { ...forOldClients(objectSchema(info)), "x-kubernetes-group-version-kind": servedAs(info) };
  return [componentName({ group, version, kind }), schema];
}

/** Swagger 2.0 has no unions, so a field with one takes anything. */
function forOldClients(schema: Schema): Schema {
  const { anyOf: _, properties = {}, items, additionalProperties: more, required = [], ...rest } = schema;
  const names = Object.keys(properties);
  // An old client would say that `route` is missing where the server says why `redirect` in its place cannot be.
  const refuses = names.some((name) => properties[name]?.["x-tulle-refused"] === true);
  return {
    ...rest,
    ...(required.length > 0 && !refuses && { required }),
    ...(items && { items: forOldClients(items) }),
    ...(more !== undefined && { additionalProperties: typeof more === "boolean" ? more : forOldClients(more) }),
    ...(names.length > 0 && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, below]) => [name, forOldClients(below)])),
    }),
  };
}

/**
 * The document as protobuf, the only form that kubectl asks for.
 *
 * @see field numbers: https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto
 */
export function encodeOpenApiV2({ swagger, info, paths, definitions }: Document): Uint8Array {
  return concatenate([
    encodeString(1, swagger),
    encodeBytes(2, concatenate([encodeString(1, info.title), encodeString(2, info.version)])),
    encodeBytes(
      8,
      named(2, paths, ({ patch }) => encodeBytes(8, encodeOperation(patch))),
    ),
    encodeBytes(9, named(1, definitions, encodeSchema)),
  ]);
}

/** A map, as gnostic has it: a repeated field of names with their values. */
function named<T>(field: number, values: Readonly<Record<string, T>>, encode: (value: T) => Uint8Array): Uint8Array {
  const entries = Object.entries(values).map(([name, value]) =>
    encodeBytes(field, concatenate([encodeString(1, name), encodeBytes(2, encode(value))])),
  );
  return concatenate(entries);
}

/** Values of vendor extensions are YAML, of which JSON is a part. */
function extensions(field: number, value: object): Uint8Array {
  const vendor = Object.entries(value).filter(([name]) => name.startsWith("x-"));
  return named(field, Object.fromEntries(vendor), (any) => encodeString(2, JSON.stringify(any)));
}

function encodeOperation(operation: Operation): Uint8Array {
  const parameters = operation.parameters.map((parameter) => {
    const query = [encodeString(2, parameter.in), encodeString(4, parameter.name), encodeString(6, parameter.type)];
    return encodeBytes(8, encodeBytes(1, encodeBytes(2, encodeBytes(3, concatenate(query)))));
  });
  return concatenate([
    encodeString(5, operation.operationId),
    ...operation.consumes.map((type) => encodeString(7, type)),
    ...parameters,
    encodeBytes(
      9,
      named(1, operation.responses, ({ description }) => encodeBytes(1, encodeString(1, description))),
    ),
    extensions(13, operation),
  ]);
}

function encodeSchema(schema: Schema): Uint8Array {
  const { format, description, required = [], additionalProperties: more, type, items, properties } = schema;
  return concatenate([
    format === undefined ? EMPTY : encodeString(2, format),
    description === undefined ? EMPTY : encodeString(4, description),
    ...required.map((name) => encodeString(19, name)),
    more === undefined
      ? EMPTY
      : encodeBytes(21, typeof more === "boolean" ? encodeVarint(2, more ? 1 : 0) : encodeBytes(1, encodeSchema(more))),
    type === undefined ? EMPTY : encodeBytes(22, encodeString(1, type)),
    items === undefined ? EMPTY : encodeBytes(23, encodeBytes(1, encodeSchema(items))),
    properties === undefined ? EMPTY : encodeBytes(25, named(1, properties, encodeSchema)),
    extensions(31, schema),
  ]);
}

const EMPTY = new Uint8Array(0);

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// Protobuf's wire format: a varint of field number and wire type, then the value.
const VARINT = 0;
const LENGTH_DELIMITED = 2;

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.of(...bytes, rest);
}

function encodeVarint(field: number, value: number): Uint8Array {
  return concatenate([varint(field * 8 + VARINT), varint(value)]);
}

function encodeBytes(field: number, value: Uint8Array): Uint8Array {
  return concatenate([varint(field * 8 + LENGTH_DELIMITED), varint(value.length), value]);
}

const UTF8 = new TextEncoder();

function encodeString(field: number, value: string): Uint8Array {
  return encodeBytes(field, UTF8.encode(value));
}
