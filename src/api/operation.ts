import { z } from "zod";
import { failure, type StatusReason } from "../kube/status.ts";
import type { Permission } from "../resources/permissions.ts";

/** A part of an OpenAPI 3.1 document: one method of one path. */
export interface Operation {
  readonly operationId: string;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly [Tag];
  /** Absent: a token, as everywhere. */
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly responses: Readonly<Record<string, Response | Reference>>;
  /** The least role that may do it; null: it needs no token of ours. */
  readonly "x-tulle-role": "viewer" | "editor" | "admin" | null;
  /** Beside the role; administrators have all of them. Absent: none is needed. */
  readonly "x-tulle-permission"?: Permission;
  readonly "x-codeSamples": readonly Sample[];
}

export const TAGS = {
  Mesh: "Policies, their history, and how the mesh is.",
  Access: "Tokens for this API, and certificates for workloads.",
  "Kubernetes API": "Kubernetes' REST for single objects, for kubectl and every Kubernetes client.",
} as const;
type Tag = keyof typeof TAGS;

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: true;
  readonly description: string;
  readonly schema: JsonSchema;
}

export interface Reference {
  readonly $ref: string;
}

export type JsonSchema = Readonly<Record<string, unknown>>;
export type Content = Readonly<Record<string, { readonly schema?: JsonSchema }>>;

export interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: JsonSchema }>>;
  readonly content?: Content;
}

/** An area of the API: its operations by path, and by method in lower case. */
export type Operations = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

export const LANGUAGES = ["curl", "kubectl", "javascript"] as const;

/**
 * Something to paste: a script for bash, or an ES module. A test runs each, in the order of the document; what it needs is
 * what those of the same language before it have made.
 */
export interface Sample {
  readonly lang: (typeof LANGUAGES)[number];
  /** Where an operation has several uses: which one this shows. */
  readonly label?: string;
  readonly source: string;
  /** A part of what it prints. Text: each of its lines, in this order. An object: a part of the JSON that it prints. */
  readonly "x-expect": string | Readonly<Record<string, unknown>>;
}

/** How an area's operations name their bodies and answers; only schemas of its own have a name. */
export function referring<Sent extends string, Answered extends string>() {
  const json = (name: Sent | Answered): Content => ({
    "application/json": { schema: { $ref: `#/components/schemas/${name}` } },
  });
  return {
    json,
    body: (name: Sent) => ({ required: true, content: json(name) }) as const,
    answer: (description: string, name: Answered): Response => ({ description, content: json(name) }),
  };
}

/** As OpenAPI 3.1 has schemas: JSON Schema 2020-12. */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}

/** Why a call is refused, in general; an operation's description says more where there is more to say. */
const REASONS = {
  BadRequest: "The request, a parameter or the body cannot be read.",
  Unauthorized: "There is no token, or it is unknown, revoked or expired.",
  Forbidden: "The token's role or namespace does not reach so far.",
  NotFound: "There is no such thing.",
  AlreadyExists: "There is one of that name.",
  Conflict: "Another one wrote in between, or keeps a field that this write would change.",
  PreconditionFailed: "The configuration is of another generation than `If-Match` names.",
  RequestEntityTooLarge: "The body is larger than is read.",
  UnsupportedMediaType: "The body's `Content-Type` is not read here.",
  Invalid: "What the body says cannot be. Every cause names its field.",
  TooManyRequests:
    "Too many watches or tails are open, of this token or of all. Try again after `Retry-After` seconds.",
  RequestHeaderFieldsTooLarge: "The headers are larger than 60 KiB.",
  Expired: "The history does not go back so far. List again.",
  ServiceUnavailable: "The store did not answer. Nothing is half done; try again after `Retry-After` seconds.",
} as const satisfies Partial<Record<StatusReason, string>>;
type Reason = keyof typeof REASONS;

/** Every operation that reads the store, needs a token or has headers can be answered so. */
const ALWAYS = ["Unauthorized", "RequestHeaderFieldsTooLarge", "ServiceUnavailable"] as const;

export function errors(...reasons: readonly Reason[]): Readonly<Record<string, Reference>> {
  return Object.fromEntries(
    [...reasons, ...ALWAYS].map((reason) => [
      String(failure(reason, "").code),
      { $ref: `#/components/responses/${reason}` },
    ]),
  );
}

export function errorResponses(): Readonly<Record<string, Response>> {
  const content = { "application/json": { schema: { $ref: "#/components/schemas/Status" } } };
  return Object.fromEntries(Object.entries(REASONS).map(([reason, description]) => [reason, { description, content }]));
}

export const DRY_RUN: Parameter = {
  name: "dryRun",
  in: "query",
  description: "`All`: everything is checked and answered as if it were done; nothing is stored.",
  schema: { type: "string", enum: ["All"] },
};

export const FIELD_MANAGER: Parameter = {
  name: "fieldManager",
  in: "query",
  description: "Who keeps the fields that are written. Absent: the name in `User-Agent`.",
  schema: { type: "string", minLength: 1, maxLength: 128 },
};

export function pathParameter(name: string, description: string): Parameter {
  return { name, in: "path", required: true, description, schema: { type: "string" } };
}

const TRUST = "--cacert .tulle/ca.pem";

/** The common part of most calls: stops with an exit code where it is refused, and prints the answer all the same. */
export const CURL = `curl -sS --fail-with-body ${TRUST} -H "Authorization: Bearer $(cat .tulle/token)"`;
/** Of calls that bring another credential, or none. */
export const BARE_CURL = `curl -sS --fail-with-body ${TRUST}`;

/** @param rest what follows on a line of its own: options, and the URL from its path on */
export function curl(path: string, ...rest: readonly string[]): string {
  return [CURL, ...rest, `"$TULLE${path}"`].join(" \\\n  ");
}

/** A body by here-document; the marker in quotes, so that the shell leaves it alone. */
export function withBody(command: string, marker: "YAML" | "JSON", body: string): string {
  return `${command} <<'${marker}'\n${body.trim()}\n${marker}`;
}

/** Of a deletion, and of what is merely taken. */
export const NOTHING: Response = { description: "Done; there is nothing to say." };

/** The status alone, and no answer. */
export const CODE_ONLY = "-o /dev/null -w '%{http_code}\\n'";

/** Of what a here-document follows. */
export const YAML_BODY = "-H 'Content-Type: application/yaml' --data-binary @-";

/** Takes a field out of the JSON that an answer is. */
export function field(name: string): string {
  return `sed -E 's/.*"${name}":"([^"]+)".*/\\1/'`;
}
