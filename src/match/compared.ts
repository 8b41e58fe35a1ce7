import type { StringMatch } from "../snapshot/model.ts";

/** One comparison of a rule with a request, for people. */
export interface Compared {
  /** Below the rule: `from[0].source.principals`. */
  readonly field: string;
  /** What of the request: `source principal`, `path`. */
  readonly of: string;
  /** What the request has; null: nothing, or what no record holds. */
  readonly actual: string | null;
  /** What the rule wants: one of these; of a field that begins with `not`, none of these. */
  readonly wanted: readonly string[];
  /** Null: the record does not say. */
  readonly holds: boolean | null;
}

/** Lists may be long; who asks why reads no more of them. */
const MAX_WANTED = 20;

/** As its author wrote it, or nearly. */
export function matchText(match: StringMatch): string {
  switch (match.kind) {
    case "present":
    case "nonempty":
      return "*";
    case "prefix":
      return `${match.value}*`;
    case "suffix":
      return `*${match.value}`;
    case "regex":
      return `~${match.value}`;
    case "exact":
    case "template":
    case "wildcard":
      return match.value;
  }
}

export function wantedTexts(texts: readonly string[]): readonly string[] {
  const more = texts.length - MAX_WANTED;
  return more <= 0 ? texts : [...texts.slice(0, MAX_WANTED), `and ${more} more`];
}
