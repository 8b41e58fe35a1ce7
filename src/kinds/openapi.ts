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

export type Properties = Readonly<Record<string, Schema>>;

export const STRING: Schema = { type: "string" };
export const TIME: Schema = { type: "string", format: "date-time" };
/** Other fields than those named may stand there. */
export const OPEN = { "x-kubernetes-preserve-unknown-fields": true } as const;
export const FREE: Schema = { type: "object", ...OPEN };

export function object(properties: Properties): Schema {
  return { type: "object", properties };
}

export function listOf(items: Schema): Schema {
  return { type: "array", items };
}
