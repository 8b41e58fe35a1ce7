import { z } from "zod";
import { type KubeObject, type ObjectMeta, type ObjectRef, refOf } from "../resources/object.ts";
import { err, ok, type Result } from "../result.ts";
import {
  difference,
  equal,
  type FieldSet,
  type FieldsV1,
  fieldsV1Of,
  isEmpty,
  isPlain,
  NO_FIELDS,
  pathsOf,
  readFieldSet,
  union,
  unionOf,
} from "./field-set.ts";
import { KUBECTL, lastApplied, withLastApplied } from "./last-applied.ts";
import type { KeyedLists } from "../kinds/list-keys.ts";
import { conflict, invalid, notFound } from "./object-status.ts";
import { failure, type Status } from "./status.ts";
import {
  changedFields,
  type Fields,
  fieldTree,
  type FieldTree,
  findUntoldMembers,
  merge,
  NO_TREE,
  prune,
  writtenFields,
} from "./structured-merge.ts";

/** Who writes, and where: the main resource writes all but `status`, the subresource `status` nothing but it. */
export interface Writer {
  readonly manager: string;
  readonly subresource: "" | "status";
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time: string;
}

/** The body of a server-side apply: an object with the fields its author means to own, of plain JSON, not validated. */
export type AppliedConfiguration = KubeObject;

/** One of `metadata.managedFields`. Manager, operation and subresource together name it. */
export interface ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  /** RFC 3339: when the manager last changed the set. That others took fields from it leaves it as it is. */
  readonly time?: string;
  readonly fieldsType: "FieldsV1";
  readonly fieldsV1: FieldsV1;
  readonly subresource?: string;
}

/** Longest name of a manager, as in Kubernetes. */
const MAX_MANAGER = 128;

const Entry = z.strictObject({
  manager: z.string().max(MAX_MANAGER),
  operation: z.enum(["Apply", "Update"]),
  apiVersion: z.string().min(1),
  time: z.iso.datetime({ offset: true }).exactOptional(),
  fieldsType: z.literal("FieldsV1"),
  fieldsV1: z.custom<FieldsV1>(isPlain, "must be an object"),
  subresource: z.string().min(1).exactOptional(),
});

/** Metadata that the server gives, or that names the object: no field of anybody's. */
const SERVER_METADATA: ReadonlySet<string> = new Set([
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "selfLink",
  "managedFields",
]);

/**
 * Checks what a client wrote into `metadata.managedFields`.
 *
 * @param value absent, a list of entries, or `[{}]`, which like `[]` asks to forget all ownership
 * @returns its entries, or 400 BadRequest
 */
export function readManagedFields(value: unknown): Result<readonly ManagedFieldsEntry[], Status> {
  const owners = readOwners(value);
  return owners.ok
    ? ok([...owners.value.values()].map(({ entry }) => entry))
    : err(failure("BadRequest", `metadata.managedFields: ${owners.error}`));
}

interface Owner {
  readonly entry: ManagedFieldsEntry;
  /** What `entry.fieldsV1` says. */
  readonly fields: FieldSet;
}

type Owners = ReadonlyMap<string, Owner>;

function ownerKey({ manager, operation, subresource = "" }: Omit<ManagedFieldsEntry, "fieldsV1">): string {
  return JSON.stringify([manager, operation, subresource]);
}

function readOwners(value: unknown): Result<Owners, string> {
  const found = new Map<string, { readonly entry: ManagedFieldsEntry; readonly sets: FieldSet[] }>();
  if (value === undefined || value === null || isReset(value)) return ok(new Map());
  if (!Array.isArray(value)) return err("must be a list");
  for (const [index, each] of value.entries()) {
    const parsed = Entry.safeParse(each);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return err(`entry ${index}: ${[issue?.path.join("."), issue?.message].filter(Boolean).join(": ")}`);
    }
    const fields = readFieldSet(parsed.data.fieldsV1);
    if (!fields.ok) return err(`entry ${index}: fieldsV1: ${fields.error}`);
    const key = ownerKey(parsed.data);
    const twin = found.get(key);
    if (twin === undefined) found.set(key, { entry: parsed.data, sets: [fields.value] });
    else twin.sets.push(fields.value);
  }
  return ok(new Map([...found].map(([key, { entry, sets }]) => [key, ownerOf(entry, sets)] as const)));
}

/** Entries of one manager are one. */
function ownerOf(entry: ManagedFieldsEntry, sets: readonly FieldSet[]): Owner {
  return owning({ entry, fields: sets[0] ?? NO_FIELDS }, unionOf(sets));
}

function isReset(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [first, ...more] = value as readonly unknown[];
  return first === undefined || (more.length === 0 && isPlain(first) && Object.keys(first).length === 0);
}

/** An owner with another set. Its time is the writer's, where it is the writer who changed it. */
function owning(owner: Owner, fields: FieldSet, writer?: Writer): Owner {
  if (equal(owner.fields, fields)) return owner;
  const stamp = writer && { apiVersion: writer.apiVersion, time: writer.time };
  return { entry: { ...owner.entry, ...stamp, fieldsV1: fieldsV1Of(fields) }, fields };
}

/** Who owned nothing yet. */
function newOwner({ manager, apiVersion, time, subresource }: Writer, operation: "Apply" | "Update"): Owner {
  const head = { manager, operation, apiVersion, time, fieldsType: "FieldsV1", fieldsV1: {} } as const;
  return { entry: { ...head, ...(subresource !== "" && { subresource }) }, fields: NO_FIELDS };
}

/**
 * Works out who owns what after a write that is no apply: create, PUT, patch.
 *
 * What it added or changed is owned by `writer` as `Update`, and by nobody else any more. As in Kubernetes that takes it
 * from the writer's own `Apply` entry too: the value is no longer the one that was applied. What it removed is owned by
 * nobody. An entry whose set stays the same stays as it is, so a write that changes no field changes no entry.
 *
 * `metadata.managedFields` of `after` replaces what was recorded before, if it is there and well-formed (`readManagedFields`
 * tells the client; here the old ones then stand); `[]` and `[{}]` forget it. Not so on a subresource, as in Kubernetes.
 *
 * @param before null: the object is created
 * @returns `after` with its managedFields; without them if nobody owns anything
 */
export function ownedAfterUpdate(
  before: KubeObject | null,
  after: KubeObject,
  writer: Writer,
  lists: KeyedLists,
): KubeObject {
  const from = treeOf(before, writer, lists);
  const to = treeOf(after, writer, lists);
  const known = baseline(before, after, writer);
  const owners = takenFrom(known, from, to);
  const key = ownerKey(newOwner(writer, "Update").entry);
  const self = known.get(key) ?? newOwner(writer, "Update");
  const left = owners.get(key)?.fields ?? NO_FIELDS;
  return withOwners(after, owners.set(key, owning(self, union(left, writtenFields(from, to)), writer)));
}

function treeOf(object: KubeObject | null, { subresource }: Writer, lists: KeyedLists): FieldTree {
  return object === null ? NO_TREE : fieldTree(writableFields(object, subresource), lists);
}

function baseline(before: KubeObject | null, after: KubeObject, { subresource }: Writer): Owners {
  const supplied = subresource === "" ? (after.metadata.managedFields ?? undefined) : undefined;
  if (supplied !== undefined) {
    const read = readOwners(supplied);
    if (read.ok) return read.value;
  }
  return storedOwners(before);
}

function storedOwners(object: KubeObject | null): Owners {
  const stored = readOwners(object?.metadata.managedFields);
  return stored.ok ? stored.value : new Map<string, Owner>();
}

/** Takes from owners what a write changed or removed. */
function takenFrom(owners: Owners, before: FieldTree, after: FieldTree): Map<string, Owner> {
  const left = [...owners].map(([key, owner]) => {
    const taken = changedFields(owner.fields, before, after);
    return [key, owning(owner, difference(owner.fields, taken))] as const;
  });
  return new Map(left);
}

/**
 * Server-side apply: Kubernetes' structured merge with the fields of one applier.
 *
 * - A field that another entry owns, and that the apply would give another value or replace by a field above or below it,
 *   is a conflict; `force` takes it from them. An `Update` entry of the same manager is another one, as in Kubernetes:
 *   whoever moves from PUT to apply forces the first one. Equal values are shared.
 * - What the applier applied before and does not any more is removed, unless somebody else owns it or something in it.
 * - A map's field that is null is as if it were left out, at any depth: Kubernetes owns nulls, but nothing here stores them
 *   with a meaning.
 * - `status` in a body for the main resource and all but `status` in one for the subresource have no effect; neither has
 *   metadata of the server's (preconditions like `resourceVersion` are the caller's to check).
 * - What kubectl applied on the client's side, and nobody has changed since, kubectl takes over without a conflict; where
 *   there is a record of that, it is kept up to date.
 * - On an object without managedFields nobody is in conflict; Kubernetes would make a manager `before-first-apply`.
 *
 * @param live null: the object is created, with the server's metadata as applied
 * @returns the object, deep-equal to `live` if neither it nor its ownership changes; or 400 BadRequest (the body has
 * managedFields), 404 NotFound (`status` of no object), 409 Conflict, 422 Invalid (members of a keyed list that cannot be
 * told apart)
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
export function serverSideApply(
  live: KubeObject | null,
  applied: AppliedConfiguration,
  writer: Writer,
  force: boolean,
  lists: KeyedLists,
): Result<KubeObject, Status> {
  const { subresource } = writer;
  const ref = refOf(live ?? applied);
  const body = withoutNulls(applied) as AppliedConfiguration;
  if (body.metadata.managedFields !== undefined)
    return err(failure("BadRequest", "metadata.managedFields must not be set in what is applied"));
  if (live === null && subresource !== "") return err(notFound(ref));

  const wanted = writableFields(body, subresource);
  const untold = findUntoldMembers(wanted, lists);
  if (untold.length > 0) return err(invalid(ref, untold));

  const known = storedOwners(live);
  const key = ownerKey(newOwner(writer, "Apply").entry);
  const self = known.get(key) ?? newOwner(writer, "Apply");
  const others = new Map([...known].filter(([other]) => other !== key));

  const owned = writtenFields(NO_TREE, fieldTree(wanted, lists));
  const kept = unionOf([owned, ...[...others.values()].map(({ fields }) => fields)]);
  const there = live === null ? {} : writableFields(live, subresource);
  const merged = merge(prune(there, self.fields, kept, lists), wanted, lists) as Fields;

  const from = treeOf(live, writer, lists);
  const to = fieldTree(merged, lists);
  const isKubectl = writer.manager === KUBECTL;
  const handedOver = isKubectl ? lastAppliedFields(live, from, writer, lists) : NO_FIELDS;
  const conflicts = [...others.values()]
    .map(({ entry, fields }) => {
      const changed = difference(changedFields(fields, from, to), handedOver);
      return { who: inWords(entry), paths: pathsOf(changed) };
    })
    .filter(({ paths }) => paths.length > 0);
  if (conflicts.length > 0 && !force) return err(applyConflict(ref, conflicts));

  const owners = takenFrom(others, from, to).set(key, owning(self, owned, writer));
  const after = withOwners(withFields(live, body, merged, subresource), owners);
  return ok(isKubectl && subresource === "" ? withLastApplied(after, body) : after);
}

/** What kubectl's client-side apply wrote and nobody has changed since: its server-side apply takes it over. */
function lastAppliedFields(live: KubeObject | null, there: FieldTree, writer: Writer, lists: KeyedLists): FieldSet {
  const last = treeOf(lastApplied(live), writer, lists);
  const fields = writtenFields(NO_TREE, last);
  return difference(fields, changedFields(fields, last, there));
}

/** What a writer can own: the fields of an object without what names it and what is the server's. */
function writableFields(object: KubeObject, subresource: Writer["subresource"]): Fields {
  if (subresource === "status") return object.status === undefined ? {} : { status: object.status };
  const { apiVersion: _version, kind: _kind, status: _status, metadata, ...rest } = object;
  const own = Object.entries(metadata).filter(([name]) => !SERVER_METADATA.has(name));
  // Metadata with nothing of anybody's in it is no empty map that could be owned.
  return own.length > 0 ? { metadata: Object.fromEntries(own), ...rest } : rest;
}

/** The object with other fields. Names and what is the server's are those of the one that is there. */
function withFields(
  live: KubeObject | null,
  applied: AppliedConfiguration,
  fields: Fields,
  subresource: Writer["subresource"],
): KubeObject {
  const { status, ...base } = live ?? { ...applied, status: undefined };
  if (subresource === "status") return { ...(base as KubeObject), ...fields };
  const { apiVersion, kind, metadata } = base as KubeObject;
  const { metadata: own, ...rest } = fields;
  const servers = Object.entries(metadata).filter(([name]) => SERVER_METADATA.has(name));
  return {
    apiVersion,
    kind,
    metadata: { ...Object.fromEntries(servers), ...(own as Fields | undefined) } as ObjectMeta,
    ...rest,
    ...(status !== undefined && { status }),
  };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isPlain(value)) return value;
  const left = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(left.map(([name, field]) => [name, withoutNulls(field)]));
}

function withOwners(object: KubeObject, owners: Owners): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  const managedFields = [...owners.values()]
    .filter(({ fields }) => !isEmpty(fields))
    .map(({ entry }) => entry)
    .sort(inOrder);
  return { ...object, metadata: { ...metadata, ...(managedFields.length > 0 && { managedFields }) } };
}

/** As Kubernetes sorts them: `Apply` first, then by time, then by name. */
function inOrder(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return (
    byText(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    byText(a.manager, b.manager) ||
    byText(a.subresource ?? "", b.subresource ?? "")
  );
}

function byText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function secondsOf({ time }: ManagedFieldsEntry): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
}

/** `"ci"` for an applier, `"ci" using apps/v1` for others: kubectl's users know them apart by it. */
function inWords({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const below = subresource === undefined ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${below}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
}

/** Worded as Kubernetes words it. */
function applyConflict(
  ref: ObjectRef,
  conflicts: readonly { readonly who: string; readonly paths: readonly string[] }[],
): Status {
  const sorted = conflicts.toSorted((a, b) => byText(a.who, b.who));
  const causes = sorted.flatMap(({ who, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${who}`, field })),
  );
  const [first] = causes;
  const told =
    causes.length === 1 && first
      ? `1 conflict: ${first.message}: ${first.field}`
      : `${causes.length} conflicts: ${sorted
          .map(({ who, paths }) => [`conflicts with ${who}:`, ...paths.map((path) => `- ${path}`)].join("\n"))
          .join("\n")}`;
  return failure("Conflict", `Apply failed with ${told}`, { ...conflict(ref).details, causes });
}
