import type { AccessRecord } from "./record.ts";

/** What the gateway knows at the end of a call; the rest of the record is worked out here. */
export interface AccessParts extends Omit<AccessRecord, "event" | "time" | "query_names"> {
  /** Epoch ms. */
  readonly startedAt: number;
  /** Raw query without `?`; only the names in it are kept. */
  readonly query: string;
}

// Bytes of JSON that a field may take. With the fixed fields they stay below 8 KiB a record (R31).
const PATH_BYTES = 1_536;
const NAME_BYTES = 512;
const TEXT_BYTES = 512;
const QUERY_NAMES = 16;
const QUERY_NAME_BYTES = 48;

/** One access-log object: bounded, without secrets, safe to print whatever the client sent. */
export function accessRecord(parts: AccessParts): AccessRecord {
  const { startedAt, query, ...rest } = parts;
  return {
    event: "access",
    time: new Date(startedAt).toISOString(),
    ...rest,
    method: clip(parts.method, 32),
    authority: clip(parts.authority, TEXT_BYTES),
    path: clip(parts.path, PATH_BYTES),
    query_names: queryNames(query),
    source_principal: clipped(parts.source_principal, NAME_BYTES),
    source_workload: clip(parts.source_workload, NAME_BYTES),
    request_principal: clipped(parts.request_principal, TEXT_BYTES),
    route: clipped(parts.route, TEXT_BYTES),
    destination_principal: clipped(parts.destination_principal, NAME_BYTES),
    user_agent: clipped(parts.user_agent, TEXT_BYTES),
  };
}

/** Names only: values may be tokens. */
function queryNames(query: string): readonly string[] {
  if (query === "") return [];
  const names: string[] = [];
  for (const pair of query.split("&", QUERY_NAMES)) {
    const end = pair.indexOf("=");
    const name = end === -1 ? pair : pair.slice(0, end);
    if (name !== "") names.push(clip(name, QUERY_NAME_BYTES));
  }
  return names;
}

function clipped(text: string | null, bytes: number): string | null {
  return text === null ? null : clip(text, bytes);
}

/** Printable ASCII takes one byte of JSON a character, save for quotes and backslashes; any other at most six (`\u001b`). */
function clip(text: string, bytes: number): string {
  // Short enough whatever its characters: the usual case.
  if (text.length * 6 <= bytes) return text;
  const limit = /^[ !#-[\]-~]*$/.test(text) ? bytes : Math.floor(bytes / 6);
  return text.length <= limit ? text : text.slice(0, limit);
}
