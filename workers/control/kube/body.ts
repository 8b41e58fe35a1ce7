import { failure, type Status } from "../../../src/kube/status.ts";
import { GatheredBytes } from "../../../src/request/gathered-bytes.ts";
import { err, ok, type Result } from "../../../src/result.ts";

/** One request's documents; larger sets are applied in parts. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Reads a body, counting the bytes that come and not those that are announced (R26). Compressed ones are refused. */
export async function readBytes(request: Request, maxBytes = MAX_BODY_BYTES): Promise<Result<Uint8Array, Status>> {
  const coding = request.headers.get("content-encoding");
  // Unpacked, a small body can be any size; nobody needs that for a megabyte.
  if (coding !== null && !/^\s*(identity)?\s*$/i.test(coding)) {
    const message = "a body with a `Content-Encoding` is not read here; send it as it is";
    return err(failure("UnsupportedMediaType", message));
  }
  const gathered = new GatheredBytes(maxBytes);
  for await (const chunk of request.body ?? [])
    if (!gathered.add(chunk))
      return err(failure("RequestEntityTooLarge", `the body is larger than ${maxBytes} bytes; send it in parts`));
  return ok(gathered.bytes);
}

export async function readText(request: Request, maxBytes = MAX_BODY_BYTES): Promise<Result<string, Status>> {
  const bytes = await readBytes(request, maxBytes);
  return bytes.ok ? utf8(bytes.value) : bytes;
}

export function utf8(bytes: Uint8Array): Result<string, Status> {
  try {
    return ok(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return err(failure("BadRequest", "the body is not UTF-8"));
  }
}

export type Syntax = "json" | "yaml";

const SYNTAXES: Readonly<Record<string, Syntax>> = {
  "application/json": "json",
  "application/yaml": "yaml",
  "application/x-yaml": "yaml",
  "text/yaml": "yaml",
};

/** The type without its parameters, in lower case; null where none is named. */
export function mediaType(contentType: string | undefined): string | null {
  return contentType === undefined ? null : (contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "");
}

/** @param otherwise where the client names no type */
export function syntaxOf(contentType: string | undefined, otherwise: Syntax): Result<Syntax, Status> {
  const type = mediaType(contentType);
  if (type === null) return ok(otherwise);
  const syntax = Object.hasOwn(SYNTAXES, type) ? SYNTAXES[type] : undefined;
  if (syntax !== undefined) return ok(syntax);
  const message = `\`${type}\` is not read here; send \`Content-Type: application/yaml\` or \`application/json\``;
  return err(failure("UnsupportedMediaType", message));
}
