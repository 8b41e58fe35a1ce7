import type { JsonSchema } from "./mesh-file-schema.ts";

const HEAD = `# The mesh file

<!-- Made by \`npm run docs\` from the file's own schema; a test fails where it is not what that says. -->

\`tulle.jsonc\` describes a mesh of your own Workers: which there are, what callers name them, who is public. [\`tulle init\`](cli.md) writes
it from the Workers' wrangler configurations, and adds to it what is new when it is run again; the rest is yours to change. It is JSON
with comments; editors complete and check it by its \`$schema\`.

\`\`\`jsonc
{
  "$schema": "./node_modules/tulle/tulle.schema.json",
  "mesh": "shop",
  "namespaces": {
    "default": {
      "services": {
        "web": {
          "versions": { "v1": { "config": "web/wrangler.jsonc" } },
          "public": ["shop.example.com"]
        },
        "prices": {
          "versions": {
            "v1": { "config": "prices/wrangler.toml" },
            "v2": { "config": "prices-next/wrangler.toml" }
          }
        }
      }
    }
  }
}
\`\`\`

Bindings, variables, dates and builds stay in the Workers' own configurations, which the mesh reads and never changes. A service binding
between two Workers of the mesh goes through a gateway, in the name of its caller:
\`spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT\`. A binding to any other Worker stays as it is.

A field that is unknown, or has a value that it cannot have, is refused with its place in the file. Paths are relative to the file.`;

/** The text of docs/mesh-file.md. */
export function meshFilePage(schema: JsonSchema): string {
  return `${[HEAD, ...sectionsOf(schema, "")].join("\n\n")}\n`;
}

/** The place of a record's entry, as its heading names it. */
const NAMES: Readonly<Record<string, string>> = {
  namespaces: "NAMESPACE",
  services: "SERVICE",
  versions: "VERSION",
  gateways: "WORKER",
};

/** A section an object: its own fields, then those of what it holds. */
function sectionsOf(schema: JsonSchema, path: string): readonly string[] {
  const fields = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required);
  const rows = fields.map(([name, field]) => {
    const otherwise = required.has(name) ? "needed" : defaultOf(field);
    return `| \`${name}\` | ${typeOf(field)} | ${otherwise} | ${(field.description ?? "").replaceAll("|", "\\|")} |`;
  });
  const table = ["| field | type | default | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
  const below = fields.flatMap(([name, field]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const entry = entryOf(field);
    if (entry?.properties !== undefined) return sectionsOf(entry, `${at}.${NAMES[name] ?? "NAME"}`);
    return field.properties === undefined ? [] : sectionsOf(field, at);
  });
  const title = path === "" ? "The file" : `\`${path}\``;
  return [
    `## ${title}`,
    ...(path === "" || schema.description === undefined ? [] : [schema.description]),
    table,
    ...below,
  ];
}

function entryOf({ additionalProperties: entry }: JsonSchema): JsonSchema | undefined {
  return typeof entry === "object" ? entry : undefined;
}

function typeOf(field: JsonSchema): string {
  if (field.type === "array") return `list of ${typeOf(field.items ?? {})}s`;
  const entry = entryOf(field);
  if (entry?.type === "array") return `lists of ${typeOf(entry.items ?? {})}s by name`;
  if (entry !== undefined) return `${typeOf(entry)}s by name`;
  return field.type ?? "";
}

function defaultOf({ default: value }: JsonSchema): string {
  return value === undefined ? "" : `\`${JSON.stringify(value)}\``;
}
