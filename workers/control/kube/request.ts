import type { Context } from "hono";
import { readManagedFields } from "../../../src/kube/managed-fields.ts";
import type { Author } from "../../../src/kube/object-writes.ts";
import type { ResourcePath } from "../../../src/kube/path.ts";
import { readProtobuf } from "../../../src/kube/protobuf.ts";
import { failure, type Status } from "../../../src/kube/status.ts";
import { unknownFields } from "../../../src/kube/field-validation.ts";
import { parseOne } from "../../../src/resources/documents.ts";
import type { ObjectRef } from "../../../src/resources/object.ts";
import { err, ok, type Result } from "../../../src/result.ts";
import type { Api } from "../access.ts";
import { mediaType, readBytes, syntaxOf, utf8 } from "./body.ts";

export type Ask = Context<Api>;

const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** The body as one value: JSON, YAML, or what kubectl sends as protobuf. An empty one is undefined. */
export async function readValue(c: Ask): Promise<Result<unknown, Status>> {
  const bytes = await readBytes(c.req.raw);
  if (!bytes.ok || bytes.value.length === 0) return bytes.ok ? ok(undefined) : bytes;
  const type = c.req.header("content-type");
  if (mediaType(type) === PROTOBUF) return readProtobuf(bytes.value);
  const syntax = syntaxOf(type, "json");
  return syntax.ok ? parsed(bytes.value, syntax.value) : syntax;
}

export function parsed(bytes: Uint8Array, syntax: "json" | "yaml"): Result<unknown, Status> {
  const text = utf8(bytes);
  if (!text.ok) return text;
  const value = parseOne(text.value, syntax);
  return value.ok ? value : err(syntaxError(value.error));
}

export function syntaxError({ line, message }: { readonly line: number; readonly message: string }): Status {
  return failure("BadRequest", `line ${line}: ${message}`);
}

const MAX_MANAGER_CHARACTERS = 128;

/** Who writes: `?fieldManager=`, else the name in the user agent. */
export function authorOf(
  c: Ask,
  { apiVersion, status }: Pick<ResourcePath, "apiVersion" | "status">,
): Result<Author, Status> {
  const named = c.req.query("fieldManager");
  const [agent = ""] = (c.req.header("user-agent") ?? "").split("/", 1);
  const manager = named ?? (agent.replace(/[^\x21-\x7e]/g, "").slice(0, MAX_MANAGER_CHARACTERS) || "unknown");
  if (manager === "" || manager.length > MAX_MANAGER_CHARACTERS || /[^\x20-\x7e]/.test(manager))
    return err(failure("BadRequest", `fieldManager: must be 1 to ${MAX_MANAGER_CHARACTERS} printable characters`));
  return ok({ manager, subresource: status ? "status" : "", apiVersion });
}

/** `dryRun=All`: everything but the store. */
export function isDryRun(c: Ask): Result<boolean, Status> {
  const wishes = c.req.queries("dryRun") ?? [];
  const other = wishes.find((wish) => wish !== "All");
  if (other !== undefined) return err(failure("BadRequest", `dryRun: \`${other.slice(0, 64)}\` is not \`All\``));
  return ok(wishes.length > 0);
}

export function isTrue(text: string | undefined): boolean {
  return text === "true" || text === "1";
}

export function refAt({ info, namespace }: ResourcePath, name: string): ObjectRef {
  return { group: info.group, kind: info.kind, namespace: namespace ?? "", name };
}

/**
 * `fieldValidation` of Kubernetes' own kinds, which keep what we do not read: `Strict` refuses it, `Warn` (and no word)
 * stores it with a warning in Kubernetes' own words, `Ignore` says nothing. Other kinds refuse unknown fields whatever it says.
 */
export function validated(c: Ask, { info, status }: ResourcePath, value: unknown): Result<readonly string[], Status> {
  const wish = c.req.query("fieldValidation") ?? "";
  if (!["", "Strict", "Warn", "Ignore"].includes(wish))
    return err(failure("BadRequest", `fieldValidation: \`${wish.slice(0, 64)}\` is not Strict, Warn or Ignore`));
  const owners = ownersProblem(value);
  if (owners) return err(owners);
  if (!info.core || status || wish === "Ignore") return ok([]);
  const unknown = unknownFields(info, value);
  if (wish === "Strict" && unknown.length > 0) {
    const told = unknown.map((field) => `unknown field "${field}"`).join(", ");
    return err(
      failure(
        "BadRequest",
        `${info.kind} in version "${info.version}" cannot be handled as a ${info.kind}: strict decoding error: ${told}`,
      ),
    );
  }
  return ok(unknown.map((field) => `unknown field "${field}"`));
}

/** What a client says of the fields' managers must be readable. */
function ownersProblem(value: unknown): Status | null {
  const { metadata } = (typeof value === "object" && value ? value : {}) as { metadata?: unknown };
  const { managedFields } = (typeof metadata === "object" && metadata ? metadata : {}) as { managedFields?: unknown };
  if (managedFields === undefined || managedFields === null) return null;
  const read = readManagedFields(managedFields);
  return read.ok ? null : read.error;
}
