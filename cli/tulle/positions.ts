import { isCollection, isMap, isNode, isPair, isSeq, LineCounter, type Pair, parseAllDocuments } from "yaml";

/** Both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/**
 * Where the fields of a text's objects stand.
 *
 * @param text YAML or JSON that `parseDocuments` has read
 * @param isJson as it was read
 * @returns by the place of an object in the text and the path of a field: where the field's name begins, or that of the
 *   nearest field around it that is there
 */
export function positionsIn(text: string, isJson: boolean): (object: number, field: string) => Position {
  const lines = new LineCounter();
  // JSON is YAML, but for tabs before a value, of which the parser only complains.
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const roots = [...documents].flatMap(({ contents }) => objectsOf(contents, isJson));
  return (object, field) => {
    const { line, col } = lines.linePos(offsetOf(roots[object], keysOf(field)));
    return { line, column: col };
  };
}

/** As `parseDocuments` flattens them. */
function objectsOf(root: unknown, isJson: boolean): readonly unknown[] {
  if (isJson && isSeq(root)) return root.items;
  if (!isMap(root)) return root === null || (isNode(root) && root.toJSON() === null) ? [] : [root];
  const items = root.get("items");
  return String(root.get("kind")).endsWith("List") && isSeq(items) ? items.items : [root];
}

/** `spec.http[0].headers[x-user]` as `["spec", "http", "0", "headers", "x-user"]`. */
function keysOf(field: string): readonly string[] {
  return [...field.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map(([, inBrackets, plain]) => inBrackets ?? plain ?? "");
}

function offsetOf(root: unknown, keys: readonly string[]): number {
  let at = startOf(root);
  let here = root;
  for (const key of keys) {
    if (!isCollection(here)) break;
    const below: unknown = isMap(here) ? here.items.find((pair) => nameOf(pair) === key) : here.items[Number(key)];
    if (below === undefined) break;
    at = startOf(isPair(below) ? below.key : below);
    here = isPair(below) ? below.value : below;
  }
  return at;
}

function nameOf({ key }: Pair): string {
  return isNode(key) ? String(key.toJSON()) : String(key);
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
