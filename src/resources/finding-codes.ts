import type { FindingKind, Severity } from "./finding-kind.ts";
import { NAME_FINDINGS } from "./name-findings.ts";
import { OBJECT_FINDINGS } from "./object-findings.ts";
import { RULE_FINDINGS } from "./rule-findings.ts";
import { SETTING_FINDINGS } from "./setting-findings.ts";

/**
 * Every kind of finding: 00 an object by itself, 01 names of what is not there, 02 rules that do nothing, 03 objects that
 * stand against each other, 04 settings of resilience, 05 what nobody uses, 06 what lets too much in. A code keeps its meaning: add, never reuse.
 */
export const FINDINGS = { ...OBJECT_FINDINGS, ...NAME_FINDINGS, ...RULE_FINDINGS, ...SETTING_FINDINGS } as const;

export type FindingCode = keyof typeof FINDINGS;

type CodeOf<S extends Severity> = {
  [Code in FindingCode]: (typeof FINDINGS)[Code]["severity"] extends S ? Code : never;
}[FindingCode];
export type ErrorCode = CodeOf<"error">;
/** Of what does not refuse a write. */
export type RemarkCode = CodeOf<"warning" | "info">;

export function kindOfFinding(code: FindingCode): FindingKind {
  return FINDINGS[code];
}
