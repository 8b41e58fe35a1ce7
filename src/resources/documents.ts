import { Composer, CST, type Document, isMap, isNode, isScalar, isSeq, Lexer, LineCounter, Parser, visit } from "yaml";
import { err, ok, type Result } from "../result.ts";
import { scanJson } from "./json-scan.ts";
import { MAX_DEPTH } from "./plain.ts";

const MAX_BYTES = 1_048_576;
const MAX_DOCUMENTS = 500;
const TOO_MANY = `more than ${MAX_DOCUMENTS} documents; apply them in parts`;

/** One object of a file. `line` is where it begins, from 1. */
interface Written {
  readonly value: unknown;
  readonly line: number;
}

interface SyntaxProblem {
  readonly message: string;
  readonly line: number;
}

/**
 * Reads a file of objects: a YAML stream, or JSON (one object, a list of them). Kubernetes `List`s are flattened and empty
 * YAML documents left out. Limits are those of R25: 1 MiB, 500 documents, 64 levels; no anchors, aliases, tags,
 * directives, merge keys or repeated keys.
 */
export function parseDocuments(text: string, type: "yaml" | "json"): Result<readonly Written[], SyntaxProblem> {
  const source = sourceOf(text);
  if (!source.ok) return source;
  const read = type === "json" ? readJson(source.value) : readYaml(source.value);
  if (read.ok && read.value.length > MAX_DOCUMENTS)
    return err({ message: TOO_MANY, line: read.value[MAX_DOCUMENTS]?.line ?? 1 });
  return read;
}

/**
 * Reads a body that is one value, such as a patch: a list stays a list, a `List` stays one object. The limits are those of
 * `parseDocuments`; of a YAML stream, exactly one document may have something in it.
 */
export function parseOne(text: string, type: "yaml" | "json"): Result<unknown, SyntaxProblem> {
  const source = sourceOf(text);
  if (!source.ok) return source;
  if (type === "json") {
    const read = jsonValue(source.value);
    return read.ok ? ok(read.value.value) : read;
  }
  const documents = yamlValues(source.value);
  if (!documents.ok) return documents;
  const [first, second] = documents.value;
  if (first === undefined) return err({ message: "nothing is in it", line: 1 });
  if (second !== undefined) return err({ message: "a second document; only one is read", line: second.line });
  return ok(first.value);
}

interface Source {
  readonly text: string;
  readonly lines: Lines;
}

function sourceOf(text: string): Result<Source, SyntaxProblem> {
  // UTF-8 takes at least a byte for each UTF-16 unit, so most oversized texts need no encoding.
  if (text.length > MAX_BYTES || new TextEncoder().encode(text).length > MAX_BYTES)
    return err({ message: `more than ${MAX_BYTES} bytes; apply it in parts`, line: 1 });
  const plain = text.startsWith("\ufeff") ? text.slice(1) : text;
  return ok({ text: plain, lines: linesOf(plain) });
}

/** The line of an offset, both from the start of the text; lines count from 1. */
type Lines = (offset: number) => number;

function linesOf(text: string): Lines {
  const counter = new LineCounter();
  counter.addNewLine(0);
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) counter.addNewLine(at + 1);
  return (offset) => Math.max(1, counter.linePos(offset).line);
}

interface JsonValue {
  readonly value: unknown;
  /** Where its members begin, or those of its `items`. */
  readonly members: readonly number[];
}

function jsonValue({ text, lines }: Source): Result<JsonValue, SyntaxProblem> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const offset = /at position (\d+)/.exec(message)?.[1] ?? text.length;
    return err({ message: "no JSON from here on", line: lines(Number(offset)) });
  }
  const scan = scanJson(text);
  if (!scan.ok) return err({ message: scan.message, line: lines(scan.offset) });
  return ok({ value, members: scan.members });
}

function readJson(source: Source): Result<readonly Written[], SyntaxProblem> {
  const read = jsonValue(source);
  if (!read.ok) return read;
  const { text, lines } = source;
  const { value, members: offsets } = read.value;
  const members: readonly unknown[] | null = Array.isArray(value) ? value : listItems(value);
  if (members === null) return ok([{ value, line: lines(Math.max(0, text.search(/\S/))) }]);
  // A list inside a list is no file that anybody writes; as an object it is refused by its kind.
  return ok(members.map((member, index) => ({ value: member, line: lines(offsets[index] ?? 0) })));
}

/** The objects of a Kubernetes `List` (`List`, `VirtualServiceList`); null for any other object. */
function listItems(value: unknown): readonly unknown[] | null {
  if (typeof value !== "object" || value === null || !("kind" in value) || !("items" in value)) return null;
  return typeof value.kind === "string" && value.kind.endsWith("List") && Array.isArray(value.items)
    ? value.items
    : null;
}

const REFUSED_TOKENS: ReadonlyMap<string | null, string> = new Map([
  ["alias", "aliases (`*name`) are not read; write the value out, or quote a text that begins with `*`"],
  ["anchor", "anchors (`&name`) are not read; write the value out"],
  ["tag", "tags (`!name`) are not read; put text in quotes"],
  ["directive-line", "directives (`%NAME`) are not read; take the line out"],
]);

/** Splits YAML into tokens without recursion, so that its depth is known before anything recurses over it. */
function tokensOf(text: string, lines: Lines): Result<readonly CST.Token[], SyntaxProblem> {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let isScalarText = false;
  let documents = 0;
  for (const lexeme of new Lexer().lex(text)) {
    const refused = isScalarText ? undefined : REFUSED_TOKENS.get(CST.tokenType(lexeme));
    if (refused !== undefined) return err({ message: refused, line: lines(parser.offset) });
    isScalarText = lexeme === CST.SCALAR;
    for (const token of parser.next(lexeme)) {
      tokens.push(token);
      if (token.type === "document") documents += 1;
    }
    if (documents > MAX_DOCUMENTS) return err({ message: TOO_MANY, line: lines(parser.offset) });
    // The stack holds the document, its collections, and what is being read.
    if (parser.stack.length > MAX_DEPTH + 1 && CST.isCollection(parser.stack.at(-1)))
      return err({ message: `nested deeper than ${MAX_DEPTH}`, line: lines(parser.offset) });
  }
  tokens.push(...parser.end());
  return ok(tokens);
}

/** What may not stand in YAML (1.2 section 5.1): control characters, a byte order mark inside the text, half a surrogate pair. */
const UNPRINTABLE = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

interface YamlValue extends Written {
  readonly document: Document.Parsed;
}

/** The documents of a stream, without empty ones. */
function yamlValues({ text, lines }: Source): Result<readonly YamlValue[], SyntaxProblem> {
  const unprintable = text.search(UNPRINTABLE);
  if (unprintable >= 0)
    return err({ message: "a control character or a byte order mark; take it out", line: lines(unprintable) });
  const tokens = tokensOf(text, lines);
  if (!tokens.ok) return tokens;
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false,
    prettyErrors: false,
  });
  const values: YamlValue[] = [];
  for (const document of composer.compose(tokens.value, false, text.length)) {
    const [error] = document.errors;
    if (error !== undefined) return err({ message: firstLine(error.message), line: lines(error.pos[0]) });
    const key = unreadableKey(document);
    if (key !== null) return err({ message: key.message, line: lines(key.offset) });
    const value: unknown = document.toJS();
    if (value !== null) values.push({ value, line: lines(startOf(document.contents)), document });
  }
  return ok(values);
}

function readYaml(source: Source): Result<readonly Written[], SyntaxProblem> {
  const documents = yamlValues(source);
  if (!documents.ok) return documents;
  return ok(
    documents.value.flatMap(({ value, line, document }) => {
      const members = listItems(value);
      if (members === null) return [{ value, line }];
      const nodes = document.getIn(["items"], true);
      return members.map((member, index) => ({
        value: member,
        line: source.lines(startOf(isSeq(nodes) ? nodes.items[index] : null)),
      }));
    }),
  );
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function textOf(key: unknown): string {
  return typeof key === "string" ? key : JSON.stringify(key);
}

interface KeyProblem {
  readonly message: string;
  readonly offset: number;
}

/** The first key that is repeated, no text or a merge key. The parser's own look for repeated keys is quadratic. */
function unreadableKey(document: Document.Parsed): KeyProblem | null {
  const found: KeyProblem[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        // `8080` and `"8080"` name one member.
        const name = isScalar(key) && key.value !== null ? textOf(key.value) : null;
        const problem =
          name === null
            ? isMap(key)
              ? "a key must be text; fill in `{{ }}` first, as `helm template` does"
              : "a key must be text"
            : name === "<<"
              ? "merge keys (`<<`) are not read; write the members out"
              : seen.has(name)
                ? `\`${name.slice(0, 64)}\` is there twice`
                : null;
        if (problem !== null) {
          found.push({ message: problem, offset: startOf(key) });
          return visit.BREAK;
        }
        seen.add(name ?? "");
      }
      return undefined;
    },
  });
  return found[0] ?? null;
}

function firstLine(message: string): string {
  const [line = ""] = message.split("\n");
  return line.charAt(0).toLowerCase() + line.slice(1);
}
