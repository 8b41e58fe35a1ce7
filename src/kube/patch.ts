import type { KeyedLists } from "../kinds/list-keys.ts";
import { err, ok, type Result } from "../result.ts";
import { jsonPatch } from "./json-patch.ts";
import { isMap, MAX_CHARACTERS, plainCopy, sizeOf, TOO_LARGE } from "./json-values.ts";
import { failure, type Status } from "./status.ts";
import { strategicPatch } from "./strategic-patch.ts";

export type Patch =
  /** RFC 7396. */
  | { readonly type: "merge"; readonly body: unknown }
  /** RFC 6902: a list of operations. */
  | { readonly type: "json"; readonly body: unknown }
  /** Kubernetes' own, with directives (`$patch`, `$setElementOrder/ports`). */
  | { readonly type: "strategic"; readonly body: unknown };

/**
 * Changes an object as a patch says. `before` stays as it is, and the result shares nothing with it or with the patch.
 *
 * @param before JSON: an object as it is stored
 * @param patch its body as parsed from the request; untrusted
 * @param lists which lists a strategic patch merges, and by what; other patches have no use for it
 * @returns the patched copy; or BadRequest (400) where the patch itself is malformed, RequestEntityTooLarge (413) where
 *   it has more than 10,000 operations, or too many at the head of long lists, Invalid (422) where it cannot be applied: nothing stands at a path, a `test`
 *   fails, the result would be larger than 1 MiB or nest deeper than 64
 * @see RFC 7396, RFC 6902, and Kubernetes' sig-api-machinery/strategic-merge-patch.md
 */
export function applyPatch(before: unknown, patch: Patch, lists: KeyedLists): Result<unknown, Status> {
  const object = plainCopy(before);
  if (!object.ok) return err(failure("Invalid", `the object cannot be patched: ${object.error}`));
  const body = plainCopy(patch.body);
  if (!body.ok) return err(failure("BadRequest", `the patch: ${body.error}`));
  const patched = patchedBy(patch.type, object.value, body.value, lists);
  if (patched.ok && sizeOf(patched.value) > MAX_CHARACTERS)
    return err(failure("Invalid", `the result would be ${TOO_LARGE}`));
  return patched;
}

function patchedBy(type: Patch["type"], object: unknown, body: unknown, lists: KeyedLists): Result<unknown, Status> {
  switch (type) {
    case "merge":
      return ok(mergePatch(object, body));
    case "json":
      return jsonPatch(object, body);
    case "strategic":
      return strategicPatch(object, body, lists);
  }
}

/** RFC 7396 §2. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isMap(patch)) return patch;
  const merged = new Map(isMap(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}
