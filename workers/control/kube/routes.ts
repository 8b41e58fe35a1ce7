import { Hono } from "hono";
import type { Context } from "hono";
import type { Finding } from "../../../src/resources/finding.ts";
import type { KubeObject, ObjectRef } from "../../../src/resources/object.ts";
import { parseDocuments } from "../../../src/resources/documents.ts";
import { parseObject } from "../../../src/resources/parse.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import { answer, type Api, refusal } from "../access.ts";
import { objectStore } from "../db/store.ts";
import type { WriteResult } from "../hub-api.ts";
import { readText, syntaxOf } from "./body.ts";
import type { Operation } from "../../../src/kube/object-rules.ts";
import { type ResourcePath, resourcePath } from "../../../src/kube/path.ts";
import { fieldSelector, labelSelector, type Selects } from "../../../src/kube/selectors.ts";
import { failure, invalid, notFound, type Status } from "../../../src/kube/status.ts";

type Ask = Context<Api>;

/** Objects read from the database at once, where selectors may leave few of them. */
const PAGE = 500;

/** Kubernetes' REST for the kinds of the mesh, mounted under `/k8s`. */
export function kubeRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.all("*", async (c) => {
    const segments = decoded(new URL(c.req.url).pathname).slice(2);
    const path = segments.includes(null) ? null : resourcePath(segments as string[]);
    if (path === null) return answer(c, failure("NotFound", "the server could not find the requested resource"));
    const result = await handle(c, path);
    return result.ok ? result.value : answer(c, result.error);
  });
  return app;
}

/** Segments of a path; null where one is not well encoded. */
function decoded(pathname: string): readonly (string | null)[] {
  return pathname.split("/").map((segment) => {
    try {
      return decodeURIComponent(segment);
    } catch {
      return null;
    }
  });
}

async function handle(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const method = c.req.method === "HEAD" ? "GET" : c.req.method;
  switch (method) {
    case "GET":
      return path.name === null ? list(c, path) : get(c, path, path.name);
    case "POST":
      return path.name === null ? create(c, path) : err(notAllowed(method));
    case "PUT":
      return path.name === null ? err(notAllowed(method)) : update(c, path, path.name);
    case "DELETE":
      return path.status ? err(notAllowed(method)) : remove(c, path);
    case "PATCH":
      return err(failure("UnsupportedMediaType", "PATCH is not supported yet; PUT the whole object, or apply it"));
    default:
      return err(notAllowed(method));
  }
}

function notAllowed(method: string): Status {
  return failure("MethodNotAllowed", `${method} is not allowed here`);
}

function allowed(
  c: Ask,
  path: ResourcePath,
  verb: "get" | "list" | "create" | "update" | "delete",
): Result<null, Status> {
  const { info, namespace } = path;
  // A Namespace belongs to itself: who may touch one namespace alone may read it.
  const own = info.kind === "Namespace" && (verb === "get" || verb === "list") ? path.name : namespace;
  const refused = refusal(c.var.account, { verb, group: info.group, resource: info.plural, namespace: own ?? "" });
  return refused === null ? ok(null) : err(refused);
}

function refAt({ info, namespace }: ResourcePath, name: string): ObjectRef {
  return { group: info.group, kind: info.kind, namespace: namespace ?? "", name };
}

/** Objects are stored in one version and answered in the one that was asked for. */
function shown(object: KubeObject, { apiVersion }: ResourcePath): KubeObject {
  return { ...object, apiVersion };
}

async function get(c: Ask, path: ResourcePath, name: string): Promise<Result<Response, Status>> {
  const may = allowed(c, path, "get");
  if (!may.ok) return may;
  const ref = refAt(path, name);
  const object = await objectStore(c.env.DB).get(ref);
  return object ? ok(c.json(shown(object, path))) : err(notFound(ref));
}

async function list(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const may = allowed(c, path, "list");
  if (!may.ok) return may;
  const { watch, limit: limitText, continue: token } = c.req.query();
  if (watch === "true" || watch === "1")
    return err(failure("BadRequest", "watch is not supported yet; list again instead"));
  const selected = selectors(c);
  if (!selected.ok) return selected;
  const limit = limitText === undefined || limitText === "0" ? Number.POSITIVE_INFINITY : Number(limitText);
  if (!(limit >= 1)) return err(failure("BadRequest", `limit: \`${limitText}\` is no positive number`));
  const after = token === undefined || token === "" ? null : readContinue(token);
  if (token !== undefined && token !== "" && after === null)
    return err(failure("BadRequest", "continue: this is no token of a list; list from the start"));

  const { items, resourceVersion, more } = await page(c, path, selected.value, limit, after);
  const last = items.at(-1);
  const next = more && last ? continueAfter(last) : undefined;
  return ok(
    c.json({
      kind: `${path.info.kind}List`,
      apiVersion: path.apiVersion,
      metadata: { resourceVersion, ...(next !== undefined && { continue: next }) },
      items: items.map((object) => shown(object, path)),
    }),
  );
}

type Place = { readonly namespace: string; readonly name: string };

async function page(c: Ask, path: ResourcePath, selects: Selects, limit: number, from: Place | null) {
  const store = objectStore(c.env.DB);
  const items: KubeObject[] = [];
  let resourceVersion = "0";
  let after = from;
  for (;;) {
    const { rv, objects } = await store.list(path.info, path.namespace, after, PAGE);
    if (after === from) resourceVersion = String(rv);
    for (const object of objects) {
      if (!selects(object)) continue;
      if (items.length === limit) return { items, resourceVersion, more: true };
      items.push(object);
    }
    const last = objects.at(-1);
    if (objects.length < PAGE || !last) return { items, resourceVersion, more: false };
    after = { namespace: last.metadata.namespace ?? "", name: last.metadata.name };
  }
}

function continueAfter({ metadata }: KubeObject): string {
  return btoa(JSON.stringify([metadata.namespace ?? "", metadata.name]));
}

function readContinue(token: string): Place | null {
  try {
    const value: unknown = JSON.parse(atob(token));
    if (!Array.isArray(value)) return null;
    const [namespace, name] = value as unknown[];
    return typeof namespace === "string" && typeof name === "string" ? { namespace, name } : null;
  } catch {
    return null;
  }
}

function selectors(c: Ask): Result<Selects, Status> {
  const labels = labelSelector(c.req.query("labelSelector") ?? "");
  if (!labels.ok) return labels;
  const fields = fieldSelector(c.req.query("fieldSelector") ?? "");
  if (!fields.ok) return fields;
  return ok((object) => labels.value(object) && fields.value(object));
}

async function create(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const { info } = path;
  if (info.namespaced && path.namespace === null)
    return err(
      failure("BadRequest", `a ${info.kind} is created in a namespace: post to /namespaces/NAME/${info.plural}`),
    );
  const may = allowed(c, path, "create");
  if (!may.ok) return may;
  const read = await readObject(c, path, null);
  if (!read.ok) return read;
  return write(c, path, [{ verb: "create", object: read.value.object }], "create", read.value.findings, 201);
}

async function update(c: Ask, path: ResourcePath, name: string): Promise<Result<Response, Status>> {
  const may = allowed(c, path, "update");
  if (!may.ok) return may;
  if (path.status) return updateStatus(c, path, name);
  const read = await readObject(c, path, name);
  if (!read.ok) return read;
  return write(c, path, [{ verb: "update", object: read.value.object }], "update", read.value.findings, 200);
}

async function updateStatus(c: Ask, path: ResourcePath, name: string): Promise<Result<Response, Status>> {
  const document = await readDocument(c);
  if (!document.ok) return document;
  const status = (document.value as { status?: unknown } | null)?.status;
  if (status === undefined) return err(failure("BadRequest", "the object has no `status` to write"));
  const operation: Operation = { verb: "status", ref: refAt(path, name), status, annotations: {} };
  return write(c, path, [operation], "update", [], 200);
}

async function remove(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const may = allowed(c, path, "delete");
  if (!may.ok) return may;
  if (path.name !== null) return removeOne(c, path, path.name);
  if (path.info.namespaced && path.namespace === null)
    return err(failure("MethodNotAllowed", "delete a collection in one namespace at a time"));
  const selected = selectors(c);
  if (!selected.ok) return selected;
  const { items } = await page(c, path, selected.value, Number.POSITIVE_INFINITY, null);
  const operations = items.map(({ metadata }) => ({
    verb: "delete" as const,
    ref: { ...refAt(path, metadata.name), namespace: metadata.namespace ?? "" },
  }));
  const written = await ask(c, operations, "deletecollection");
  if (!written.ok) return written;
  return ok(
    c.json({
      kind: `${path.info.kind}List`,
      apiVersion: path.apiVersion,
      metadata: {},
      items: written.value.results.map(({ object }) => shown(object, path)),
    }),
  );
}

async function removeOne(c: Ask, path: ResourcePath, name: string): Promise<Result<Response, Status>> {
  const options = await readOptions(c);
  if (!options.ok) return options;
  const ref = refAt(path, name);
  const written = await ask(c, [{ verb: "delete", ref, ...options.value }], "delete");
  if (!written.ok) return written;
  const { uid } = written.value.results[0]?.object.metadata ?? {};
  const details = { name, ...(ref.group !== "" && { group: ref.group }), kind: path.info.plural, uid };
  return ok(c.json({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details }));
}

/** DeleteOptions: its preconditions hold; how dependents go is moot, since nothing here has any. */
async function readOptions(c: Ask): Promise<Result<{ uid?: string; resourceVersion?: string }, Status>> {
  const text = await readText(c.req.raw);
  if (!text.ok) return text;
  if (text.value.trim() === "") return ok({});
  try {
    const { preconditions = {} } = JSON.parse(text.value) as {
      preconditions?: { uid?: unknown; resourceVersion?: unknown };
    };
    const { uid, resourceVersion } = preconditions;
    return ok({
      ...(typeof uid === "string" && { uid }),
      ...(typeof resourceVersion === "string" && { resourceVersion }),
    });
  } catch {
    return err(failure("BadRequest", "the body is no DeleteOptions: it is no JSON"));
  }
}

async function readDocument(c: Ask): Promise<Result<unknown, Status>> {
  const syntax = syntaxOf(c.req.header("content-type"), "json");
  if (!syntax.ok) return syntax;
  const text = await readText(c.req.raw);
  if (!text.ok) return text;
  const documents = parseDocuments(text.value, syntax.value);
  if (!documents.ok) return err(syntaxError(documents.error));
  const [document, ...more] = documents.value;
  if (!document || more.length > 0) return err(failure("BadRequest", "the body must be one object"));
  return ok(document.value);
}

export function syntaxError({ line, message }: { readonly line: number; readonly message: string }): Status {
  return failure("BadRequest", `line ${line}: ${message}`);
}

interface ReadObject {
  readonly object: KubeObject;
  readonly findings: readonly Finding[];
}

/** @param name of the URL, which the object's must equal; null when created */
async function readObject(c: Ask, path: ResourcePath, name: string | null): Promise<Result<ReadObject, Status>> {
  const document = await readDocument(c);
  if (!document.ok) return document;
  const { object, findings } = parseObject(document.value, { local: c.env.TULLE_LOCAL !== undefined });
  if (object === null) {
    const named = (document.value as { metadata?: { name?: unknown } } | null)?.metadata?.name;
    const ref = refAt(path, name ?? (typeof named === "string" ? named.slice(0, 253) : ""));
    return err(invalid(ref, errorsOf(findings)));
  }
  const { kind, metadata } = object;
  if (kind !== path.info.kind)
    return err(failure("BadRequest", `the object is a ${kind}, the URL names a ${path.info.kind}`));
  const namespace = path.namespace ?? undefined;
  if (metadata.namespace !== undefined && metadata.namespace !== namespace)
    return err(failure("BadRequest", "the namespace of the object does not match the namespace on the URL"));
  if (name !== null && metadata.name !== name)
    return err(failure("BadRequest", "the name of the object does not match the name on the URL"));
  const placed = namespace === undefined ? metadata : { ...metadata, namespace };
  return ok({ object: { ...object, metadata: placed }, findings });
}

export function errorsOf(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ severity }) => severity === "error");
}

async function write(
  c: Ask,
  path: ResourcePath,
  operations: readonly Operation[],
  verb: string,
  findings: readonly Finding[],
  code: 200 | 201,
): Promise<Result<Response, Status>> {
  const written = await ask(c, operations, verb);
  if (!written.ok) return written;
  const [result] = written.value.results;
  if (!result) throw new Error("a write of one object gave no result");
  for (const text of warningTexts([...findings, ...result.warnings])) c.header("warning", text, { append: true });
  return ok(c.json(shown(result.object, path), code));
}

/** `dryRun=All`: everything but the store. */
export function isDryRun(c: Ask): Result<boolean, Status> {
  const wish = c.req.query("dryRun");
  if (wish === undefined || wish === "All") return ok(wish === "All");
  return err(failure("BadRequest", `dryRun: \`${wish}\` is not \`All\``));
}

async function ask(
  c: Ask,
  operations: readonly Operation[],
  verb: string,
): Promise<Result<Extract<WriteResult, { ok: true }>, Status>> {
  const dryRun = isDryRun(c);
  if (!dryRun.ok) return dryRun;
  const hub = c.env.HUB.getByName("hub");
  const written = await hub.write(operations, { actor: c.var.account.name, verb, dryRun: dryRun.value });
  if (written.ok) return ok(written);
  const [first] = written.failures;
  if (!first) throw new Error("a write failed without a reason");
  return err(first.status);
}

/** What clients show of warnings: at most so many, each on one line. */
const MAX_WARNINGS = 10;
const MAX_WARNING_CHARACTERS = 250;

function warningTexts(findings: readonly Finding[]): readonly string[] {
  return findings
    .filter(({ severity }) => severity === "warning")
    .slice(0, MAX_WARNINGS)
    .map((finding) => {
      const text = warningText(finding).slice(0, MAX_WARNING_CHARACTERS);
      const plain = text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&");
      return `299 - "${plain}"`;
    });
}

export function warningText({ field, message }: Finding): string {
  return field === "" ? message : `${field}: ${message}`;
}
