import { parseDocuments } from "../../src/resources/documents.ts";
import { parseObject, type Parsed } from "../../src/kinds/parse.ts";

/** What becomes of one object written as YAML. */
export function parsed(yaml: string, options = { local: false }): Parsed {
  const documents = parseDocuments(yaml, "yaml");
  if (!documents.ok) throw new Error(`line ${documents.error.line}: ${documents.error.message}`);
  return parseObject(documents.value[0]?.value, options);
}

/** The findings of an object of this kind with this spec, each as `severity reason field`; the spec is written in flow style. */
export function found(apiVersion: string, kind: string, spec: string, options = { local: false }): readonly string[] {
  const yaml = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${kind === "MeshConfig" ? "default" : "a"}, namespace: shop}\nspec: ${spec}\n`;
  return parsed(yaml, options).findings.map(
    ({ severity, reason, field }) => `${severity} ${reason.slice("FieldValue".length)} ${field}`,
  );
}
