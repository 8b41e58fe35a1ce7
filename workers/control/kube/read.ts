import { acceptedForm } from "../../../src/kube/accept.ts";
import { inForm, listInForm, type ResourceForm } from "../../../src/kube/forms.ts";
import type { ResourcePath } from "../../../src/kube/path.ts";
import { fieldSelector, labelSelector, type Selects } from "../../../src/kube/selectors.ts";
import { notFound } from "../../../src/kube/object-status.ts";
import { failure, type Status } from "../../../src/kube/status.ts";
import { isEvents } from "../../../src/kube/watch.ts";
import { saysProgrammed } from "../../../src/kube/programmed.ts";
import type { KubeObject } from "../../../src/resources/object.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import { allowed, isStillLetIn } from "../access.ts";
import { objectStore } from "../db/store.ts";
import { withTold } from "../programming.ts";
import { wholeNumber } from "../whole-number.ts";
import { type Ask, isTrue, refAt } from "./request.ts";

/** Objects read from the database at once, where selectors may leave few of them. */
const PAGE = 500;
/** A watch without a wish of its own ends after this, and up to as long again: not all at once. */
const WATCH_MS = 30 * 60_000;
const MAX_WATCH_MS = 4 * 60 * 60_000;

export async function get(c: Ask, path: ResourcePath, name: string): Promise<Result<Response, Status>> {
  const may = await allowed(c, path, "get");
  if (!may.ok) return may;
  const form = formOf(c);
  if (!form.ok) return form;
  const ref = refAt(path, name);
  const object = isEvents(path.info)
    ? (await eventsOf(c, path)).items.find(({ metadata }) => metadata.name === name)
    : await objectStore(c.env).get(ref);
  if (!object) return err(notFound(ref));
  const options = formOptions(c, path);
  if (!options.ok) return options;
  const [shown = object] = await told(c, path, form.value, [object]);
  return ok(c.json(inForm(form.value, path.info, shown, options.value) as object));
}

async function told(
  c: Ask,
  { info }: ResourcePath,
  form: ResourceForm,
  objects: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  if (form.as !== "json" || objects.length === 0 || !saysProgrammed(info)) return objects;
  return withTold(objects, async (keys) => c.env.HUB.getByName("hub").programmed(keys));
}

function formOf(c: Ask): Result<ResourceForm, Status> {
  const form = acceptedForm(c.req.header("accept"), ["table", "metadata"]);
  const message = "only `application/json` is served, as objects, as a Table or as PartialObjectMetadata (meta.k8s.io)";
  return form ? ok(form) : err(failure("NotAcceptable", message));
}

const INCLUDES = ["None", "Metadata", "Object"] as const;

function formOptions(c: Ask, { apiVersion }: ResourcePath) {
  const wish = c.req.query("includeObject") ?? "Metadata";
  const includeObject = INCLUDES.find((known) => known === wish);
  if (includeObject === undefined)
    return err(failure("BadRequest", `includeObject: \`${wish.slice(0, 64)}\` is not ${INCLUDES.join(", ")}`));
  return ok({ apiVersion, includeObject, withColumns: true, now: Date.now() });
}

export async function list(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  if (isTrue(c.req.query("watch")) && c.req.method !== "HEAD") return watch(c, path);
  const may = await allowed(c, path, "list");
  if (!may.ok) return may;
  const form = formOf(c);
  if (!form.ok) return form;
  const options = formOptions(c, path);
  if (!options.ok) return options;
  const selected = selectors(c, path);
  if (!selected.ok) return selected;
  const wanted = wantedVersion(c);
  if (!wanted.ok) return wanted;
  const { limit: limitText, continue: token } = c.req.query();
  if (limitText !== undefined && !/^\d{1,19}$/.test(limitText))
    return err(failure("BadRequest", `limit: \`${limitText.slice(0, 32)}\` is no number of objects`));
  // As in Kubernetes, 0 is no limit.
  const limit = Number(limitText) || Number.POSITIVE_INFINITY;
  const from = token === undefined || token === "" ? null : readContinue(token);
  if (token !== undefined && token !== "" && from === null)
    return err(failure("BadRequest", "continue: this is no token of a list; list from the start"));

  const found = isEvents(path.info)
    ? pageOf(await eventsOf(c, path), selected.value, limit, from)
    : await page(c, path, selected.value, limit, from);
  // All pages are as of the first one's version: who watches from there on misses nothing that changed between them.
  const rv = from?.rv ?? found.rv;
  if (from && (from.rv < found.compacted || from.rv > found.rv))
    return err(failure("Expired", "the list that `continue` belongs to is too old; list from the start"));
  if (wanted.value !== null && !wanted.value(rv))
    return err(
      failure(
        "Expired",
        `the objects as of resourceVersion \`${c.req.query("resourceVersion")}\` are not kept; list the newest`,
      ),
    );
  const last = found.items.at(-1);
  const next = found.more && last ? continueAfter(last, rv) : undefined;
  const metadata = { resourceVersion: String(rv), ...(next !== undefined && { continue: next }) };
  const items = await told(c, path, form.value, found.items);
  return ok(c.json(listInForm(form.value, path.info, items, metadata, options.value) as object));
}

/** As of which version a list may be; null: any. */
function wantedVersion(c: Ask): Result<((rv: number) => boolean) | null, Status> {
  const version = versionIn(c);
  if (!version.ok) return version;
  const { resourceVersion, resourceVersionMatch } = c.req.query();
  if (resourceVersionMatch === undefined) return ok(null);
  if (resourceVersion === undefined || resourceVersion === "")
    return err(failure("Invalid", "resourceVersionMatch: says how a list fits `resourceVersion`; say that, too"));
  if (resourceVersionMatch === "Exact") return ok((rv) => rv === version.value);
  if (resourceVersionMatch === "NotOlderThan") return ok((rv) => rv >= (version.value ?? 0));
  return err(failure("Invalid", "resourceVersionMatch: must be `Exact` or `NotOlderThan`"));
}

/** Null: of no certain one. */
function versionIn(c: Ask): Result<number | null, Status> {
  const { resourceVersion = "" } = c.req.query();
  const version = resourceVersion === "" || resourceVersion === "0" ? undefined : wholeNumber(resourceVersion);
  return version === null
    ? err(failure("BadRequest", `resourceVersion: \`${resourceVersion.slice(0, 32)}\` is none of this server`))
    : ok(version ?? null);
}

interface Page {
  readonly items: readonly KubeObject[];
  readonly rv: number;
  /** The change log begins after it. */
  readonly compacted: number;
  readonly more: boolean;
}

/** Where a page ended, and the resourceVersion of the list. */
interface Place {
  readonly namespace: string;
  readonly name: string;
  readonly rv: number;
}

export async function page(
  c: Ask,
  path: ResourcePath,
  selects: Selects,
  limit: number,
  from: Place | null,
): Promise<Page> {
  const store = objectStore(c.env);
  const items: KubeObject[] = [];
  let first: { readonly rv: number; readonly compacted: number } | null = null;
  let after: { readonly namespace: string; readonly name: string } | null = from;
  for (;;) {
    const { objects, ...counters } = await store.list(path.info, path.namespace, after, Math.min(PAGE, limit + 1));
    first ??= counters;
    for (const object of objects) {
      if (!selects(object)) continue;
      if (items.length === limit) return { items, ...first, more: true };
      items.push(object);
    }
    const last = objects.at(-1);
    if (objects.length < Math.min(PAGE, limit + 1) || !last) return { items, ...first, more: false };
    after = { namespace: last.metadata.namespace ?? "", name: last.metadata.name };
  }
}

/** Events are a view of the change log, which the Hub has. */
async function eventsOf(c: Ask, { namespace }: ResourcePath): Promise<{ items: readonly KubeObject[]; rv: number }> {
  const { rv, events } = await c.env.HUB.getByName("hub").events();
  return { rv, items: events.filter(({ metadata }) => namespace === null || metadata.namespace === namespace) };
}

function pageOf(
  { items, rv }: { items: readonly KubeObject[]; rv: number },
  selects: Selects,
  limit: number,
  from: Place | null,
): Page {
  const key = ({ namespace = "", name }: { readonly namespace?: string; readonly name: string }) =>
    `${namespace}/${name}`;
  const selected = items
    .filter(selects)
    .toSorted((a, b) => (key(a.metadata) < key(b.metadata) ? -1 : 1))
    .filter(({ metadata }) => from === null || key(metadata) > key(from));
  return { items: selected.slice(0, limit), rv, compacted: 0, more: selected.length > limit };
}

function continueAfter({ metadata }: KubeObject, rv: number): string {
  return btoa(JSON.stringify([metadata.namespace ?? "", metadata.name, rv]));
}

function readContinue(token: string): Place | null {
  try {
    const value: unknown = JSON.parse(atob(token));
    if (!Array.isArray(value)) return null;
    const [namespace, name, rv] = value as unknown[];
    return typeof namespace === "string" && typeof name === "string" && Number.isSafeInteger(rv)
      ? { namespace, name, rv: Number(rv) }
      : null;
  } catch {
    return null;
  }
}

export function selectors(c: Ask, { info }: ResourcePath): Result<Selects, Status> {
  const labels = labelSelector(c.req.query("labelSelector") ?? "");
  if (!labels.ok) return labels;
  const fields = fieldSelector(c.req.query("fieldSelector") ?? "", info);
  if (!fields.ok) return fields;
  return ok((object) => labels.value(object) && fields.value(object));
}

async function watch(c: Ask, path: ResourcePath): Promise<Result<Response, Status>> {
  const may = await allowed(c, path, "watch");
  if (!may.ok) return may;
  const form = formOf(c);
  if (!form.ok) return form;
  const options = formOptions(c, path);
  if (!options.ok) return options;
  const start = watchStart(c);
  if (!start.ok) return start;
  const { timeoutSeconds } = c.req.query();
  const seconds = wholeNumber(timeoutSeconds);
  if (seconds === null)
    return err(failure("BadRequest", `timeoutSeconds: \`${timeoutSeconds}\` is no number of seconds`));
  const timeoutMs = seconds === undefined ? (1 + Math.random()) * WATCH_MS : seconds * 1_000;
  const stream = await c.env.HUB.getByName("hub").watch({
    account: c.var.account.id,
    browser: c.var.account.browser ?? null,
    group: path.info.group,
    kind: path.info.kind,
    apiVersion: path.apiVersion,
    namespace: path.namespace,
    labelSelector: c.req.query("labelSelector") ?? "",
    fieldSelector: c.req.query("fieldSelector") ?? "",
    form: form.value,
    includeObject: options.value.includeObject,
    bookmarks: isTrue(c.req.query("allowWatchBookmarks")),
    timeoutMs: Math.min(timeoutMs, MAX_WATCH_MS, endsInMs(c)),
    ...start.value,
  });
  if (!stream.ok) return stream;
  // Who was let in before the Hub knew of this watch may be nobody by now, and nothing would end it.
  if (!(await isStillLetIn(c))) {
    await stream.value.cancel();
    return err(failure("Unauthorized", "Unauthorized: the token was revoked"));
  }
  // Compressed, a stream is held back until it ends: `identity` and `manual` say that it stays as it is.
  const headers = { "content-type": "application/json", "content-encoding": "identity", "cache-control": "no-store" };
  return ok(new Response(stream.value, { headers, encodeBody: "manual" }));
}

/** A token's watches end with it. */
function endsInMs({ var: { account } }: Ask): number {
  const { expiresAt = null } = account;
  return expiresAt === null ? Number.POSITIVE_INFINITY : Math.max(0, expiresAt - Date.now());
}

/** Where a watch begins. */
function watchStart(c: Ask): Result<{ readonly after: number | null; readonly initialBookmark: boolean }, Status> {
  const { sendInitialEvents, resourceVersionMatch } = c.req.query();
  const version = versionIn(c);
  if (!version.ok) return version;
  if (sendInitialEvents === undefined) {
    if (resourceVersionMatch !== undefined)
      return err(failure("Invalid", "resourceVersionMatch: is for lists, and for watches with `sendInitialEvents`"));
    return ok({ after: version.value, initialBookmark: false });
  }
  if (resourceVersionMatch !== "NotOlderThan")
    return err(failure("Invalid", "resourceVersionMatch: must be `NotOlderThan` where `sendInitialEvents` is set"));
  if (!isTrue(sendInitialEvents)) return ok({ after: version.value, initialBookmark: false });
  if (!isTrue(c.req.query("allowWatchBookmarks")))
    return err(failure("Invalid", "allowWatchBookmarks: is needed where `sendInitialEvents` is set"));
  // What there is is never older than any version that this server has told.
  return ok({ after: null, initialBookmark: true });
}
