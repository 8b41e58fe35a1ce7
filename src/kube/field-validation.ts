import type { Kind } from "../kinds/kind.ts";
import { objectSchema } from "./schemas.ts";
import type { Schema } from "../kinds/openapi.ts";

const schemas = new Map<Kind, Schema>();

function schemaOf(info: Kind): Schema {
  let schema = schemas.get(info);
  if (!schema) schemas.set(info, (schema = objectSchema(info)));
  return schema;
}

/**
 * Fields of one of Kubernetes' own kinds that its schema does not name, as `spec.x`. Other kinds refuse such fields when
 * they are parsed.
 *
 * @param value an object, or a part of one; directives of a strategic merge patch (`$patch`) are no fields
 */
export function unknownFields(info: Kind, value: unknown): readonly string[] {
  return [...unknownIn(schemaOf(info), value, "")];
}

function* unknownIn(schema: Schema, value: unknown, path: string): Generator<string> {
  if (Array.isArray(value)) {
    if (schema.items)
      for (const [index, member] of value.entries()) yield* unknownIn(schema.items, member, `${path}[${index}]`);
    return;
  }
  const { properties } = schema;
  if (typeof value !== "object" || value === null || properties === undefined) return;
  for (const [key, member] of Object.entries(value)) {
    const place = path === "" ? key : `${path}.${key}`;
    const below = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (below) yield* unknownIn(below, member, place);
    else if (typeof schema.additionalProperties === "object")
      yield* unknownIn(schema.additionalProperties, member, place);
    else if (!key.startsWith("$")) yield place;
  }
}
