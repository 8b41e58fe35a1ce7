import { err, ok, type Result } from "../result.ts";
import { isList, isMap, type JsonMap, MAX_CHARACTERS, sizeOf, TOO_LARGE } from "./json-values.ts";
import { failure, type Status } from "./status.ts";

/** Kubernetes' own limit for JSON patches. */
const MAX_OPERATIONS = 10_000;
/** Members of lists that may move up or down to make room, together: each operation at the head of a long list moves all of it. */
const MAX_MOVED = 20_000_000;

interface Pointer {
  readonly text: string;
  readonly segments: readonly string[];
}

/** RFC 6902 §4. */
type JsonOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: Pointer; readonly value: unknown }
  | { readonly op: "remove"; readonly path: Pointer }
  | { readonly op: "move" | "copy"; readonly from: Pointer; readonly path: Pointer };

/** All operations are read before the first is carried out: a malformed one is told as such whatever the object holds. */
export function jsonPatch(object: unknown, body: unknown): Result<unknown, Status> {
  if (!isList(body)) return err(failure("BadRequest", "a JSON patch is a list of operations"));
  if (body.length > MAX_OPERATIONS)
    return err(failure("RequestEntityTooLarge", `more than ${MAX_OPERATIONS} operations; send them in parts`));
  const operations: JsonOperation[] = [];
  for (const [index, written] of body.entries()) {
    const operation = readOperation(written);
    if (!operation.ok) return err(failure("BadRequest", `operation ${index}: ${operation.error}`));
    operations.push(operation.value);
  }
  const edit: Edit = { root: { [ROOT]: object }, copied: 0, moved: 0 };
  for (const [index, operation] of operations.entries()) {
    const problem = carryOut(operation, edit);
    if (problem !== null) return err(failure("Invalid", `operation ${index}: ${problem}`));
    if (edit.moved > MAX_MOVED)
      return err(
        failure("RequestEntityTooLarge", `operation ${index}: too many at the head of long lists; send the lists`),
      );
  }
  if (!Object.hasOwn(edit.root, ROOT)) return err(failure("Invalid", "the patch removes the whole object; delete it"));
  return ok(edit.root[ROOT]);
}

function readOperation(written: unknown): Result<JsonOperation, string> {
  if (!isMap(written)) return err("must be an object with `op` and `path`");
  const path = readPointer(written["path"]);
  if (!path.ok) return err(`path: ${path.error}`);
  const { op } = written;
  switch (op) {
    case "add":
    case "replace":
    case "test":
      if (!Object.hasOwn(written, "value")) return err(`\`${op}\` needs a \`value\``);
      return ok({ op, path: path.value, value: written["value"] });
    case "remove":
      return ok({ op, path: path.value });
    case "move":
    case "copy": {
      const from = readPointer(written["from"]);
      if (!from.ok) return err(`from: ${from.error}`);
      // §4.4: what is moved is gone before it is put anywhere, and with it the place to put it.
      if (op === "move" && path.value.text.startsWith(`${from.value.text}/`)) return err("moves a value into itself");
      return ok({ op, from: from.value, path: path.value });
    }
    default:
      return err("`op` must be one of add, remove, replace, move, copy, test");
  }
}

/** RFC 6901 §3 and §4. */
function readPointer(text: unknown): Result<Pointer, string> {
  if (typeof text !== "string") return err("must be a JSON pointer");
  if (text !== "" && !text.startsWith("/")) return err("a JSON pointer begins with `/`, or is empty");
  if (/~(?![01])/.test(text)) return err("`~` must be written `~0`");
  const segments = text
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (segments.includes("__proto__")) return err("`__proto__` names no field");
  return ok({ text, segments });
}

/** The object is a member of `root`, under this name, so that an operation on all of it is like any other. */
const ROOT = "object";

/** An object while a JSON patch changes it in place: copying the path at each step would take quadratic time. */
interface Edit {
  readonly root: JsonMap;
  /** Characters copied so far. Their sum has the limit, since copying and removing in turn is work that leaves no trace. */
  copied: number;
  /** Members of lists that made room or closed a gap so far. */
  moved: number;
}

/** @returns null when it is done, or why it cannot be */
function carryOut(operation: JsonOperation, edit: Edit): string | null {
  const { path } = operation;
  const place = placeOf(edit.root, path);
  switch (operation.op) {
    case "add":
      return insert(place, operation.value, edit) ? null : noPlace(path);
    case "remove":
      return take(place, edit) === undefined ? nothingAt(path) : null;
    case "replace":
      return overwrite(place, operation.value) ? null : nothingAt(path);
    case "test":
      return isSame(memberOf(place.parent, place.key), operation.value) ? null : `the test of \`${path.text}\` failed`;
    case "move": {
      const moved = take(placeOf(edit.root, operation.from), edit);
      if (moved === undefined) return nothingAt(operation.from);
      // Looked up anew: without the value, later members of its list have moved up.
      return insert(placeOf(edit.root, path), moved, edit) ? null : noPlace(path);
    }
    case "copy": {
      const source = placeOf(edit.root, operation.from);
      const value = memberOf(source.parent, source.key);
      if (value === undefined) return nothingAt(operation.from);
      edit.copied += sizeOf(value);
      if (edit.copied > MAX_CHARACTERS) return `all that the patch copies is ${TOO_LARGE}`;
      return insert(place, structuredClone(value), edit) ? null : noPlace(path);
    }
  }
}

function nothingAt({ text }: Pointer): string {
  return `nothing stands at \`${text}\``;
}

function noPlace({ text }: Pointer): string {
  return `a value cannot stand at \`${text}\``;
}

interface Place {
  /** What holds the value or could hold it; anything else than a list or map where the path leads nowhere. */
  readonly parent: unknown;
  readonly key: string;
}

function placeOf(root: JsonMap, { segments }: Pointer): Place {
  let parent: unknown = root;
  let key = ROOT;
  for (const segment of segments) {
    parent = memberOf(parent, key);
    key = segment;
  }
  return { parent, key };
}

const INDEX = /^(?:0|[1-9][0-9]*)$/;

/** @returns undefined, which is no JSON, where there is no such member */
function memberOf(parent: unknown, key: string): unknown {
  if (isList(parent)) return INDEX.test(key) ? parent[Number(key)] : undefined;
  return isMap(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
}

/** @returns whether the value could be put there */
function insert({ parent, key }: Place, value: unknown, edit: Edit): boolean {
  if (isList(parent)) {
    const index = key === "-" ? parent.length : INDEX.test(key) ? Number(key) : Infinity;
    if (index > parent.length) return false;
    edit.moved += parent.length - index;
    parent.splice(index, 0, value);
    return true;
  }
  if (!isMap(parent)) return false;
  parent[key] = value;
  return true;
}

/** @returns what stood there and does no longer; undefined where nothing did */
function take({ parent, key }: Place, edit: Edit): unknown {
  const value = memberOf(parent, key);
  if (value === undefined) return undefined;
  if (isList(parent)) {
    edit.moved += parent.length - Number(key);
    parent.splice(Number(key), 1);
  } else if (isMap(parent)) Reflect.deleteProperty(parent, key);
  return value;
}

/** @returns whether there was anything to overwrite */
function overwrite({ parent, key }: Place, value: unknown): boolean {
  if (memberOf(parent, key) === undefined) return false;
  if (isList(parent)) parent[Number(key)] = value;
  else if (isMap(parent)) parent[key] = value;
  return true;
}

/** RFC 6902 §4.6: equal as JSON, whatever the order of members. Goes no deeper than the shallower of the two. */
function isSame(a: unknown, b: unknown): boolean {
  if (isList(a)) return isList(b) && a.length === b.length && a.every((member, index) => isSame(member, b[index]));
  if (!isMap(a) || !isMap(b)) return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
}
