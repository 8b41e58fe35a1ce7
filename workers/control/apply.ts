import { Hono } from "hono";
import { findKind } from "../../src/kinds/registry.ts";
import { apiVersionOf } from "../../src/resources/kinds.ts";
import type { ObjectRef } from "../../src/resources/object.ts";
import { parseDocuments } from "../../src/resources/documents.ts";
import { actorOf, answer, type Api, refusal } from "./access.ts";
import { readText, syntaxOf } from "./kube/body.ts";
import { type Ask, authorOf, isDryRun, syntaxError } from "./kube/request.ts";
import { findingText } from "../../src/resources/finding.ts";
import type { Author } from "../../src/kube/object-writes.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { err, ok, type Result } from "../../src/result.ts";

/** One document of an apply, on its way. */
interface Document {
  readonly line: number;
  readonly head: Head;
  readonly ref: ObjectRef;
  readonly value: unknown;
  readonly status: Status | null;
}

/** What a result is named by, as far as the document says it. */
interface Head {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Namespaces come before what stands in them; the rest as given. */
const FIRST = ["Namespace"];

/** `POST /apply`: a stream of documents, all or nothing; for curl and programs. */
export function applyRoutes(): Hono<Api> {
  const app = new Hono<Api>();
  app.post("/apply", async (c) => {
    const dryRun = isDryRun(c);
    if (!dryRun.ok) return answer(c, dryRun.error);
    const condition = ifGeneration(c);
    if (!condition.ok) return answer(c, condition.error);
    const author = authorOf(c, { apiVersion: "v1", status: false });
    if (!author.ok) return answer(c, author.error);
    const syntax = syntaxOf(c.req.header("content-type"), "yaml");
    if (!syntax.ok) return answer(c, syntax.error);
    const text = await readText(c.req.raw);
    if (!text.ok) return answer(c, text.error);
    const parsed = parseDocuments(text.value, syntax.value);
    if (!parsed.ok) return answer(c, syntaxError(parsed.error));
    if (parsed.value.length === 0) return answer(c, failure("BadRequest", "there is no document in the body"));

    const documents: Document[] = [];
    for (const { value, line } of parsed.value) documents.push(await readDocument(c, value, line));
    if (documents.some(({ status }) => status !== null)) return c.json(refused(documents), 422);

    const ordered = documents
      .map((document, index) => ({ document, index }))
      .sort((a, b) => rank(a.document) - rank(b.document));
    const operations = ordered.map(({ document }) => operationOf(document, author.value));
    const written = await c.env.HUB.getByName("hub").write(operations, {
      ...actorOf(c),
      verb: "apply",
      dryRun: dryRun.value,
      ...condition.value,
    });
    if (!written.ok) {
      const whole = written.failures.find(({ index }) => index < 0);
      if (whole) return answer(c, whole.status);
      const failed = new Map(written.failures.map(({ index, status }) => [ordered[index]?.index, status]));
      return c.json(
        refused(documents.map((document, index) => ({ ...document, status: failed.get(index) ?? null }))),
        422,
      );
    }
    const results = documents.map((document, index) => {
      const result = written.results[ordered.findIndex((entry) => entry.index === index)];
      const warnings = result?.warnings ?? [];
      return {
        ...document.head,
        action: result?.action,
        resourceVersion: result?.object.metadata.resourceVersion,
        warnings: warnings.filter(({ severity }) => severity === "warning").map((found) => findingText(found)),
      };
    });
    return c.json({ generation: written.generation, results }, 200, { etag: `"${written.generation}"` });
  });
  return app;
}

/** `If-Match: "7"`: the write holds only while the configuration is of that generation (R27). */
export function ifGeneration(c: Ask): Result<{ readonly ifGeneration?: number }, Status> {
  const tag = c.req.header("if-match");
  if (tag === undefined || tag.trim() === "*") return ok({});
  const [, generation] = /^"(\d{1,15})"$/.exec(tag.trim()) ?? [];
  if (generation !== undefined) return ok({ ifGeneration: Number(generation) });
  return err(failure("BadRequest", 'If-Match: must be the number of a generation in quotes, as in `If-Match: "7"`'));
}

function operationOf({ head, ref, value }: Document, author: Author) {
  return { verb: "apply" as const, ref, value, author: { ...author, apiVersion: head.apiVersion } };
}

function rank({ head }: Document): number {
  const place = FIRST.indexOf(head.kind);
  return place < 0 ? FIRST.length : place;
}

/** What a document is about, and whether its writer may write that. The Hub parses it: it refuses what is of no kind. */
async function readDocument(c: Ask, value: unknown, line: number): Promise<Document> {
  const { apiVersion, kind, name, namespace } = headOf(value);
  const info = findKind(apiVersion, kind);
  const ref = {
    group: info?.group ?? groupOf(apiVersion),
    kind,
    namespace: info?.namespaced === true ? namespace || "default" : namespace,
    name,
  };
  const head = {
    apiVersion: info ? apiVersionOf(info.group, info.version) : apiVersion,
    kind,
    namespace: ref.namespace,
    name,
  };
  const wish = { verb: "patch" as const, group: ref.group, resource: info?.plural ?? "", namespace: ref.namespace };
  return { line, head, ref, value, status: info ? await refusal(c, wish) : null };
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? (apiVersion.split("/", 1)[0] ?? "") : "";
}

/** As much as can be read of a document before it is parsed. */
function headOf(value: unknown): Head {
  const text = (field: unknown): string => (typeof field === "string" ? field.slice(0, 253) : "");
  const { apiVersion, kind, metadata } = (value ?? {}) as Record<string, unknown>;
  const { name, namespace } = (typeof metadata === "object" && metadata ? metadata : {}) as Record<string, unknown>;
  return { apiVersion: text(apiVersion), kind: text(kind), namespace: text(namespace), name: text(name) };
}

/** All documents in order, those that were refused with their Status and line; nothing was stored. */
function refused(documents: readonly Document[]) {
  const failed = documents.filter(({ status }) => status !== null);
  const told = failed.map(({ line, status }) => `line ${line}: ${status?.message}`).join("; ");
  return {
    ...failure("Invalid", `nothing was stored: ${told}`, {
      causes: failed.flatMap(({ status }) => status?.details?.causes ?? []),
    }),
    results: documents.map(({ head, line, status }) => ({ ...head, line, ...(status && { status }) })),
  };
}
