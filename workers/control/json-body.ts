import type { z } from "zod";
import { plainCopy } from "../../src/kube/json-values.ts";
import { failure, type Status } from "../../src/kube/status.ts";
import { parseOne } from "../../src/resources/documents.ts";
import { err, ok, type Result } from "../../src/result.ts";
import { readText } from "./kube/body.ts";

/**
 * A body of the plain API: JSON with the limits of R25, so that no key is there twice, as its schema wants it.
 *
 * @param form what is sent here, for whoever sent something else
 * @param maxBytes where less than the usual is enough
 */
export async function readJson<T>(
  request: Request,
  schema: z.ZodType<T>,
  form: string,
  maxBytes?: number,
): Promise<Result<T, Status>> {
  const plain = await readPlain(request, form, maxBytes);
  if (!plain.ok) return plain;
  const read = schema.safeParse(plain.value);
  return read.success ? ok(read.data) : err(failure("BadRequest", `send JSON: ${form}`));
}

/** A body of JSON, whatever it holds: for readers that name each field that is wrong. */
export async function readPlain(request: Request, form: string, maxBytes?: number): Promise<Result<unknown, Status>> {
  const text = await readText(request, maxBytes);
  if (!text.ok) return text;
  const value = parseOne(text.value, "json");
  // A record's schema would drop a member `__proto__` in silence.
  const plain = value.ok ? plainCopy(value.value) : null;
  return plain?.ok === true ? plain : err(failure("BadRequest", `send JSON: ${form}`));
}
