import { z } from "zod";
import { MeshFile } from "../../src/deployment/mesh-file.ts";

/** As much of JSON Schema as the mesh file's has. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  /** Of a record: what each of its names holds. */
  readonly additionalProperties?: boolean | JsonSchema;
  readonly [keyword: string]: unknown;
}

/** What editors check and complete `tulle.jsonc` by: `tulle.schema.json`. */
export function meshFileSchema(): JsonSchema {
  const schema = z.toJSONSchema(MeshFile, { io: "input", target: "draft-7" }) as JsonSchema;
  // The second is for VS Code, which underlines the comma otherwise.
  return { title: "Mesh file of Tulle", allowTrailingCommas: true, ...schema };
}
