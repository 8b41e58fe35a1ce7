import { err, ok, type Result } from "../result.ts";
import type { RequestFacts } from "./facts.ts";
import { type FormatOperator, readFormat } from "./format-operators.ts";
import { formatTime, isTimeFormat } from "./start-time.ts";

/** A header's value as Envoy writes it: text, and variables that each request fills. */
export type HeaderFormat = readonly (string | Variable)[];

type Variable =
  /** The first of the headers that is there, cut to so many characters. */
  | {
      readonly kind: "header";
      readonly names: readonly string[];
      readonly longest: number;
      readonly query: boolean;
    }
  | { readonly kind: "client"; readonly port: boolean }
  | { readonly kind: "peer" }
  | { readonly kind: "route" }
  | { readonly kind: "cluster" }
  /** Of the answer. */
  | { readonly kind: "status" }
  /** When the request came. */
  | { readonly kind: "time"; readonly format: string };

/** What is wrong with a format: a percent sign that begins no variable, or a variable that is not filled here, by its name. */
type FormatError = { readonly code: "lone_percent" } | { readonly code: "unknown_variable"; readonly variable: string };

/** @param text `%REQ(x-a?x-b):10%` and other variables; `%%` is a percent sign */
export function parseFormat(text: string): Result<HeaderFormat, FormatError> {
  const read = readFormat(text);
  if (read === null) return err({ code: "lone_percent" });
  const parts: (string | Variable)[] = [];
  for (const part of read) {
    const known = typeof part === "string" ? part : variableOf(part);
    if (known === null)
      return err({
        code: "unknown_variable",
        variable: typeof part === "string" ? part : part.text,
      });
    parts.push(known);
  }
  return ok(parts);
}

function variableOf({ name, argument, longest: length }: FormatOperator): Variable | null {
  if (name === "REQ" || name === "REQ_WITHOUT_QUERY") {
    const names = (argument ?? "").toLowerCase().split("?");
    if (names.length > 2 || !names.every((one) => /^:?[!#$&'*+\-.^_`|~0-9a-z]+$/.test(one))) return null;
    const longest = length ?? Number.POSITIVE_INFINITY;
    return names.every(isReadable) ? { kind: "header", names, longest, query: name === "REQ" } : null;
  }
  if (name === "START_TIME" && length === undefined)
    return isTimeFormat(argument ?? "") ? { kind: "time", format: argument ?? "" } : null;
  if (argument !== undefined || length !== undefined) return null;
  return SIMPLE.get(name) ?? null;
}

const SIMPLE: ReadonlyMap<string, Variable> = new Map<string, Variable>([
  ["DOWNSTREAM_REMOTE_ADDRESS", { kind: "client", port: true }],
  ["DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", { kind: "client", port: false }],
  ["DOWNSTREAM_PEER_URI_SAN", { kind: "peer" }],
  ["ROUTE_NAME", { kind: "route" }],
  ["UPSTREAM_CLUSTER", { kind: "cluster" }],
  ["RESPONSE_CODE", { kind: "status" }],
]);

/** Variables as `parseFormat` takes them. */
export const VARIABLES = ["REQ(name)", "REQ_WITHOUT_QUERY(name)", "START_TIME", ...SIMPLE.keys()];

const PSEUDO = new Set([":method", ":path", ":authority", ":scheme"]);

function isReadable(name: string): boolean {
  return !name.startsWith(":") || PSEUDO.has(name);
}

/** The headers that a format reads, pseudo-headers among them. */
export function headersIn(format: HeaderFormat): readonly string[] {
  return format.flatMap((part) => (typeof part !== "string" && part.kind === "header" ? part.names : []));
}

/** Whether a format waits for an answer. */
export function hasStatus(format: HeaderFormat): boolean {
  return format.some((part) => typeof part !== "string" && part.kind === "status");
}

/** Stands in a value for the answer's status, which is known last of all. No header that came holds it. */
const STATUS = "\0";

/** @param value that a format was filled to */
export function withStatus(value: string, status: number): string {
  return value.includes(STATUS) ? value.replaceAll(STATUS, String(status)) : value;
}

/** Whom a format is filled for. */
export interface FormatContext {
  /** The request as it was routed. */
  readonly facts: RequestFacts;
  readonly route: string;
  /** Null where the gateway answers by itself. */
  readonly cluster: string | null;
}

/** @returns empty where all that it names is absent */
export function fillFormat(format: HeaderFormat, context: FormatContext): string {
  let text = "";
  for (const part of format) text += typeof part === "string" ? part : valueOf(part, context);
  return text;
}

function valueOf(variable: Variable, { facts, route, cluster }: FormatContext): string {
  switch (variable.kind) {
    case "header":
      return headerValue(variable, facts);
    case "client":
      return clientAddress(facts.clientIp, variable.port);
    case "peer":
      return facts.peer.principal === null ? "" : `spiffe://${facts.peer.principal}`;
    case "route":
      // A rule may be called anything, a header's value may not.
      return route.replace(/[^\t\x20-\x7e\x80-\uffff]/g, "?");
    case "cluster":
      return cluster ?? "";
    case "status":
      return STATUS;
    case "time":
      return formatTime(facts.startedAt, variable.format);
  }
}

function headerValue(
  { names, longest, query }: Extract<Variable, { readonly kind: "header" }>,
  facts: RequestFacts,
): string {
  for (const name of names) {
    const value = name.startsWith(":") ? pseudoHeader(name, facts) : facts.headers[name];
    if (value === undefined) continue;
    return (query ? value : value.replace(/\?.*$/s, "")).slice(0, longest);
  }
  return "";
}

function pseudoHeader(name: string, { method, path, query, authority, scheme }: RequestFacts): string {
  if (name === ":method") return method;
  if (name === ":authority") return authority;
  if (name === ":scheme") return scheme;
  return query === "" ? path : `${path}?${query}`;
}

/** The platform tells no port: 0, as Envoy writes where it is not known. */
function clientAddress(ip: string | null, port: boolean): string {
  if (ip === null || !port) return ip ?? "";
  return ip.includes(":") ? `[${ip}]:0` : `${ip}:0`;
}
