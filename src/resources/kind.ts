import { later } from "./fields.ts";
import type { ObjectMeta } from "./object.ts";
import type { Report } from "./report.ts";

/** What the checks of a spec know beside it. */
export interface Context {
  readonly metadata: ObjectMeta;
  /** True only in the local mesh, where loopback stands for Cloudflare's network. */
  readonly local: boolean;
  /** For what is wrong outside the spec. */
  readonly object: Report;
}

const DRY_RUN = "istio.io/dry-run";

/** A policy that was meant to be tried out must not be enforced. */
export function refuseDryRun({ metadata, object }: Context): void {
  const value = metadata.annotations?.[DRY_RUN];
  const place = object.at("metadata", "annotations", DRY_RUN);
  if (value === "true")
    place.error(later("the policy would be enforced; leave the annotation out"), "FieldValueNotSupported");
  else if (value !== undefined && value !== "false") place.error("must be `true` or `false`, as text");
}
