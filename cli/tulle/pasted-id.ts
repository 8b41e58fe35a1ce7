import { jsonOf } from "./client.ts";
import { usageError } from "./command-error.ts";

/** Names one request, or all hops of one trace. */
export type PastedId = { readonly requestId: string } | { readonly traceId: string };

const TRACE = /^[0-9a-f]{32}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TRACEPARENT = /^(?:traceparent[:=]\s*)?[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/i;
/** As logs, headers and JSON write it; whatever shell quoting has left of the latter. */
const LABELLED = /(?:^|[\s{,"'[])(?:x-)?(request|trace)[-_]?id["']?\s*[=:]\s*["']?([\w-]{1,128})/i;

/**
 * The id in what was pasted: alone, behind its name, in a `traceparent`, or in a whole line of the access log or of `tulle tail`.
 *
 * @param words as the shell has split them
 * @returns null: it is a curl command line, or a URL
 */
export function pastedId(words: readonly string[]): PastedId | null {
  const text = words.join(" ").trim();
  const [first = ""] = text.split(/\s/, 1);
  if (first === "curl" || words.some((word) => /^--?[a-z#0-9]/i.test(word))) return null;
  if (/^[\w-]{1,128}$/.test(text)) return idOf(text);
  const found = labelledIn(text);
  if (found !== null) return found;
  // A URL may hold anything.
  if (first === text && !/^["'[{]/.test(text)) return null;
  // The path may have ids in it, but not as a word of its own.
  const ids = new Set(
    text
      .split(/\s+/)
      .map(bare)
      .filter((word) => UUID.test(word)),
  );
  const [id] = ids;
  if (id !== undefined && ids.size === 1) return { requestId: id };
  if (ids.size > 1) throw usageError(`there are ${ids.size} ids in it: give one of ${[...ids].join(", ")}`);
  throw usageError("there is no request id in it: give the id alone, or a curl command line after `--`");
}

function labelledIn(text: string): PastedId | null {
  const [, traced] = TRACEPARENT.exec(text) ?? [];
  if (traced !== undefined) return { traceId: traced.toLowerCase() };
  if (/^https?:/i.test(text)) return null;
  const record: unknown = text.startsWith("{") ? jsonOf(text) : null;
  if (typeof record === "object" && record !== null) {
    const { request_id: request, trace_id: trace } = record as Readonly<Record<string, unknown>>;
    if (typeof request === "string" && request !== "") return { requestId: request };
    if (typeof trace === "string" && trace !== "") return { traceId: trace };
  }
  const [, kind, id = ""] = LABELLED.exec(text) ?? [];
  if (kind === undefined) return null;
  return kind.toLowerCase() === "trace" && TRACE.test(id) ? { traceId: id } : { requestId: id };
}

function idOf(text: string): PastedId {
  return TRACE.test(text) ? { traceId: text } : { requestId: text };
}

function bare(word: string): string {
  return word.replaceAll(/^["'([]+|["'),;\]]+$/g, "");
}
