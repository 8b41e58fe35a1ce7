import type { OpenApi } from "../../src/api/openapi.ts";
import {
  type JsonSchema,
  LANGUAGES,
  type Operation,
  type Parameter,
  type Reference,
  type Response,
  type Sample,
} from "../../src/api/operation.ts";
import { INTRODUCTION } from "./api-introduction.ts";

const NAMES = { curl: "curl", kubectl: "kubectl", javascript: "JavaScript" } as const satisfies Record<
  (typeof LANGUAGES)[number],
  string
>;

/** The text of docs/api.md. */
export function apiPage(document: OpenApi): string {
  const sections = document.tags.map(({ name, description }) => {
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([, { tags }]) => tags.some((tag) => tag === name))
        .map(([method, operation]) => section(document, `${method.toUpperCase()} ${path}`, operation)),
    );
    return [`## ${name}`, description, ...operations].join("\n\n");
  });
  return `${[INTRODUCTION.trim().replace("%ERRORS%", errorTable(document)), ...sections].join("\n\n")}\n`;
}

function errorTable({ components, paths }: OpenApi): string {
  const codes = new Map<string, string>();
  for (const { responses } of Object.values(paths).flatMap((methods) => Object.values(methods)))
    for (const [code, response] of Object.entries(responses)) if ("$ref" in response) codes.set(nameOf(response), code);
  const rows = Object.entries(components.responses)
    .map(([reason, { description }]) => ({ code: codes.get(reason) ?? "", reason, description }))
    .toSorted((a, b) => (a.code < b.code ? -1 : 1));
  return table(
    ["code", "reason", "when"],
    rows.map(({ code, reason, description }) => [code, `\`${reason}\``, description]),
  );
}

function section(document: OpenApi, heading: string, operation: Operation): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  return [
    `### ${summary}`,
    `\`${heading}\`\n\n${whoMay(operation)}`,
    ...(description === undefined ? [] : [wrapped(description)]),
    ...(parameters.length === 0 ? [] : [parameterTable(parameters)]),
    ...(requestBody === undefined ? [] : [bodyOf(document, requestBody.content)]),
    answers(document, responses),
    ...groups(operation["x-codeSamples"]).map(sampleGroup),
  ].join("\n\n");
}

function whoMay({ security, "x-tulle-role": role, "x-tulle-permission": permission }: Operation): string {
  if (permission !== undefined) return `For every role with the permission \`${permission}\`.`;
  const [scheme] = security?.flatMap((each) => Object.keys(each)) ?? [];
  if (scheme === "bootstrapSecret") return "For whoever has the bootstrap secret, which is sent as a bearer token.";
  if (scheme === "joinToken") return "For whoever has a join token, which is sent as a bearer token.";
  switch (role) {
    case null:
      return "Needs no token.";
    case "viewer":
      return "For every role.";
    case "editor":
      return "For editors and administrators.";
    case "admin":
      return "For administrators.";
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n");
}

function parameterTable(parameters: readonly Parameter[]): string {
  return table(
    ["parameter", "in", "type", "meaning"],
    parameters.map(({ name, in: place, description, schema }) => [`\`${name}\``, place, typeOf(schema), description]),
  );
}

/** `integer, 1 to 500, else 50` */
function typeOf(schema: JsonSchema): string {
  const { minimum, maximum, minLength, maxLength, default: otherwise, const: only } = schema;
  const values = Array.isArray(schema["enum"]) ? (schema["enum"] as readonly unknown[]) : null;
  const words = values ?? (only === undefined ? null : [only]);
  const [low, high] = [minimum ?? minLength, maximum ?? maxLength];
  const hasTop = typeof high === "number" && high < Number.MAX_SAFE_INTEGER;
  const unit = maxLength === undefined ? "" : " characters";
  return [
    words === null ? kindOf(schema) : words.map((value) => `\`${String(value)}\``).join(", "),
    ...(typeof low === "number" && hasTop ? [`${low} to ${high}${unit}`] : []),
    ...(typeof low === "number" && !hasTop && low > 0 ? [`from ${low}`] : []),
    ...(typeof low !== "number" && hasTop ? [`at most ${high}${unit}`] : []),
    ...(otherwise === undefined ? [] : [`else ${JSON.stringify(otherwise)}`]),
  ].join("; ");
}

function kindOf({ type, items, anyOf }: JsonSchema): string {
  if (type === "array") return `list of ${kindOf((items ?? {}) as JsonSchema)}`;
  if (typeof type === "string") return type;
  const kinds = Array.isArray(anyOf) ? (anyOf as readonly JsonSchema[]).map(kindOf) : [];
  return kinds.join(" or ");
}

function bodyOf(document: OpenApi, content: Readonly<Record<string, { readonly schema?: JsonSchema }>>): string {
  const types = Object.entries(content).map(([type, { schema }]) => {
    const { description } = schema ?? {};
    return typeof description === "string" ? `\`${type}\` (${lowerFirst(description)})` : `\`${type}\``;
  });
  const head = `Body: ${types.join(", ")}.`;
  const fields = Object.values(content).flatMap(({ schema }) => fieldTable(document, schema));
  return [head, ...fields].join("\n\n");
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`.replace(/\.$/, "");
}

function resolve({ components }: OpenApi, schema: JsonSchema | undefined): JsonSchema {
  const { $ref } = schema ?? {};
  if (typeof $ref !== "string") return schema ?? {};
  const found = components.schemas[$ref.split("/").at(-1) ?? ""];
  if (!found) throw new Error(`no schema ${$ref}`);
  return found;
}

function fieldTable(document: OpenApi, schema: JsonSchema | undefined): readonly string[] {
  const rows = fieldRows("", resolve(document, schema));
  return rows.length === 0 ? [] : [table(["field", "type", "meaning"], rows)];
}

/** Fields of fields as well: `facts.host`, `failed[].port`. Of several forms, those of the first that has fields. */
function fieldRows(above: string, { properties = {}, required = [] }: JsonSchema): readonly (readonly string[])[] {
  return Object.entries(properties as Readonly<Record<string, JsonSchema>>).flatMap(([name, each]) => {
    const isRequired = (required as readonly string[]).includes(name);
    const row = [`\`${above}${name}\``, `${typeOf(each)}${isRequired ? "" : "; optional"}`, describe(each)];
    const { items, anyOf = [each] } = each;
    const below = (items === undefined ? anyOf : [items]) as readonly JsonSchema[];
    const inner = below.find((form) => form["properties"] !== undefined) ?? {};
    return [row, ...fieldRows(`${above}${name}${items === undefined ? "" : "[]"}.`, inner)];
  });
}

function describe({ description, pattern }: JsonSchema): string {
  const says = typeof description === "string" ? description : "";
  return typeof pattern === "string" ? `${says} Matches \`${pattern}\`.`.trim() : says;
}

function isReference(response: Response | Reference): response is Reference {
  return "$ref" in response;
}

function nameOf({ $ref }: Reference): string {
  return $ref.split("/").at(-1) ?? "";
}

/** Errors are told once, at the top of the page. */
function answers(document: OpenApi, responses: Operation["responses"]): string {
  const told = Object.entries(responses).flatMap(([code, response]) =>
    isReference(response) ? [] : [`- **${code}** ${response.description}${shapeOf(document, response)}`],
  );
  const errors = Object.entries(responses).flatMap(([code, response]) => (isReference(response) ? [code] : []));
  const all = errors.length === 0 ? [] : [`- or a Status: ${[...new Set(errors)].join(", ")}`];
  return [`Answers:`, "", ...told, ...all].join("\n");
}

function shapeOf(document: OpenApi, { content = {} }: Response): string {
  const { properties } = resolve(document, Object.values(content)[0]?.schema);
  const names = Object.keys(properties ?? {}).filter((name) => name !== "kind" && name !== "apiVersion");
  return names.length === 0 ? "" : ` Fields: ${names.map((name) => `\`${name}\``).join(", ")}.`;
}

/** Samples by what they show, those without a label first. */
function groups(samples: readonly Sample[]): readonly (readonly [string, readonly Sample[]])[] {
  return [...Map.groupBy(samples, ({ label = "" }) => label)];
}

function sampleGroup([label, samples]: readonly [string, readonly Sample[]]): string {
  const blocks = samples.flatMap(({ lang, source, "x-expect": expected }) => [
    `${NAMES[lang]}:`,
    fence(lang === "javascript" ? "js" : "bash", source),
    typeof expected === "string" ? fence("text", expected) : fence("json", shortJson(expected, "")),
  ]);
  return [...(label === "" ? [] : [`#### ${label}`]), ...blocks].join("\n\n");
}

const WIDTH = 130;
const JSON_WIDTH = 100;

function wrapped(text: string): string {
  let line = "";
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    if (line.length + word.length >= WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** What fits on a line stands on one. */
function shortJson(value: unknown, indent: string): string {
  const isList = Array.isArray(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const below = (inner: string): readonly string[] =>
    isList
      ? (value as readonly unknown[]).map((each) => shortJson(each, inner))
      : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${shortJson(each, inner)}`);
  const [open, close] = isList ? ["[", "]"] : ["{ ", " }"];
  const short = `${open}${below("").join(", ")}${close}`;
  if (indent.length + short.length <= JSON_WIDTH && !short.includes("\n")) return short;
  const inner = `${indent}  `;
  return `${open.trim()}\n${below(inner)
    .map((line) => `${inner}${line}`)
    .join(",\n")}\n${indent}${close.trim()}`;
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}
