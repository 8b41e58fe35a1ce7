import type { KeyedLists } from "../kinds/list-keys.ts";
import { err, ok, type Result } from "../result.ts";
import { isList, isMap, type JsonMap } from "./json-values.ts";
import { failure, type Status } from "./status.ts";

/** A strategic patch while it is applied. */
interface Strategy {
  readonly lists: KeyedLists;
  /** What is wrong with the patch so far; the first is told. Whatever is merged past it is thrown away. */
  readonly problems: Status[];
}

export function strategicPatch(object: unknown, body: unknown, lists: KeyedLists): Result<unknown, Status> {
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
