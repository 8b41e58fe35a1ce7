import { z } from "zod";
import type { AppliedConfiguration } from "../../../src/kube/managed-fields.ts";
import type { Operation } from "../../../src/kube/object-rules.ts";
import type { Author } from "../../../src/kube/object-writes.ts";
import { plainCopy } from "../../../src/kube/json-values.ts";
import type { ResourcePath } from "../../../src/kube/path.ts";
import type { Selects } from "../../../src/kube/selectors.ts";
import { failure, type Status } from "../../../src/kube/status.ts";
import { type Finding, findingText } from "../../../src/resources/finding.ts";
import { findKind } from "../../../src/kinds/registry.ts";
import type { KubeObject, ObjectRef } from "../../../src/resources/object.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import { actorOf, allowed } from "../access.ts";
import type { WriteResult } from "../hub-api.ts";
import { mediaType, readBytes } from "./body.ts";
import { page, selectors } from "./read.ts";
import { type Ask, authorOf, isDryRun, isTrue, parsed, readValue, refAt, validated } from "./request.ts";

export async function create(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const { info } = path;
  if (info.namespaced && path.namespace === null)
    return err(
      failure("BadRequest", `a ${info.kind} is created in a namespace: post to /namespaces/NAME/${info.plural}`),
    );
  const may = await allowed(c, path, "create");
  if (!may.ok) return may;
  const author = authorOf(c, path);
  if (!author.ok) return author;
  const read = await readObject(c, path, null);
  if (!read.ok) return read;
  const { ref, value, warnings } = read.value;
  return write(c, path, { verb: "create", ref, value, author: author.value }, 201, warnings);
}

export async function update(c: Ask, path: ResourcePath, name: string): Promise<Result<Response, Status>> {
  const may = await allowed(c, path, "update");
  if (!may.ok) return may;
  const author = authorOf(c, path);
  if (!author.ok) return author;
  if (path.status) return updateStatus(c, path, name, author.value);
  const read = await readObject(c, path, name);
  if (!read.ok) return read;
  const { ref, value, warnings } = read.value;
  return write(c, path, { verb: "update", ref, value, author: author.value }, 200, warnings);
}

async function updateStatus(
  c: Ask,
  path: ResourcePath,
  name: string,
  author: Author,
): Promise<Result<Response, Status>> {
  const value = await readValue(c);
  if (!value.ok) return value;
  const plain = plainBody(value.value);
  if (!plain.ok) return plain;
  const named = namedAs(path, name, plain.value);
  if (!named.ok) return named;
  const valid = validated(c, path, plain.value);
  if (!valid.ok) return valid;
  return write(c, path, { verb: "update-status", ref: refAt(path, name), object: named.value, author }, 200);
}

/** A body whose status is stored as it came: no schema rebuilds that (R25). */
function plainBody(value: unknown): Result<unknown, Status> {
  const plain = plainCopy(value);
  return plain.ok ? plain : err(failure("BadRequest", plain.error));
}

/** A body of a write to one object: an object of the URL's kind, namespace and name. */
function namedAs(path: ResourcePath, name: string | null, value: unknown): Result<KubeObject, Status> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return err(failure("BadRequest", "the body must be one object"));
  const { apiVersion, kind, metadata } = value as Partial<KubeObject>;
  const { info } = path;
  if (typeof apiVersion !== "string" || typeof kind !== "string")
    return err(failure("BadRequest", "the object needs `apiVersion` and `kind`"));
  if (kind !== info.kind || findKind(apiVersion, kind) !== info)
    return err(
      failure("BadRequest", `the object is a ${apiVersion} ${kind}, the URL names a ${path.apiVersion} ${info.kind}`),
    );
  const place = (typeof metadata === "object" && metadata ? metadata : {}) as Readonly<Record<string, unknown>>;
  if (place["namespace"] !== undefined && place["namespace"] !== (path.namespace ?? undefined))
    return err(failure("BadRequest", "the namespace of the object does not match the namespace on the URL"));
  if (name !== null && place["name"] !== name)
    return err(failure("BadRequest", "the name of the object does not match the name on the URL"));
  return ok(value as KubeObject);
}

const PATCHES: Readonly<Record<string, "merge" | "json" | "strategic" | "apply">> = {
  "application/merge-patch+json": "merge",
  "application/json-patch+json": "json",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

export async function patch(c: Ask, path: ResourcePath, name: string): Promise<Result<Response, Status>> {
  const may = await allowed(c, path, "patch");
  if (!may.ok) return may;
  const type = mediaType(c.req.header("content-type")) ?? "";
  const kind = Object.hasOwn(PATCHES, type) ? PATCHES[type] : undefined;
  if (kind === undefined)
    return err(
      failure("UnsupportedMediaType", `\`${type}\` is no patch; send one of ${Object.keys(PATCHES).join(", ")}`),
    );
  const author = authorOf(c, path);
  if (!author.ok) return author;
  const bytes = await readBytes(c.req.raw);
  if (!bytes.ok) return bytes;
  const body = parsed(bytes.value, kind === "apply" ? "yaml" : "json");
  if (!body.ok) return body;
  if (kind === "apply") return serverSideApply(c, path, name, body.value, author.value);
  // A list of operations has no fields to look at; what it makes of the object is read as any other.
  const valid = validated(c, path, body.value);
  if (!valid.ok) return valid;
  const operation: Operation = {
    verb: "patch",
    ref: refAt(path, name),
    patch: { type: kind, body: body.value },
    author: author.value,
  };
  return write(c, path, operation, 200, valid.value);
}

async function serverSideApply(
  c: Ask,
  path: ResourcePath,
  name: string,
  body: unknown,
  author: Author,
): Promise<Result<Response, Status>> {
  const plain = plainBody(body);
  if (!plain.ok) return plain;
  const named = namedAs(path, name, plain.value);
  if (!named.ok) return named;
  if (c.req.query("fieldManager") === undefined)
    return err(failure("BadRequest", "fieldManager: an apply says who it is: ?fieldManager=NAME"));
  const valid = validated(c, path, body);
  if (!valid.ok) return valid;
  const { metadata } = named.value;
  const applied: AppliedConfiguration = {
    ...named.value,
    metadata: { ...metadata, ...(path.namespace !== null && { namespace: path.namespace }) },
  };
  const force = isTrue(c.req.query("force"));
  const ref = refAt(path, name);
  return write(c, path, { verb: "server-side-apply", ref, applied, force, author }, 200, valid.value);
}

export async function remove(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const may = await allowed(c, path, path.name === null ? "deletecollection" : "delete");
  if (!may.ok) return may;
  const options = await readOptions(c);
  if (!options.ok) return options;
  const { dryRun, ...how } = options.value;
  if (path.name !== null) return removeOne(c, path, path.name, how, dryRun);
  if (path.info.namespaced && path.namespace === null)
    return err(failure("MethodNotAllowed", "delete a collection in one namespace at a time"));
  const selected = selectors(c, path);
  if (!selected.ok) return selected;
  const written = await removeSelected(c, path, selected.value, how, dryRun);
  if (!written.ok) return written;
  return ok(
    c.json({
      kind: `${path.info.kind}List`,
      apiVersion: path.apiVersion,
      metadata: {},
      items: written.value.results.map(({ object }) => ({ ...object, apiVersion: path.apiVersion })),
    }),
  );
}

/** What was selected may be gone, or be another object, before it is deleted: then it is selected anew. */
const SELECTIONS = 5;

async function removeSelected(c: Ask, path: ResourcePath, selects: Selects, how: Deletion, dryRun: boolean) {
  for (let selection = 1; ; selection += 1) {
    const { items } = await page(c, path, selects, Number.POSITIVE_INFINITY, null);
    const operations = items.map(({ metadata: { name, namespace = "", uid, resourceVersion } }) => ({
      verb: "delete" as const,
      ref: { ...refAt(path, name), namespace },
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...how,
    }));
    const written = await ask(c, operations, "deletecollection", dryRun);
    const isStale = !written.ok && (written.error.reason === "NotFound" || written.error.reason === "Conflict");
    const isOfOne = how.uid !== undefined || how.resourceVersion !== undefined;
    if (!isStale || isOfOne || selection === SELECTIONS) return written;
  }
}

async function removeOne(
  c: Ask,
  path: ResourcePath,
  name: string,
  how: Deletion,
  dryRun: boolean,
): Promise<Result<Response, Status>> {
  const ref = refAt(path, name);
  const written = await ask(c, [{ verb: "delete", ref, ...how }], "delete", dryRun);
  if (!written.ok) return written;
  const { uid } = written.value.results[0]?.object.metadata ?? {};
  const details = { name, ...(ref.group !== "" && { group: ref.group }), kind: path.info.plural, uid };
  return ok(c.json({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details }));
}

/** What an object made goes in the same moment, whichever of the others is asked for. */
const Propagation = z.enum(["Orphan", "Background", "Foreground"]);

/** What is read of them. A precondition of another type must not be taken for none. */
const DeleteOptions = z.looseObject({
  preconditions: z.looseObject({ uid: z.string().nullish(), resourceVersion: z.string().nullish() }).nullish(),
  dryRun: z.array(z.literal("All")).nullish(),
  propagationPolicy: Propagation.nullish(),
  orphanDependents: z.boolean().nullish(),
});

/** What of DeleteOptions is done. */
interface Deletion {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly orphans?: true;
}

/** DeleteOptions: its preconditions hold, so does its dry run, and what an object made may stay. */
async function readOptions(c: Ask): Promise<Result<Deletion & { readonly dryRun: boolean }, Status>> {
  const asked = isDryRun(c);
  if (!asked.ok) return asked;
  const value = await readValue(c);
  if (!value.ok) return value;
  const read = DeleteOptions.safeParse(value.value ?? {});
  if (!read.success) {
    const [issue] = read.error.issues;
    return err(failure("BadRequest", `DeleteOptions: ${issue?.path.join(".")}: ${issue?.message}`));
  }
  const { preconditions, dryRun, propagationPolicy, orphanDependents } = read.data;
  const { uid, resourceVersion } = preconditions ?? {};
  const asParameter = c.req.query("propagationPolicy");
  if (asParameter !== undefined && !Propagation.safeParse(asParameter).success)
    return err(failure("BadRequest", `propagationPolicy: one of ${Propagation.options.join(", ")}`));
  const orphans = (propagationPolicy ?? asParameter) === "Orphan" || orphanDependents === true;
  return ok({
    ...(typeof uid === "string" && { uid }),
    ...(typeof resourceVersion === "string" && { resourceVersion }),
    ...(orphans && { orphans }),
    dryRun: asked.value || (dryRun ?? []).length > 0,
  });
}

/** A whole object, as it came: the Hub parses it. */
interface WholeObject {
  readonly ref: ObjectRef;
  readonly value: unknown;
  /** Of field validation. */
  readonly warnings: readonly string[];
}

/** @param name of the URL, which the object's must equal; null when created */
async function readObject(c: Ask, path: ResourcePath, name: string | null): Promise<Result<WholeObject, Status>> {
  const value = await readValue(c);
  if (!value.ok) return value;
  if (Array.isArray(value.value)) return err(failure("BadRequest", "the body must be one object, not a list"));
  const named = namedAs(path, name, value.value);
  if (!named.ok) return named;
  const valid = validated(c, path, value.value);
  if (!valid.ok) return valid;
  const given: unknown = (named.value as { metadata?: { name?: unknown } }).metadata?.name;
  const ref = refAt(path, name ?? (typeof given === "string" ? given.slice(0, 253) : ""));
  return ok({ ref, value: value.value, warnings: valid.value });
}

/** @param warnings before those that the write brings */
async function write(
  c: Ask,
  path: ResourcePath,
  operation: Operation,
  code: 200 | 201,
  warnings: readonly string[] = [],
): Promise<Result<Response, Status>> {
  const dryRun = isDryRun(c);
  if (!dryRun.ok) return dryRun;
  const written = await ask(c, [operation], operation.verb, dryRun.value);
  if (!written.ok) return written;
  const [result] = written.value.results;
  if (!result) throw new Error("a write of one object gave no result");
  for (const text of warningTexts(warnings, result.warnings)) c.header("warning", text, { append: true });
  const answered = { ...result.object, apiVersion: path.apiVersion };
  return ok(c.json(answered, result.action === "created" ? 201 : code));
}

async function ask(
  c: Ask,
  operations: readonly Operation[],
  verb: string,
  dryRun: boolean,
): Promise<Result<Extract<WriteResult, { ok: true }>, Status>> {
  const written = await c.env.HUB.getByName("hub").write(operations, { ...actorOf(c), verb, dryRun });
  if (written.ok) return ok(written);
  const [first] = written.failures;
  if (!first) throw new Error("a write failed without a reason");
  return err(first.status);
}

/** What clients show of warnings: at most so many, each on one line. */
const MAX_WARNINGS = 10;
const MAX_WARNING_CHARACTERS = 250;

function warningTexts(warnings: readonly string[], findings: readonly Finding[]): readonly string[] {
  const told = findings
    .filter(({ severity }) => severity === "warning")
    .map((found) => findingText(found, MAX_WARNING_CHARACTERS));
  const texts = [...warnings.map((text) => text.slice(0, MAX_WARNING_CHARACTERS)), ...told];
  return [...new Set(texts)].slice(0, MAX_WARNINGS).map((text) => {
    const plain = text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&");
    return `299 - "${plain}"`;
  });
}

/** Whether `/status` of this kind is there to be written. */
export function servesStatus({ info, status }: ResourcePath): boolean {
  return !status || info.hasStatus;
}
