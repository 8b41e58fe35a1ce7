import { applyEdits, type Edit, findNodeAtLocation, modify, type Node, parseTree } from "jsonc-parser";
import type { Addition } from "../src/deployment/init-plan.ts";

/** Where the package has it; editors complete and check the file by it. */
const SCHEMA = "./node_modules/tulle/tulle.schema.json";

/** The text of a mesh file for these Workers. */
export function newMeshFile(mesh: string, additions: readonly Addition[]): string {
  const byService = Map.groupBy(additions, ({ service }) => service);
  const services = [...byService].map(
    ([name, versions]) => `        ${property(name, serviceOf(versions), "        ")}`,
  );
  const stages = new Set(additions.flatMap(({ worker }) => worker.environments.map(({ name }) => inComment(name))));
  const told =
    stages.size === 0
      ? ""
      : `\n        // The configurations have the environments ${[...stages].join(", ")}: \`--env\` of the commands takes one.`;
  return `{
  "$schema": ${JSON.stringify(SCHEMA)},
  // Names the mesh: its database, and its own Workers, are called by it.
  "mesh": ${JSON.stringify(mesh)},
  // Files and folders of YAML: who may call whom, routes, timeouts. They are applied where they are there.
  "policies": ["policies"],
  "namespaces": {
    // Callers are \`spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE\`: with teams of their own, give each a namespace.
    "default": {
      "services": {
        // A service is what callers name; each of its versions is a Worker. Bindings between them go through the mesh as
        // they are. \`public\`: host names by which anybody may call it. \`calls\`: what it calls by \`fetch("http://NAME/")\`.${told}
${services.join(",\n")}
      }
    }
  }
}
`;
}

/** A name may hold anything, the end of the comment's line too. */
function inComment(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name);
}

/** The text of a mesh file with what it lacks; all else stays as it was, comments too. */
export function editedMeshFile(text: string, additions: readonly Addition[]): string {
  let edited = text;
  for (const one of additions) {
    const service = ["namespaces", one.namespace, "services", one.service];
    const version = [...service, "versions", one.version];
    if (one.what === "moved") edited = replaced(edited, [...version, "config"], one.worker.config);
    // The first of a service brings it along, with its hosts.
    else if (nodeAt(edited, service) === undefined) edited = withProperty(edited, service, serviceOf([one]));
    else edited = withProperty(edited, version, versionOf(one));
  }
  return edited;
}

type Json = string | readonly string[] | { readonly [name: string]: Json };

function serviceOf(versions: readonly Addition[]): Json {
  const hosts = versions[0]?.public ?? [];
  return {
    versions: Object.fromEntries(versions.map((one) => [one.version, versionOf(one)])),
    ...(hosts.length > 0 && { public: hosts }),
  };
}

function versionOf({ worker: { config, environment } }: Addition): Json {
  return { config, ...(environment !== undefined && { environment }) };
}

/** `"name": value`; what is short stays on its line. */
function property(name: string, value: Json, indent: string): string {
  const head = `${JSON.stringify(name)}: `;
  const line = inLine(value);
  if (indent.length + head.length + line.length <= 100 && !(typeof value === "object" && "versions" in value))
    return head + line;
  if (typeof value === "string" || Array.isArray(value)) return head + line;
  const inner = `${indent}  `;
  const entries = Object.entries(value).map(([key, each]) => `${inner}${property(key, each, inner)}`);
  return `${head}{\n${entries.join(",\n")}\n${indent}}`;
}

function inLine(value: Json): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((each) => inLine(each as Json)).join(", ")}]`;
  const entries = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${inLine(each)}`);
  return `{ ${entries.join(", ")} }`;
}

function nodeAt(text: string, path: readonly string[]): Node | undefined {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  return tree && findNodeAtLocation(tree, [...path]);
}

function replaced(text: string, path: readonly string[], value: unknown): string {
  const formattingOptions = { insertSpaces: true, tabSize: 2, eol: "\n" };
  return applyEdits(text, modify(text, [...path], value, { formattingOptions }));
}

/** Adds the last property of an object, behind the comment that may follow the one before it. */
function withProperty(text: string, path: readonly string[], value: Json): string {
  const name = path.at(-1) ?? "";
  const parent = nodeAt(text, path.slice(0, -1));
  const last = parent?.children?.at(-1);
  if (parent === undefined || last === undefined) return replaced(text, path, value);
  const end = last.offset + last.length;
  const { comma, lineEnd } = afterValue(text, end);
  const isOneLine = !text.slice(parent.offset, parent.offset + parent.length).includes("\n");
  const indent = indentAt(text, last.offset);
  const written = isOneLine
    ? ` ${JSON.stringify(name)}: ${inLine(value)}`
    : `\n${indent}${property(name, value, indent)}`.replaceAll("\n", text.includes("\r\n") ? "\r\n" : "\n");
  const edits: Edit[] = [
    { offset: isOneLine ? (comma ?? end) : lineEnd, length: 0, content: comma === null ? written : `${written},` },
  ];
  if (comma === null) edits.unshift({ offset: end, length: 0, content: "," });
  return applyEdits(text, edits);
}

/**
 * @returns `comma`: where the comma behind the value ends, null where none is; `lineEnd`: where the comments end that follow on
 * its line, or the comma, or the value
 */
function afterValue(text: string, end: number): { readonly comma: number | null; readonly lineEnd: number } {
  const [all = "", before = "", comma = ""] = AFTER_VALUE.exec(text.slice(end)) ?? [];
  return { comma: comma === "" ? null : end + before.length + comma.length, lineEnd: end + all.trimEnd().length };
}

/** Comments and a comma that stand on the line where a value ends. */
const AFTER_VALUE = /^((?:[ \t]*\/\*[^]*?\*\/)*[ \t]*)(,)?(?:[ \t]*\/\*[^]*?\*\/)*(?:[ \t]*\/\/[^\r\n]*)?/;

function indentAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset);
  return /^\s*/.exec(line)?.[0] ?? "";
}
