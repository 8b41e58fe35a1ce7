import { errorAt, type Finding } from "../resources/finding.ts";
import { canonicalJson } from "../snapshot/canonical.ts";
import { fieldElement, type FieldSet, fieldSet, isPlain, isScalar, keyElement, LEAF, NO_FIELDS } from "./field-set.ts";
import { KEY_DEFAULTS, type KeyedLists, type ListKeys } from "../kinds/list-keys.ts";

/**
 * An object's fields, by the path elements of a FieldSet. A list that has keys but whose members cannot be told apart by
 * them (one twice, or without its key) is one value: a PUT may have stored such a list.
 */
export type FieldTree =
  /** A scalar or a list without keys, told apart by its JSON. */
  | { readonly shape: "value"; readonly json: string }
  /** A map, a list with keys, and a member of such a list. */
  | { readonly shape: "map" | "list" | "member"; readonly children: ReadonlyMap<string, FieldTree> };

export const NO_TREE: FieldTree = { shape: "map", children: new Map() };

/** @param path of the value as KeyedLists have it */
export function fieldTree(value: unknown, lists: KeyedLists, path = ""): FieldTree {
  if (isPlain(value)) return { shape: "map", children: mapChildren(value, lists, path) };
  const members = membersOf(value, lists.get(path));
  if (members === null) return { shape: "value", json: canonicalJson(value) };
  const children = new Map<string, FieldTree>();
  for (const [element, member] of members)
    children.set(element, { shape: "member", children: mapChildren(member, lists, path) });
  return { shape: "list", children };
}

function mapChildren(map: Fields, lists: KeyedLists, path: string): Map<string, FieldTree> {
  const children = new Map<string, FieldTree>();
  for (const [name, value] of Object.entries(map))
    if (value !== undefined) children.set(fieldElement(name), fieldTree(value, lists, join(path, name)));
  return children;
}

/** A map of plain JSON. */
export type Fields = Readonly<Record<string, unknown>>;

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

/** The members of a list by their path elements; null where they cannot be told apart. */
function membersOf(list: unknown, keys: ListKeys | undefined): ReadonlyMap<string, Fields> | null {
  if (!keys || !Array.isArray(list)) return null;
  const members = new Map<string, Fields>();
  for (const member of list as readonly unknown[]) {
    const element = elementOf(member, keys);
    if (!isPlain(member) || element === null || members.has(element)) return null;
    members.set(element, member);
  }
  return members;
}

function elementOf(member: unknown, { apply }: ListKeys): string | null {
  if (!isPlain(member)) return null;
  const keys = apply.map((name) => [name, keyOf(member, name)] as const);
  return keys.every(([, value]) => isScalar(value)) ? keyElement(Object.fromEntries(keys)) : null;
}

function keyOf(member: Fields, name: string): unknown {
  return (Object.hasOwn(member, name) ? member[name] : undefined) ?? KEY_DEFAULTS[name];
}

/** Why the members of an applied list cannot be told apart by its keys; empty where all can. */
export function findUntoldMembers(value: unknown, lists: KeyedLists, path = "", field = ""): Finding[] {
  if (isPlain(value))
    return Object.entries(value).flatMap(([name, below]) =>
      findUntoldMembers(below, lists, join(path, name), join(field, name)),
    );
  const keys = lists.get(path);
  if (!keys || !Array.isArray(value)) return [];
  const seen = new Set<string>();
  return (value as readonly unknown[]).flatMap((member, index) => {
    const at = `${field}[${index}]`;
    if (!isPlain(member)) return [refused("FieldValueInvalid", at, "must be an object")];
    const untold = keys.apply.filter((name) => !isScalar(keyOf(member, name)));
    if (untold.length > 0)
      return untold.map((name) =>
        refused("FieldValueRequired", `${at}.${name}`, `is what members of the list are told apart by; set it`),
      );
    const element = elementOf(member, keys) ?? "";
    if (seen.has(element))
      return [refused("FieldValueDuplicate", at, `has the same ${keys.apply.join(" and ")} as a member above`)];
    seen.add(element);
    return findUntoldMembers(member, lists, path, at);
  });
}

function refused(reason: Finding["reason"], field: string, message: string): Finding {
  return { ...errorAt(field, message), reason };
}

/**
 * The leaves of `after` that are new or have another value: values, empty maps and lists, and members of keyed lists.
 * A map that was there and has become empty is no new one.
 */
export function writtenFields(before: FieldTree | undefined, after: FieldTree): FieldSet {
  if (after.shape === "value") return isSame(before, after) ? NO_FIELDS : LEAF;
  const children = [...after.children].map(
    ([element, child]) => [element, writtenFields(childOf(before, element), child)] as const,
  );
  const isLeaf = after.shape === "member" || after.children.size === 0;
  return fieldSet(isLeaf && !isSame(before, after), children);
}

/**
 * The fields of a set that a write changes: a path whose value is another or gone, with all below it, and one that leads
 * to a map where there was none before. A map that gains or loses a field is not changed itself.
 */
export function changedFields(set: FieldSet, before: FieldTree | undefined, after: FieldTree | undefined): FieldSet {
  if (after === undefined) return before === undefined ? NO_FIELDS : set;
  const same = isSame(before, after);
  if (after.shape === "value") return same ? NO_FIELDS : set;
  const children = [...set.children].map(
    ([element, child]) => [element, changedFields(child, childOf(before, element), childOf(after, element))] as const,
  );
  return fieldSet(set.member && !same, children);
}

function childOf(tree: FieldTree | undefined, element: string): FieldTree | undefined {
  return tree === undefined || tree.shape === "value" ? undefined : tree.children.get(element);
}

/** Whether nothing has changed but what is below. */
function isSame(a: FieldTree | undefined, b: FieldTree): boolean {
  if (a?.shape !== b.shape) return false;
  return a.shape !== "value" || b.shape !== "value" || a.json === b.json;
}

/**
 * Lays what is applied over what is there: maps field by field, keyed lists member by member, all else as a whole.
 * Members that are there keep their order and new ones follow; where all of them are applied, they stand as applied.
 */
export function merge(live: unknown, applied: unknown, lists: KeyedLists, path = ""): unknown {
  if (isPlain(live) && isPlain(applied)) {
    const merged = new Map(Object.entries(live));
    for (const [name, value] of Object.entries(applied))
      merged.set(name, merge(merged.get(name), value, lists, join(path, name)));
    // Not by assignment: a field named `__proto__` would change the prototype.
    return Object.fromEntries(merged);
  }
  const there = membersOf(live, lists.get(path));
  const given = membersOf(applied, lists.get(path));
  if (there === null || given === null) return applied;
  const allGiven = [...there.keys()].every((element) => given.has(element));
  const merged = new Map<string, unknown>(allGiven ? [] : there);
  for (const [element, member] of given) merged.set(element, merge(there.get(element), member, lists, path));
  return [...merged.values()];
}

/**
 * Removes the fields that an applier had applied before: those of `last` that are not in `kept`, and have nothing in it
 * below them. A member of a keyed list goes as a whole, or stays with its key. A map or list goes only when nothing is
 * left in it.
 *
 * @param kept what the applier applies now and all that others own
 */
export function prune(
  value: Fields,
  last: FieldSet,
  kept: FieldSet,
  lists: KeyedLists,
  path = "",
  keys: readonly string[] = [],
): Fields {
  const left = Object.entries(value).flatMap(([name, child]) => {
    const element = fieldElement(name);
    const own = last.children.get(element);
    if (own === undefined || keys.includes(name)) return [[name, child] as const];
    const rest = pruneField(child, own, kept.children.get(element), lists, join(path, name));
    return rest === undefined ? [] : [[name, rest] as const];
  });
  return Object.fromEntries(left);
}

/** Undefined: it goes. */
function pruneField(
  value: unknown,
  last: FieldSet,
  kept: FieldSet | undefined,
  lists: KeyedLists,
  path: string,
): unknown {
  const keys = lists.get(path);
  const members = membersOf(value, keys);
  const others = kept ?? NO_FIELDS;
  if (!isPlain(value) && members === null) return last.member && kept === undefined ? undefined : value;
  const rest = members
    ? pruneMembers(members, last, others, lists, path, keys?.apply ?? [])
    : prune(value as Fields, last, others, lists, path);
  return Object.keys(rest).length === 0 && kept === undefined ? undefined : rest;
}

function pruneMembers(
  members: ReadonlyMap<string, Fields>,
  last: FieldSet,
  kept: FieldSet,
  lists: KeyedLists,
  path: string,
  keys: readonly string[],
): readonly Fields[] {
  return [...members].flatMap(([element, member]) => {
    const own = last.children.get(element);
    if (own === undefined) return [member];
    const others = kept.children.get(element);
    if (own.member && others === undefined) return [];
    return [prune(member, own, others ?? NO_FIELDS, lists, path, keys)];
  });
}
