import { Hono } from "hono";
import type { Finding } from "../../src/resources/finding.ts";
import { findKind } from "../../src/resources/kinds.ts";
import { type KubeObject, refOf } from "../../src/resources/object.ts";
import { parseDocuments } from "../../src/resources/documents.ts";
import { parseObject } from "../../src/resources/parse.ts";
import { answer, type Api, refusal } from "./access.ts";
import type { Account } from "./db/tokens.ts";
import { readText, syntaxOf } from "./kube/body.ts";
import { errorsOf, isDryRun, syntaxError, warningText } from "./kube/routes.ts";
import { failure, invalid, type Status } from "../../src/kube/status.ts";

/** One document of an apply, on its way. */
interface Document {
  readonly line: number;
  readonly head: Head;
  readonly object: KubeObject | null;
  readonly findings: readonly Finding[];
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
    const syntax = syntaxOf(c.req.header("content-type"), "yaml");
    if (!syntax.ok) return answer(c, syntax.error);
    const text = await readText(c.req.raw);
    if (!text.ok) return answer(c, text.error);
    const parsed = parseDocuments(text.value, syntax.value);
    if (!parsed.ok) return answer(c, syntaxError(parsed.error));
    if (parsed.value.length === 0) return answer(c, failure("BadRequest", "there is no document in the body"));

    const local = c.env.TULLE_LOCAL !== undefined;
    const documents = parsed.value.map(({ value, line }) => readDocument(value, line, local, c.var.account));
    if (documents.some(({ status }) => status !== null)) return c.json(refused(documents), 422);

    const ordered = documents
      .map((document, index) => ({ document, index }))
      .sort((a, b) => rank(a.document) - rank(b.document));
    const operations = ordered.flatMap(({ document: { object } }) =>
      object ? [{ verb: "apply" as const, object }] : [],
    );
    const written = await c.env.HUB.getByName("hub").write(operations, {
      actor: c.var.account.name,
      verb: "apply",
      dryRun: dryRun.value,
    });
    if (!written.ok) {
      const failed = new Map(written.failures.map(({ index, status }) => [ordered[index]?.index, status]));
      return c.json(
        refused(documents.map((document, index) => ({ ...document, status: failed.get(index) ?? null }))),
        422,
      );
    }
    const results = documents.map((document, index) => {
      const result = written.results[ordered.findIndex((entry) => entry.index === index)];
      const warnings = [...document.findings, ...(result?.warnings ?? [])];
      return {
        ...document.head,
        action: result?.action,
        resourceVersion: result?.object.metadata.resourceVersion,
        warnings: warnings.filter(({ severity }) => severity === "warning").map(warningText),
      };
    });
    return c.json({ generation: written.generation, results });
  });
  return app;
}

function rank({ head }: Document): number {
  const place = FIRST.indexOf(head.kind);
  return place < 0 ? FIRST.length : place;
}

function readDocument(value: unknown, line: number, local: boolean, account: Account): Document {
  const { object, findings } = parseObject(value, { local });
  if (object === null) {
    const head = headOf(value);
    const ref = { group: head.apiVersion.includes("/") ? (head.apiVersion.split("/", 1)[0] ?? "") : "", ...head };
    return { line, head, object, findings, status: invalid(ref, errorsOf(findings)) };
  }
  const info = findKind(object.apiVersion, object.kind);
  const { namespace = "default" } = object.metadata;
  const placed = info?.namespaced ? { ...object, metadata: { ...object.metadata, namespace } } : object;
  const ref = refOf(placed);
  const wish = { verb: "update" as const, group: ref.group, resource: info?.plural ?? "", namespace: ref.namespace };
  const head = { apiVersion: object.apiVersion, kind: object.kind, namespace: ref.namespace, name: ref.name };
  return { line, head, object: placed, findings, status: refusal(account, wish) };
}

/** As much as can be read of a document that was refused. */
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
