import type { Finding } from "../resources/finding.ts";
import { MAX_DEPTH, toPlain } from "../resources/plain.ts";
import { reportTo } from "../resources/report.ts";
import { err, ok, type Result } from "../result.ts";
import type { KeyedLists } from "../kinds/list-keys.ts";
import { failure, type Status } from "./status.ts";

export type Patch =
  /** RFC 7396. */
  | { readonly type: "merge"; readonly body: unknown }
  /** RFC 6902: a list of operations. */
  | { readonly type: "json"; readonly body: unknown }
  /** Kubernetes' own, with directives (`$patch`, `$setElementOrder/ports`). */
  | { readonly type: "strategic"; readonly body: unknown };

/** As large as an object may be (R25), so that no patch makes what no file could hold. */
const MAX_CHARACTERS = 1_048_576;

/** Kubernetes' own limit for JSON patches. */
const MAX_OPERATIONS = 10_000;

type JsonMap = Record<string, unknown>;

/**
 * Changes an object as a patch says. `before` stays as it is, and the result shares nothing with it or with the patch.
 *
 * @param before JSON: an object as it is stored
 * @param patch its body as parsed from the request; untrusted
 * @param lists which lists a strategic patch merges, and by what; other patches have no use for it
 * @returns the patched copy; or BadRequest (400) where the patch itself is malformed, RequestEntityTooLarge (413) where
 *   it has more than 10,000 operations, Invalid (422) where it cannot be applied: nothing stands at a path, a `test`
 *   fails, the result would be larger than 1 MiB or nest deeper than 64
 * @see RFC 7396, RFC 6902, and Kubernetes' sig-api-machinery/strategic-merge-patch.md
 */
export function applyPatch(before: unknown, patch: Patch, lists: KeyedLists): Result<unknown, Status> {
  const object = plainCopy(before);
  if (!object.ok) return err(failure("Invalid", `the object cannot be patched: ${object.error}`));
  const body = plainCopy(patch.body);
  if (!body.ok) return err(failure("BadRequest", `the patch: ${body.error}`));
  const patched = patchedBy(patch.type, object.value, body.value, lists);
  if (patched.ok && sizeOf(patched.value) > MAX_CHARACTERS)
    return err(failure("Invalid", `the result would be ${TOO_LARGE}`));
  return patched;
}

function patchedBy(type: Patch["type"], object: unknown, body: unknown, lists: KeyedLists): Result<unknown, Status> {
  switch (type) {
    case "merge":
      return ok(mergePatch(object, body));
    case "json":
      return jsonPatch(object, body);
    case "strategic":
      return strategicPatch(object, body, lists);
  }
}

/** JSON as it came from a client, copied: no prototypes, `__proto__` members or undefined ones; the error is a line that says what else was there. */
export function plainCopy(input: unknown): Result<unknown, string> {
  const findings: Finding[] = [];
  const value = toPlain(input, false, reportTo(findings));
  const [problem] = findings;
  if (problem === undefined) return ok(value);
  return err(problem.field === "" ? problem.message : `${problem.field}: ${problem.message}`);
}

function isMap(value: unknown): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

const TOO_LARGE = `larger than ${MAX_CHARACTERS} bytes or nested deeper than ${MAX_DEPTH}`;

/** About how many characters the value takes as JSON; infinitely many where it nests too deep to be measured without harm. */
function sizeOf(value: unknown, levels = MAX_DEPTH): number {
  if (!isMap(value) && !isList(value)) return typeof value === "string" ? value.length + 2 : String(value).length;
  if (levels === 0) return Infinity;
  let size = 2;
  if (isList(value)) for (const member of value) size += 1 + sizeOf(member, levels - 1);
  else for (const [key, member] of Object.entries(value)) size += key.length + 4 + sizeOf(member, levels - 1);
  return size;
}

/** RFC 7396 §2. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const merged = new Map(isMap(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

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
function jsonPatch(object: unknown, body: unknown): Result<unknown, Status> {
  if (!isList(body)) return err(failure("BadRequest", "a JSON patch is a list of operations"));
  if (body.length > MAX_OPERATIONS)
    return err(failure("RequestEntityTooLarge", `more than ${MAX_OPERATIONS} operations; send them in parts`));
  const operations: JsonOperation[] = [];
  for (const [index, written] of body.entries()) {
    const operation = readOperation(written);
    if (!operation.ok) return err(failure("BadRequest", `operation ${index}: ${operation.error}`));
    operations.push(operation.value);
  }
  const edit: Edit = { root: { [ROOT]: object }, copied: 0 };
  for (const [index, operation] of operations.entries()) {
    const problem = carryOut(operation, edit);
    if (problem !== null) return err(failure("Invalid", `operation ${index}: ${problem}`));
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
}

/** @returns null when it is done, or why it cannot be */
function carryOut(operation: JsonOperation, edit: Edit): string | null {
  const { path } = operation;
  const place = placeOf(edit.root, path);
  switch (operation.op) {
    case "add":
      return insert(place, operation.value) ? null : noPlace(path);
    case "remove":
      return take(place) === undefined ? nothingAt(path) : null;
    case "replace":
      return overwrite(place, operation.value) ? null : nothingAt(path);
    case "test":
      return isSame(memberOf(place.parent, place.key), operation.value) ? null : `the test of \`${path.text}\` failed`;
    case "move": {
      const moved = take(placeOf(edit.root, operation.from));
      if (moved === undefined) return nothingAt(operation.from);
      // Looked up anew: without the value, later members of its list have moved up.
      return insert(placeOf(edit.root, path), moved) ? null : noPlace(path);
    }
    case "copy": {
      const source = placeOf(edit.root, operation.from);
      const value = memberOf(source.parent, source.key);
      if (value === undefined) return nothingAt(operation.from);
      edit.copied += sizeOf(value);
      if (edit.copied > MAX_CHARACTERS) return `all that the patch copies is ${TOO_LARGE}`;
      return insert(place, structuredClone(value)) ? null : noPlace(path);
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
function insert({ parent, key }: Place, value: unknown): boolean {
  if (isList(parent)) {
    const index = key === "-" ? parent.length : INDEX.test(key) ? Number(key) : Infinity;
    if (index > parent.length) return false;
    parent.splice(index, 0, value);
    return true;
  }
  if (!isMap(parent)) return false;
  parent[key] = value;
  return true;
}

/** @returns what stood there and does no longer; undefined where nothing did */
function take({ parent, key }: Place): unknown {
  const value = memberOf(parent, key);
  if (value === undefined) return undefined;
  if (isList(parent)) parent.splice(Number(key), 1);
  else if (isMap(parent)) Reflect.deleteProperty(parent, key);
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

/** A strategic patch while it is applied. */
interface Strategy {
  readonly lists: KeyedLists;
  /** What is wrong with the patch so far; the first is told. Whatever is merged past it is thrown away. */
  readonly problems: Status[];
}

function strategicPatch(object: unknown, body: unknown, lists: KeyedLists): Result<unknown, Status> {
  if (!isMap(body)) return err(failure("BadRequest", "a strategic merge patch is an object"));
  const strategy: Strategy = { lists, problems: [] };
  const merged = mergeMap(object, body, "", strategy);
  const [problem] = strategy.problems;
  return problem === undefined ? ok(merged) : err(problem);
}

function refuse({ problems }: Strategy, reason: "BadRequest" | "Invalid", path: string, message: string): void {
  problems.push(failure(reason, path === "" ? `the patch: ${message}` : `the patch, ${path}: ${message}`));
}

/** What `$patch` in a map says is done with the map that is there. */
type Effect = "merge" | "replace" | "delete";

function isEffect(value: unknown): value is Effect {
  return value === "merge" || value === "replace" || value === "delete";
}

/** What a patch says of one field. */
interface Change {
  /** Null deletes the field, undefined says nothing of it. */
  value?: unknown;
  /** `$setElementOrder`: all members that the author knows of, by their keys alone. */
  order?: readonly unknown[];
  /** `$deleteFromPrimitiveList`. */
  removed?: readonly unknown[];
}

interface MapPatch {
  readonly effect: Effect;
  /** `$retainKeys`: the only fields that may be there afterwards. */
  readonly retained: ReadonlySet<unknown> | null;
  readonly changes: ReadonlyMap<string, Change>;
}

const ORDER = "$setElementOrder/";
const REMOVAL = "$deleteFromPrimitiveList/";

/** Sets the directives of a map apart from its fields. */
function readMap(patch: JsonMap, path: string, strategy: Strategy): MapPatch {
  const changes = new Map<string, Change>();
  const add = (key: string, change: Change) => changes.set(key, { ...changes.get(key), ...change });
  let effect: Effect = "merge";
  let retained: ReadonlySet<unknown> | null = null;
  for (const [key, value] of Object.entries(patch)) {
    if (!key.startsWith("$")) add(key, { value });
    else if (key === "$patch" && isEffect(value)) effect = value;
    else if (key === "$retainKeys" && isList(value)) retained = new Set(value);
    else if (key.startsWith(ORDER) && isList(value)) add(key.slice(ORDER.length), { order: value });
    else if (key.startsWith(REMOVAL) && isList(value)) add(key.slice(REMOVAL.length), { removed: value });
    else refuse(strategy, "BadRequest", path, `\`${key}\` is no directive, or has a value of another kind`);
  }
  return { effect, retained, changes };
}

/** @returns undefined where a map is to be deleted that is not there */
function mergeMap(before: unknown, patch: JsonMap, path: string, strategy: Strategy): JsonMap | undefined {
  const { effect, retained, changes } = readMap(patch, path, strategy);
  // As Kubernetes does it: of a map that is deleted, an empty one stays.
  if (effect === "delete") return before === undefined ? undefined : {};
  const start = effect === "merge" && isMap(before) ? Object.entries(before) : [];
  const merged = new Map(start.filter(([key]) => retained === null || retained.has(key)));
  for (const [key, change] of changes) {
    const isGiven = change.value !== undefined && change.value !== null;
    if (isGiven && retained !== null && !retained.has(key))
      refuse(strategy, "BadRequest", path, `\`${key}\` is set, but \`$retainKeys\` leaves it out`);
    const value = mergeField(merged.get(key), change, path === "" ? key : `${path}.${key}`, strategy);
    if (value === undefined) merged.delete(key);
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

/** @returns undefined where the field is to be gone */
function mergeField(before: unknown, change: Change, path: string, strategy: Strategy): unknown {
  if (change.order !== undefined || change.removed !== undefined) return changeList(before, change, path, strategy);
  return change.value === null ? undefined : mergeValue(before, change.value, null, path, strategy);
}

/** A field with a directive that only a list can have. */
function changeList(before: unknown, { value, order, removed }: Change, path: string, strategy: Strategy): unknown {
  if (value === undefined && (before === undefined || before === null)) return before;
  if (value === undefined && !isList(before)) refuse(strategy, "Invalid", path, "is no list");
  if (value !== undefined && !isList(value)) refuse(strategy, "BadRequest", path, "must be a list");
  const isMerged = value !== undefined || order !== undefined;
  const merged = isMerged ? mergeValue(before, value ?? [], order ?? null, path, strategy) : before;
  if (removed === undefined || !isList(merged)) return merged;
  const gone = new Set(removed);
  return merged.filter((member) => !gone.has(member));
}

type Order = readonly unknown[] | null;

function mergeValue(before: unknown, value: unknown, order: Order, path: string, strategy: Strategy): unknown {
  if (isMap(value)) return mergeMap(before, value, path, strategy);
  if (!isList(value)) return value;
  const current = isList(before) ? before : [];
  const merge = strategy.lists.get(path)?.merge;
  if (merge !== undefined) return mergeList(current, value, order, path, keyedMembers(merge, path, strategy), strategy);
  if (path === FINALIZERS) return mergeList([...new Set(current)], [...new Set(value)], order, path, SCALARS, strategy);
  return replaceList(value, order, path, strategy);
}

/** Kubernetes' one list of plain values that merges, as a set, in all kinds. */
const FINALIZERS = "metadata.finalizers";

type Key = string | number | boolean;

/** How the members of a list that merges are told apart, and how two of them become one. */
interface Members {
  /** Undefined where a member has nothing that tells it apart. */
  readonly keyOf: (member: unknown) => Key | undefined;
  readonly merge: (before: unknown, member: unknown) => unknown;
}

function scalar(value: unknown): Key | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined;
}

const SCALARS: Members = { keyOf: scalar, merge: (_, member) => member };

function keyedMembers(field: string, path: string, strategy: Strategy): Members {
  return {
    keyOf: (member) => (isMap(member) && Object.hasOwn(member, field) ? scalar(member[field]) : undefined),
    merge: (before, member) => mergeValue(before, member, null, path, strategy),
  };
}

/** A list that has no keys, or whose keys we do not know: the patch has all of it. */
function replaceList(patch: readonly unknown[], order: Order, path: string, strategy: Strategy): unknown[] {
  const { members, deleted } = readMembers(patch, path, strategy);
  // Whoever sends these takes the list for one that merges and left members out; replacing it would lose them.
  if (order !== null || deleted.length > 0)
    refuse(strategy, "BadRequest", path, "this list is replaced as a whole; send all of it, or use a merge patch");
  return members.map((member) => mergeValue(undefined, member, null, path, strategy));
}

interface ListPatch {
  readonly members: readonly unknown[];
  /** Members with `$patch: delete`. */
  readonly deleted: readonly unknown[];
  /** Whether one member is `$patch: replace`: what was there before goes. */
  readonly replaces: boolean;
}

/** Sets the members that are directives apart. */
function readMembers(patch: readonly unknown[], path: string, strategy: Strategy): ListPatch {
  const members: unknown[] = [];
  const deleted: unknown[] = [];
  let replaces = false;
  for (const member of patch) {
    const effect = isMap(member) && Object.hasOwn(member, "$patch") ? member["$patch"] : "merge";
    if (effect === "delete") deleted.push(member);
    else if (effect !== "replace") members.push(member);
    else {
      replaces = true;
      // Kubernetes drops its other fields in silence.
      if (isMap(member) && Object.keys(member).length > 1)
        refuse(strategy, "BadRequest", path, "`$patch: replace` stands alone in a member of its own");
    }
  }
  return { members, deleted, replaces };
}

/** A member of a merged list. */
interface Item {
  readonly key: Key | undefined;
  /** Its index in the list before; null for what the patch adds. */
  readonly at: number | null;
  value: unknown;
}

/**
 * Merges a list by what tells its members apart. Of several members with one key (`port: 53` for TCP and UDP), the first of
 * the patch goes with the first of the list and so on; Kubernetes makes one of them.
 */
function mergeList(
  before: readonly unknown[],
  patch: readonly unknown[],
  order: Order,
  path: string,
  { keyOf, merge }: Members,
  strategy: Strategy,
): unknown[] {
  const { members, deleted, replaces } = readMembers(patch, path, strategy);
  const keysOf = (list: readonly unknown[]): readonly (Key | undefined)[] => {
    const keys = list.map(keyOf);
    if (keys.includes(undefined)) refuse(strategy, "BadRequest", path, "a member lacks what tells it apart");
    return keys;
  };
  const keys = keysOf(members);
  const ordered = order === null ? keys : keysOf(order);
  if (!isInOrder(keys, ordered))
    refuse(strategy, "BadRequest", path, "its members are not in the order of `$setElementOrder`");

  const gone = new Set(keysOf(deleted));
  const items = (replaces ? [] : before)
    .map((value, at): Item => ({ key: keyOf(value), at, value }))
    .filter(({ key }) => !gone.has(key));
  const byKey = Map.groupBy(items, ({ key }) => key);
  const merged = new Map<Key | undefined, number>();
  for (const [index, member] of members.entries()) {
    const key = keys[index];
    const nth = merged.get(key) ?? 0;
    merged.set(key, nth + 1);
    const item = byKey.get(key)?.[nth];
    if (item !== undefined) item.value = merge(item.value, member);
    else items.push({ key, at: null, value: merge(undefined, member) });
  }
  return inOrder(items, ordered).map(({ value }) => value);
}

/** Whether the keys of a patch stand in its order as in `ordered`. An empty order, as Kubernetes reads it, orders nothing. */
function isInOrder(keys: readonly unknown[], ordered: readonly unknown[]): boolean {
  let next = 0;
  return (
    ordered.length === 0 ||
    keys.every((key) => {
      next = ordered.indexOf(key, next) + 1;
      return next > 0;
    })
  );
}

/**
 * What the order names stands as it says, all else as it stood; each of the latter goes before the first of the former that
 * it stood before. What the patch adds was nowhere before, so it goes first where the order lets it.
 */
function inOrder(items: readonly Item[], ordered: readonly unknown[]): readonly Item[] {
  const places = new Map(ordered.map((key, place) => [key, place] as const).toReversed());
  const placeOf = ({ key }: Item) => places.get(key) ?? ordered.length;
  const known = items.filter(({ key }) => places.has(key)).sort((a, b) => placeOf(a) - placeOf(b));
  const others = items.filter(({ key }) => !places.has(key));
  const result: Item[] = [];
  let next = 0;
  for (const item of known) {
    for (let other = others[next]; other && isBefore(other, item); other = others[next]) {
      result.push(other);
      next += 1;
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

function isBefore(a: Item, b: Item): boolean {
  return a.at !== null && b.at !== null && a.at < b.at;
}
