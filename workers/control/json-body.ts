import type { z } from "zod";
import { plainCopy } from "../../src/kube/patch.ts";
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
  const text = await readText(request, maxBytes);
  if (!text.ok) return text;
  const value = parseOne(text.value, "json");
  // A record's schema would drop a member `__proto__` in silence.
  const plain = value.ok ? plainCopy(value.value) : null;
  const read = plain?.ok === true ? schema.safeParse(plain.value) : null;
  return read?.success === true ? ok(read.data) : err(failure("BadRequest", `send JSON: ${form}`));
}
