import type { Context } from "./kind.ts";
import type { ObjectMeta } from "./object.ts";

const ANNOTATION = "istio.io/dry-run";

/** What Istio reads, by Go's rules. */
const VALUES: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

/** Whether a policy is to be evaluated and told of, and not enforced. */
export function isDryRun({ annotations }: Pick<ObjectMeta, "annotations">): boolean {
  return VALUES.get(annotations?.[ANNOTATION] ?? "") === true;
}

/** A value that nobody can read must not leave it open whether a policy is enforced. */
export function checkDryRun({ metadata, object }: Context): void {
  const value = metadata.annotations?.[ANNOTATION];
  if (value !== undefined && !VALUES.has(value))
    object.at("metadata", "annotations", ANNOTATION).error("must be `true` or `false`, as text");
}
